"""What must hold when everything is at rest: every execution ended, every event delivered, every failure re-driven."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation import sessions
from tests.simulation.aws.store import Version
from tests.simulation.coverage import key_in
from tests.simulation.execution import repairs_of
from tests.simulation.oracle import PREFIX, Place, Uploaded, place_of, without_partition
from tests.simulation.outside import SCANNER_TAG, UPLOADERS_TAGS
from tests.simulation.scenario import MARK, LandingKey
from tests.simulation.watch import STATUS, folder_in

if TYPE_CHECKING:
    from tests.simulation.execution import Execution
    from tests.simulation.world import Published, World

_STATUS_OF = {"duplicate": "cataloged"}
_MARK_OF = {"Object Cataloged": "cataloged", "Object Withdrawn": "withdrawn"}


def violations(world: World) -> list[str]:
    """What is broken, each as one sentence that begins with the invariant's number."""
    if world.violations:
        return world.violations
    found: list[str] = []
    for key in world.scenario.keys:
        if not world.known.forgotten(key.key):
            found += _Key(world, key).check()
    for execution in world.executions.values():
        found += _ended(world, execution)
    for judge in world.judges:
        found += judge.at_rest()
    return found + sessions.violations(world) + _event_ids(world) + _contradictions(world) + _leaks(world)


class _Key:
    """One landing key at rest."""

    def __init__(self, world: World, key: LandingKey) -> None:
        self.world = world
        self.key = key
        self.uploads = [upload for upload in world.known.uploads if upload.key == key]
        self.events = [
            event for event in world.published if event.detail.get("source", {}).get("key") == key.key
        ]
        self.unfiled = [event for event in self.events if event.detail.get("disposition") == "unfiled"]
        self.cataloged = [event for event in self.events if event.type == "Object Cataloged"]
        self.alive = {
            name: version
            for name in world.processed.live_keys()
            if (version := world.processed.live(name)) and self._is_ours(version)
        }

    def check(self) -> list[str]:
        if not self.uploads:
            return []
        newest = self._newest()
        found = self._shown(newest)
        if found and self.world.known.refused and not (newest and self.world.known.taken_out(newest)):
            # What is filed of a version in which a threat is found later stays; an intake that comes then leaves it,
            # or, where there is one, files the clean version before it.
            found = self._shown(self._newest(still=True))
            # One that was broken off in the middle can't be finished: it fails, and what it wrote stays.
            shown = {version.metadata["carefile-version"] for version in self.alive.values()}
            if (shown and all(self._is_refused(version) for version in shown)) or self._broken_off():
                found = []
        before = self._newest(still=True)
        if found and newest and before and before is not newest and self._is_refused(newest.version):
            # A threat that is taken out leaves its place to the clean version before it.
            found = self._shown(before) if self.world.known.taken_out(newest) else found
        return found + [text for upload in self.uploads for text in self._disposition(upload)]

    def _broken_off(self) -> bool:
        """Whether nothing may be filed, and an execution that had begun failed for good, for all to see. It may have
        been slow, and have written an older version over the threat, or emptied its place."""
        return self._current(still=True) is None and any(
            it.final and it.error == "ThreatFound" and it.progress.state.startswith("Normalise")
            for it in self.world.executions.values()
            if key_in(it.asked) == self.key.key
        )

    def _is_refused(self, version: str) -> bool:
        return (self.key.key, version) in self.world.known.refused

    def _shown(self, newest: Uploaded | None) -> list[str]:
        if newest is not None and self.world.known.taken_out(newest):
            return self._unfiled(newest)
        return self._nothing_filed() if newest is None else self._filed(newest)

    def _is_ours(self, version: Version) -> bool:
        upload = self.world.watch.stamped.get(version.metadata.get("carefile-source", ""))
        return upload is not None and upload.key == self.key

    def _newest(self, *, still: bool = False) -> Uploaded | None:
        """The version that the destination has to show: the current one, or, where that was deleted, the newest
        of those that were announced."""
        current = self._current(still=still)
        if current is not None:
            return next((it for it in self.uploads if it.version == current.id), self.uploads[-1])
        announced = [self._upload(event.detail) for event in (*self.cataloged, *self.unfiled)]
        kept = [upload for upload in announced if not (still and self._is_refused(upload.version))]
        return max(kept, key=lambda upload: upload.number, default=None)

    def _current(self, *, still: bool = False) -> Version | None:
        """The current version, as if there were no empty ones; where malware protection is waited for, as if there
        were only those that it found clean, or still finds so, and deletions."""
        history = [it for it in self.world.landing.keys.get(self.key.key, []) if it.body != b""]
        if self.world.scenario.scanned:
            clean = self.world.known.clean - (self.world.known.refused if still else set())
            history = [it for it in history if it.body is None or (it.key, it.id) in clean]
        return history[-1] if history and history[-1].body is not None else None

    def _upload(self, detail: dict[str, Any]) -> Uploaded:
        source = detail["source"]
        version = source.get("version_id") or f"{source['etag']}@{source['last_modified']}"
        return next(upload for upload in self.uploads if upload.version == version)

    def _is_about(self, event: Published, upload: Uploaded) -> bool:
        versioned = self.world.scenario.versioned
        return not versioned or event.detail["source"].get("version_id") == upload.version

    def _nothing_filed(self) -> list[str]:
        if not self.world.scenario.versioned:
            return []  # what is deleted there can't be brought to an end by anybody
        return [f"I2 {name} is there, but nothing was ever announced" for name in self.alive]

    def _unfiled(self, newest: Uploaded) -> list[str]:
        """A person took the newest version out: nothing is there, and both events and catalog say so."""
        found = [f"I2 {name} is there, though {newest.name} was taken out" for name in sorted(self.alive)]
        if not self.unfiled:
            # Where a threat was found before anything was filed, there is nothing to take out: as long as nobody may
            # file it, whoever takes it out fails with the threat, for all to see, and nothing has to be retired.
            never_filed = self._is_refused(newest.version) and self.key.key not in self.world.watch.filed
            return found if never_filed else [*found, f"I3 {newest.name} was taken out, and nobody was told"]
        revision = max(event.detail["revision"] for event in self.unfiled)
        newer = [event for event in self.cataloged if event.detail["revision"] > revision]
        found += [f"I2 {newest.name} was taken out, and announced as filed since" for _ in newer]
        source_id = self.unfiled[0].detail["source_id"]
        item = self.world.dynamodb.tables.get("catalog", {}).get(source_id)
        if item is None or "unfiled_at" not in item:
            found.append(f"I2 {newest.name} was taken out, and the catalog does not say so")
        return found

    def _filed(self, newest: Uploaded) -> list[str]:
        if not self.alive:
            return [f"I2 {newest.name} is the newest of {self.key.key}, and nothing of it is there"]
        places = self._decided(newest)
        shown = next(iter(self.alive))
        fitting = [place for place in places if (at := folder_in(place, shown)) and place.has(at)]
        # Of two decisions at one moment that leave it in one folder, either may be shown.
        listed = self._listed()
        place = next((it for it in fitting if it.listed == listed), next(iter(fitting), None))
        if place is None:
            wanted = " or ".join(place.plain for place in places)
            return [f"I2 {shown} shows {newest.key.key}, which belongs to {wanted}"]
        folder = folder_in(place, shown)
        assert folder is not None
        wanted_keys = {folder + name for name in place.objects}
        found = [
            f"I2 {name} of {self.key.key} is still there" for name in sorted(self.alive.keys() - wanted_keys)
        ]
        found += [f"I2 {name} is missing" for name in sorted(wanted_keys - self.alive.keys())]
        for name, version in self.alive.items():
            if version.metadata["carefile-version"] != newest.version:
                found.append(f"I2 {name} shows {version.metadata['carefile-version']}, not {newest.version}")
            found += self._tags(name, version, place)
        return found or self._announced(newest, place, folder)

    def _decided(self, newest: Uploaded) -> Sequence[Place]:
        """Where the newest version may be: the latest decision about it holds, whenever its event arrived. The times
        of events are whole seconds, so of two decisions less than a second apart either may."""
        if self._is_refused(newest.version):
            # Nobody files past the scanner, and so what is filed of a threat is not moved.
            return self.world.known.possible(newest)
        ours = [decision for decision in self.world.known.decisions if decision.key == self.key]
        about = self.world.known.about
        named = [d for d in ours if about(d) == newest.version or d.is_about_bytes_of(newest)]
        latest = max((decision.at for decision in named), default=None)
        holding = [d for d in named if latest and latest - d.at < timedelta(seconds=1)]
        assigned = self.world.known.assigned(self.key)
        merged = self.world.known.merged[-1]
        undecided = [] if named else [place_of(newest, (), assigned, merged)]
        places: Sequence[Place] = [place_of(newest, d.hints, assigned, merged) for d in holding] + undecided
        for judge in self.world.judges:
            places = judge.now(newest, places)
        return places

    def _tags(self, name: str, version: Version, place: Place) -> list[str]:
        wanted = {
            "kind": _kind(version, place),
            "patient-status": "known" if place.patient else "unknown",
        } | dict(UPLOADERS_TAGS)
        return [
            f"tag {tag} of {name} is not {value}"
            for tag, value in wanted.items()
            if version.tags.get(tag) != value
        ]

    def _announced(self, newest: Uploaded, place: Place, folder: str) -> list[str]:
        """What the catalog says is what S3 holds, and every place that was left is announced as retired."""
        if not self.cataloged:
            return [f"I3 {newest.name} is filed in {folder}, but was never announced"]
        source_id = self.cataloged[0].detail["source_id"]
        item = self.world.dynamodb.tables.get("catalog", {}).get(source_id)
        if item is None:
            return [f"I3 the catalog has nothing of {self.key.key}"]
        best = max(self.cataloged, key=lambda event: event.detail["revision"])
        said = {name: next(iter(value.values())) for name, value in item.items()}
        said["patient_ref_key"] = without_partition(said.get("patient_ref_key", ""))
        wanted = {
            "prefix": folder,
            "key": folder + place.objects[0],
            "patient_ref_key": place.listed,
            "landing_key": self.key.key,
            "size": str(len(newest.body)),
            "revision": str(best.detail["revision"]),
        }
        if self.world.scenario.versioned:
            wanted["landing_version"] = newest.version
        found = [
            f"I2 the catalog's {name} is {said.get(name)}, not {value}"
            for name, value in wanted.items()
            if said.get(name) != value
        ]
        return found + self._retired(
            folder if not place.is_session else folder + place.objects[0], best.detail["revision"]
        )

    def _listed(self) -> str | None:
        """What the catalog lists the key's entry under."""
        items = (
            self.world.dynamodb.tables.get("catalog", {}).get(it.detail["source_id"]) for it in self.cataloged
        )
        return next(
            (
                without_partition(item["patient_ref_key"]["S"])
                for item in items
                if item and "patient_ref_key" in item
            ),
            None,
        )

    def _retired(self, destination: str, revision: int) -> list[str]:
        told: dict[str, int] = {}
        for event in self.events:
            if event.type == "Object Retired":
                at = event.detail["location"]["prefix"]
                told[at] = max(told.get(at, 0), event.detail["revision"])
        found = []
        for event in self.cataloged:
            detail = event.detail
            at = (
                detail["location"]["prefix"]
                if detail["kind"] == "document"
                else detail["location"]["objects"][0]["key"]
            )
            if at != destination and told.get(at, 0) < detail["revision"]:
                found.append(f"I2 {at} was announced and left, and no Object Retired tells so")
        if told.get(destination, 0) > revision:
            found.append(f"I2 {destination} is where it is, and announced as retired")
        # What was filed of a threat, and left before anybody announced it, is nothing that a consumer could still show.
        refused = any(self._is_refused(upload.version) for upload in self.uploads)
        for at in self.world.watch.filed.get(self.key.key, set()) - {destination}:
            if at not in told and not refused and not self._left_alone(at):
                found.append(f"I2 {at} was written and left, and no Object Retired tells so")
        return sorted(found)

    def _left_alone(self, at: str) -> bool:
        """Whether a function that nobody waited for emptied a place. It tells nobody, and nobody was told that anything
        is there, as that is another check's."""
        return any("~" in who for key, who in self.world.watch.emptied.items() if key.startswith(at))

    def _disposition(self, upload: Uploaded) -> list[str]:
        """One visible disposition an upload: its tag is what one of its executions ended with."""
        version = self.world.landing.find(
            self.key.key, upload.version if self.world.scenario.versioned else None
        )
        executions = [e for e in self.world.executions.values() if _asked(e) == upload.version]
        if version is None or version.body is None or (not executions):
            return []
        if not self.world.scenario.versioned and len(self.uploads) > 1:
            return []  # tags are the object's there, and so every upload's that was ever made of it
        tag = version.tags.get(STATUS)
        verdict = self.world.verdicts.get(version.id)
        if verdict and version.tags.get(SCANNER_TAG[0]) != verdict:
            return [f"malware: {upload.name} is tagged {version.tags.get(SCANNER_TAG[0])}, not {verdict}"]
        ended = {e.output["disposition"] for e in executions if e.status == "SUCCEEDED"}
        found = [
            f"the tag {name} of {upload.name} was wiped"
            for name, _ in UPLOADERS_TAGS
            if name not in version.tags
        ]
        # An Express execution that failed after it had filed and tagged the upload, and before it announced it: the
        # promoted one begins anew, and may find it overtaken. The newer version is announced; the tag stays.
        begun_anew = any(e.express and e.status != "SUCCEEDED" for e in executions)
        if not ended:
            # Nobody hears of a promotion that fails for good; or a threat is found before the promoted one begins. What
            # the Express execution said before that is true.
            said = tag in {_MARK_OF.get(event.type) for event in self.events if self._is_about(event, upload)}
            # The status that a copy brought along stays, if a newer version was filed before anybody looked.
            overtaken = upload is not self.uploads[-1] and tag in ("cataloged", "superseded")
            unheard = any(e.express and e.status == "FAILED" for e in executions)
            # It may also have said so, by announcing the newer version, before a threat was found.
            unheard |= begun_anew and self._is_refused(upload.version)
            if tag in (None, "failed") or (begun_anew and said) or (unheard and overtaken):
                return found
            return [*found, f"I3 {upload.name} failed for good but is tagged {tag}"]
        allowed = {_STATUS_OF.get(disposition, disposition) for disposition in ended}
        current = self._current()
        stays = upload is self._newest() and not self._is_refused(upload.version)
        if current and current.id in (upload.version, "null") and stays:
            taken_out = self.world.known.taken_out(upload)
            allowed = {"cataloged", "unfiled"} if taken_out else {"cataloged"}
        if begun_anew and upload is not self.uploads[-1]:
            allowed.add("superseded")  # by one that failed after it had said so
        if begun_anew and "unfiled" in ended:
            # The Express execution announced and noted it, and failed before its tag showed so; then it was taken out.
            # What is noted only rises, and that it was announced is looked at below.
            allowed.add("cataloged")
        if begun_anew and "superseded" in ended:
            allowed.add("cataloged")
            if any(self._is_about(event, upload) for event in self.unfiled):
                allowed.add("unfiled")  # announced and noted likewise
            return found if tag in allowed else [*found, f"I3 {upload.name} is tagged {tag}"]
        if tag not in allowed:
            found.append(f"I3 {upload.name} is tagged {tag}; its executions ended {sorted(ended)}")
        if tag == "cataloged" and not any(self._upload(event.detail) == upload for event in self.cataloged):
            found.append(f"I3 {upload.name} is tagged cataloged but was never announced")
        return found


def _kind(version: Version, place: Place) -> str:
    if version.metadata.get("carefile-role") == "manifest":
        return "manifest"
    return "session" if place.is_session else "document"


def _asked(execution: Execution) -> str | None:
    """The version an execution was for."""
    upload = execution.output.get("upload") or {}
    asked = execution.asked
    named = asked.get("detail", asked)
    scanned = named.get("s3ObjectDetails", {}).get("versionId")
    version = named.get("version_id") or named.get("object", {}).get("version-id") or scanned
    return upload.get("version") or version


def _ended(world: World, execution: Execution) -> list[str]:
    if execution.express and execution.status != "SUCCEEDED":
        return _handed_on(world, execution)
    if execution.status == "SUCCEEDED" and execution.output.get("disposition") in (
        "cataloged", "duplicate", "superseded", "withdrawn", "unfiled",
    ):  # fmt: skip
        return []
    return [] if execution.final else [f"I3 {execution.name} ended {execution.status} {execution.error}"]


def _handed_on(world: World, execution: Execution) -> list[str]:
    """What did not go well on the express lane went on: promoted, or, where not even that could be done, found by a
    reconciliation."""
    names = {other.name for other in world.executions.values()}
    if execution.status == "PROMOTED":
        if f"promoted-{execution.name}" in names:
            return []
        return [f"I3 {execution.name} was promoted, and nothing began"]
    looked_at = f"repair-{execution.name}" in names or not repairs_of(world, _key_of(execution))
    if execution.progress.state == "QueuePromotion" and looked_at:
        return []
    return [f"I3 {execution.name} ended {execution.status} {execution.error}, and nobody was told"]


def _key_of(execution: Execution) -> str:
    return str(execution.asked["detail"]["object"]["key"])


def _event_ids(world: World) -> list[str]:
    """One fact, one id; one id, one fact."""
    ids: dict[str, str] = {}
    facts: dict[str, str] = {}
    found = []
    for event in world.published:
        if event.type != "Object Cataloged":
            continue
        source = event.detail["source"]
        fact = json.dumps(
            [source["key"], source.get("version_id") or [source["etag"], source["last_modified"]]]
        )
        event_id = event.detail["event_id"]
        if ids.setdefault(fact, event_id) != event_id:
            found.append(f"events of one version of {source['key']} have two ids")
        if facts.setdefault(event_id, fact) != fact:
            found.append(f"two versions share the event id {event_id}")
    return found


def _contradictions(world: World) -> list[str]:
    """No upload is announced both as filed and as deleted before it was."""
    told: dict[str, set[tuple[str, str]]] = {"Object Cataloged": set(), "Object Withdrawn": set()}
    for event in world.published:
        source = event.detail.get("source", {})
        if event.type in told and "version_id" in source and not world.known.forgotten(source["key"]):
            told[event.type].add((source["key"], source["version_id"]))
    both = told["Object Cataloged"] & told["Object Withdrawn"]
    return [
        f"I3 {version} of {key} is announced as cataloged and as withdrawn" for key, version in sorted(both)
    ]


def _leaks(world: World) -> list[str]:
    found = [f"I5 a cause names the patient: {text}" for text in world.causes if MARK in text]
    lines = world.recorder.lines if MARK in repr(world.recorder.lines) else ()
    found += [f"I5 a log line or metric names the patient: {line}" for line in lines if MARK in repr(line)]
    found += [
        "I5 a failure's event names the patient in its cause"
        for event in world.published
        if MARK in event.detail.get("cause", "")
    ]
    return found


__all__ = ["PREFIX", "SCANNER_TAG", "violations"]
