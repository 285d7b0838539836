"""What must hold at every moment, looked at after each call that took effect, and how a call reads in a trace.

I1  nothing is written under a patient that no evidence names for that version; a folder has one owner for good
I5  tags hold nothing of a patient
I7  the functions write nothing into the landing bucket but tags, and wipe no tag that they could have seen
I3  no intake calls a duplicate what nobody else ever filed
what an event says is filed is there when the event is published
where malware protection is waited for, nothing is written of a version before it was told to be clean
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tests.simulation.aws.gate import Call, Fault
from tests.simulation.oracle import PREFIX, Place, Uploaded
from tests.simulation.scenario import MARK

if TYPE_CHECKING:
    from tests.simulation.aws.store import Version
    from tests.simulation.world import Published, World

STATUS = "pipeline-status"


class Watch:
    def __init__(self, world: World) -> None:
        self._world = world
        self._owners: dict[str, str] = {}  # folder: the owner its manifest names
        self._users: dict[str, str] = {}  # folder: whose objects are in it
        self._seen_tags: dict[tuple[str, str], frozenset[str]] = {}
        self._verdicts: set[tuple[str, str, str]] = set()
        self.stamped: dict[str, Uploaded] = {}  # source id: any version of that source
        self._writers: dict[
            tuple[str, str], set[str]
        ] = {}  # source id and version: the intakes that wrote it
        self.filed: dict[
            str, set[str]
        ] = {}  # landing key: every folder or session object it was ever written to
        self.emptied: dict[str, str] = {}  # key in the layout: who deleted it last

    def after(self, call: Call, result: Any) -> None:
        operation, arguments = call.operation, call.arguments
        if operation in ("PutObject", "CopyObject"):
            self._written(arguments["Bucket"], arguments["Key"])
        elif operation == "DeleteObject":
            self.emptied[arguments["Key"]] = self._world.actor
            if arguments["Bucket"] == "landing":
                self._fail("I7 a function deletes a landing object")
        elif operation == "UpdateItem" and ":verdict" in arguments["ExpressionAttributeValues"]:
            self._heard(arguments)
        elif operation == "UpdateItem" and "#meant" in arguments.get("ExpressionAttributeNames", ()):
            decision = self._world.actor.partition("~")[0].rstrip("'")
            self._world.known.meant[decision] = arguments["ExpressionAttributeValues"][":version"]["S"]
        elif operation == "GetObjectTagging":
            tags = frozenset(tag["Key"] for tag in result["TagSet"])
            self._seen_tags[self._world.actor, arguments["Key"]] = tags
        elif operation == "PutObjectTagging":
            self._tagged(arguments)
        for judge in self._world.judges:
            judge.after(call, result)

    def _heard(self, update: dict[str, Any]) -> None:
        """A verdict that is written once more, by whoever goes on with it, tells nobody anything."""
        values = update["ExpressionAttributeValues"]
        verdict = (str(update["Key"]), values[":verdict"]["S"], values[":scanned"]["S"])
        if verdict not in self._verdicts:
            self._verdicts.add(verdict)
            self._world.verdict_recorded()

    def published(self, event: Published) -> None:
        """An event is on the bus: is it true?"""
        if event.type != "Object Cataloged":
            return
        source, location = event.detail["source"], event.detail["location"]
        # On the express lane an upload may have two executions, which are one intake.
        intake = event.detail["execution"].rpartition(":")[2].removeprefix("promoted-")
        wrote = self._writers.get((event.detail["source_id"], source.get("version_id", "")))
        if event.detail["disposition"] == "duplicate" and wrote == {intake}:
            self._fail(f"I3 {event.detail['execution']} calls a duplicate what nobody but itself ever filed")
        for item in location["objects"]:
            found = self._world.processed.find(item["key"], item.get("version_id"))
            if found is None and self._world.known.forgotten(source["key"]):
                continue
            if found is None or found.body is None or found.etag.strip('"') != item["etag"]:
                self._fail(
                    f"an event announces {item['key']} {item.get('version_id')}, which was not written"
                )
            elif source.get("version_id") and found.metadata.get("carefile-version") != source["version_id"]:
                self._fail(
                    f"an event announces version {source['version_id']} of {source['key']}, but shows another"
                )

    def owner_of(self, folder: str) -> str | None:
        """The id of the owner that its manifest names."""
        return self._owners.get(folder)

    def failure_recorded(self) -> None:
        """No failure is being recorded just now: does the mark of one hide that another execution ended well?"""
        for execution in self._world.executions.values():
            upload = execution.output.get("upload", {})
            version = self._world.landing.find(upload.get("key", ""), upload.get("version_id"))
            if upload.get("version_id") and version is not None and version.tags.get(STATUS) == "failed":
                self._fail(f"I3 {execution.name} ended well, and its upload is marked as failed")

    def _written(self, bucket: str, key: str) -> None:
        if bucket == "reports" and key.startswith("readings/"):
            return
        if bucket != "processed-bucket" or not key.startswith(PREFIX):
            self._fail(f"I7 a function writes {key} into {bucket}")
            return
        version = self._world.processed.live(key)
        assert version is not None
        if any(MARK in text for tag in version.tags.items() for text in tag):
            self._fail(f"I5 a tag of {key} names the patient")
        if key.endswith("/_manifest.json"):
            self._claimed(key.removesuffix("_manifest.json"), version)
        if "carefile-source" in version.metadata:
            self._artifact(key, version)

    def _claimed(self, folder: str, version: Version) -> None:
        owner = json.loads(version.body or b"{}")["owner"]["id"]
        if self._owners.setdefault(folder, owner) != owner:
            self._fail(f"I1 the folder {folder} changes its owner")

    def _artifact(self, key: str, version: Version) -> None:
        stamp = version.metadata
        upload = self._upload_of(stamp["carefile-source"], stamp["carefile-version"])
        if upload is None:
            self._fail(f"I1 {key} is stamped with a version that was never uploaded")
            return
        if self._world.scenario.scanned and (upload.key.key, upload.version) not in self._world.known.clean:
            self._fail(f"malware: {key} is written of {upload.name}, which nobody found clean")
        self.stamped[stamp["carefile-source"]] = upload
        written = (stamp["carefile-source"], stamp["carefile-version"])
        self._writers.setdefault(written, set()).add(unquote(stamp["carefile-execution"]))
        places = self._world.known.possible(upload)
        fitting = [place for place in places if (folder := folder_in(place, key)) and place.has(folder)]
        if not fitting:
            whose = sorted({str(place.patient) for place in places})
            self._fail(f"I1 {key} is written for {upload.name}, which belongs to {' or '.join(whose)}")
            return
        folder = folder_in(fitting[0], key)
        assert folder is not None
        self.filed.setdefault(upload.key.key, set()).add(key if fitting[0].is_session else folder)
        if self._users.setdefault(folder, fitting[0].owner) != fitting[0].owner:
            self._fail(f"I1 {folder} is shared by {self._users[folder]} and {fitting[0].owner}")
        if stamp.get("carefile-role") in ("original", "session") and version.body != upload.body:
            self._fail(f"I6 {key} differs from the upload")

    def _upload_of(self, source_id: str, version: str) -> Uploaded | None:
        same = self.stamped.get(source_id)
        for upload in self._world.known.uploads:
            if upload.version == version and (same is None or upload.key == same.key):
                return upload
        return None

    def _tagged(self, arguments: dict[str, Any]) -> None:
        """A put of tags may wipe only what came after the functions' last look, and that nobody can help."""
        key = arguments["Key"]
        given = {tag["Key"]: tag["Value"] for tag in arguments["Tagging"]["TagSet"]}
        seen = self._seen_tags.get((self._world.actor, key))
        version = self._world.landing.find(key, arguments.get("VersionId"))
        lost = self._before - given.keys() if seen is None else seen - given.keys()
        if version is not None and lost - {STATUS}:
            self._fail(f"a function wipes the tags {sorted(lost)} of {key}")
        if any(MARK in text for tag in given.items() for text in tag):
            self._fail(f"I5 a tag of {key} names the patient")

    @property
    def _before(self) -> frozenset[str]:
        return frozenset({"ward", "pipeline"})

    def _fail(self, text: str) -> None:
        self._world.violations.append(text)

    def told(self, call: Call | None, outcome: Any, verdict: Fault | None) -> str:
        """A call as one line of a trace."""
        assert call is not None
        arguments = call.arguments
        what = arguments.get("Key") or arguments.get("Prefix") or arguments.get("TableName") or ""
        if isinstance(what, dict):
            stamped = self.stamped.get(what["source_id"]["S"])
            what = f"{arguments['TableName']} {stamped.key.key if stamped else what['source_id']['S'][:8]}"
        version = arguments.get("VersionId") or (arguments.get("CopySource") or {}).get("VersionId") or ""
        conditions = " if-none-match" if arguments.get("IfNoneMatch") else ""
        stamp = arguments.get("Metadata") or {}
        written = (
            f" = {stamp['carefile-version']} r{stamp['carefile-revision']}"
            if "carefile-version" in stamp
            else ""
        )
        values = arguments.get("ExpressionAttributeValues") or {}
        added = "".join(f" {name[1:]}={_short(value)}" for name, value in values.items())
        if call.operation == "PutEvents":
            what = ", ".join(_event(entry) for entry in arguments["Entries"])
        if call.operation == "PutObjectTagging":
            what += f" {[tag['Value'] for tag in arguments['Tagging']['TagSet'] if tag['Key'] == STATUS]}"
        failed = f"  !! {verdict}" if verdict else ""
        return f"{call.operation} {what} {version}{conditions}{written}{added}{failed}".replace("  ", " ")


def _short(value: dict[str, Any]) -> str:
    found = next(iter(value.values()))
    return ",".join(found) if isinstance(found, list) else str(found)


def _event(entry: dict[str, Any]) -> str:
    detail = entry["Detail"]
    detail = json.loads(detail) if isinstance(detail, str) else detail
    where = detail.get("location", {}).get("prefix", "")
    version = detail.get("source", {}).get("version_id", "")
    return f"{entry['DetailType']} {version} {where} r{detail.get('revision', '-')}"


def folder_in(place: Place, key: str) -> str | None:
    """The folder that a key of this place would be in."""
    for item in place.objects:
        if key.endswith(f"/{item}"):
            return key[: -len(item)]
    return None
