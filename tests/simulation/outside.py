"""The actor `world`: it goes through the steps of the scenario, each of them at a moment that the schedule decides."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from carefile.core.errors import AssignmentConflict
from carefile.core.filing.layout import Owner
from lambdas.adapters.ledger import Ledger
from tests.simulation.actors import takers
from tests.simulation.aws.store import Version, etag_of
from tests.simulation.oracle import Decision, Uploaded, tree_of
from tests.simulation.scenario import (
    CLEAN,
    MARK,
    SKIPPED,
    Again,
    Assign,
    Delete,
    LandingKey,
    Scan,
    Step,
    Submit,
    Upload,
)

if TYPE_CHECKING:
    from tests.simulation.world import World

UPLOADERS_TAGS = (("ward", "7"), ("pipeline", "b4"))
SCANNER_TAG = ("GuardDutyMalwareScanStatus", "NO_THREATS_FOUND")


class Outside:
    def __init__(self, world: World) -> None:
        self.world = world
        self._steps = list(reversed(world.scenario.steps))
        self.uploaded: dict[str, Uploaded] = {}
        self._events: dict[str, dict[str, Any]] = {}
        self._decisions = 0

    def step(self) -> None:
        step = self._steps.pop()
        if not self._steps:
            del self.world.runnable["world"]
        self._take(step)

    def _take(self, step: Step) -> None:
        world = self.world
        number = self._uploads_key(step)
        key = None if number is None else world.scenario.keys[number]
        if world.observer:
            world.observer.stepped(key.key if key else None, type(step).__name__)
        if isinstance(step, Upload):
            self._upload(step)
        elif isinstance(step, Delete) and key:
            world.note(f"-- {step.name}: delete {key.key}")
            if world.landing.live(key.key):
                world.landing.delete(key.key, world.now())
        elif isinstance(step, Again):
            world.note(f"-- {step.name}: the event of {step.upload} once more")
            self._arriving(step.name, self._events[step.upload])
        elif isinstance(step, Scan) and key:
            found = world.landing.live(key.key)
            world.note(f"-- {step.name}: scan of {key.key} {found.id if found else 'finds nothing'}")
            if found:
                found.tags = {**found.tags, SCANNER_TAG[0]: SCANNER_TAG[1]}
        elif isinstance(step, Assign):
            self._assign(step)
        elif isinstance(step, Submit):
            self._submit(step)
        else:
            takers()[type(step)](self, step)

    def _uploads_key(self, step: Step) -> int | None:
        """The number of the landing key that a step is about."""
        if isinstance(step, Again):
            return self._uploaded_key(step.upload)
        return getattr(step, "key", None)

    def _uploaded_key(self, name: str) -> int:
        return self.world.scenario.keys.index(self.uploaded[name].key)

    def _upload(self, step: Upload) -> None:
        world = self.world
        key = world.scenario.keys[step.key]
        body = self._body(step)
        metadata = {"patient-id": step.metadata} if step.metadata else {}
        version = Version(key.key, "", body, world.now(), etag_of(body), "text/plain", metadata)
        version.tags = dict(UPLOADERS_TAGS) | (
            {"pipeline-status": "cataloged"} if step.copied or step.marked else {}
        )
        if world.scenario.scanned and step.copied:
            version.tags[SCANNER_TAG[0]] = CLEAN
        world.landing.add(version)
        shown = (
            version.id
            if world.landing.versioned
            else f"{version.etag.strip(chr(34))}@{version.modified:%Y-%m-%dT%H:%M:%SZ}"
        )
        uploaded = Uploaded(
            step.name,
            len(world.known.uploads) + 1,
            key,
            shown,
            body,
            step.metadata,
            _patient_in(body),
            UPLOADERS_TAGS,
        )
        world.known.uploads.append(uploaded)
        self.uploaded[step.name] = uploaded
        world.note(
            f"-- {step.name}: upload {key.key} = {shown}, patient in metadata {step.metadata}, "
            f"in content {uploaded.content}, {len(body)} bytes"
            f"{', a copy' if step.copied else ''}{', marked as filed' if step.marked else ''}"
        )
        if world.scenario.scanned:
            self._scanning(step, version)
            return
        named = {"key": key.key, "size": len(body), "etag": version.etag.strip('"')}
        if world.landing.versioned:
            named["version-id"] = version.id
        event = {
            "source": "aws.s3",
            "detail-type": "Object Created",
            "detail": {
                "bucket": {"name": "landing"},
                "object": named,
                "reason": "CopyObject" if step.copied else "PutObject",
            },
        }
        self._events[step.name] = event
        self._arriving(step.name, event)

    def _scanning(self, step: Upload, version: Version) -> None:
        """Malware protection writes its tag at some time, and at another, perhaps before, it tells of its verdict."""
        self._verdict(step.name, version, step.verdict)
        # Two verdicts' tags may come in any order, and what the scanner itself tags last is what it left.
        if not step.second_verdict and not (step.copied and step.verdict == SKIPPED):
            self.world.verdicts[version.id] = step.verdict
        if step.second_verdict:

            def again(verdict: str = step.second_verdict) -> None:
                del self.world.runnable[f"scan {step.name} again"]
                self._verdict(f"{step.name}+", version, verdict)

            self.world.runnable[f"scan {step.name} again"] = again

    def _verdict(self, name: str, version: Version, verdict: str) -> None:
        world = self.world

        def tag() -> None:
            del world.runnable[f"tag {name}"]
            world.note(f"   {version.id} is tagged {verdict}")
            version.tags = {**version.tags, SCANNER_TAG[0]: verdict}

        world.runnable[f"tag {name}"] = tag
        # A second scan is later, however little time the schedule takes.
        at = world.now() + timedelta(hours=name.endswith("+"))
        event = {
            "source": "aws.guardduty",
            "detail-type": "GuardDuty Malware Protection Object Scan Result",
            "time": f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "detail": {
                "scanStatus": "SKIPPED" if verdict == SKIPPED else "COMPLETED",
                "s3ObjectDetails": {
                    "bucketName": "landing",
                    "objectKey": version.key,
                    "eTag": version.etag.strip('"'),
                    "versionId": version.id,
                },
                "scanResultDetails": {"scanResultStatus": verdict},
            },
        }
        self._events[name] = event
        self._arriving(name, event)

    def _body(self, step: Upload) -> bytes:
        if step.empty:
            return b""
        if step.like:
            return self.uploaded[step.like].body
        content = {"patient_id": step.content} if step.content else {}
        return json.dumps(content | {"text": f"{MARK} {step.name}"}).encode()

    def _submit(self, step: Submit) -> None:
        world = self.world
        uploaded = self.uploaded[step.upload] if step.upload else None
        key = world.scenario.keys[step.key]
        version = uploaded.version if uploaded else None
        world.note(f"-- {step.name}: submit {key.key} {version or ''} {dict(step.hints)}")
        detail: dict[str, Any] = {"bucket": "landing", "key": key.key}
        if version:
            detail["version_id"] = version
        if step.hints:
            detail["hints"] = dict(step.hints)
            world.known.decisions.append(Decision(step.name, key, version, step.hints, world.now()))
        if step.typed:
            world.start(step.name, detail)
            return
        event = {
            "source": "carefile.intake",
            "detail-type": "Object Submitted",
            "detail": detail,
            "id": step.name,
        }
        self._arriving(step.name, event | {"time": f"{world.now():%Y-%m-%dT%H:%M:%SZ}"})

    def _assign(self, step: Assign) -> None:
        """The decision is recorded, and an intake started for every object of the session there is, deleted or not."""
        world = self.world
        tree = tree_of(world.scenario.keys[step.key])
        if not all(judge.knows(step.patient) for judge in world.judges):
            world.note(f"-- {step.name}: {tree} is {step.patient}'s: refused")
            return
        holds = world.known.assign(tree, step.patient, step.replacing, world.now())
        world.note(f"-- {step.name}: {tree} is {step.patient}'s, not {step.replacing}'s: {holds}")
        session, at = Owner("landing", tree, tree=True), f"{world.now():%Y-%m-%dT%H:%M:%S.%fZ}"
        try:
            replaced = frozenset({step.replacing} if step.replacing else ()) - {step.patient}
            Ledger(world.clients.dynamodb, "ledger").assign(session, step.patient, replaced, at)
        except AssignmentConflict:
            if holds:
                world.violations.append(f"{step.name} is refused")
            return
        if not holds:
            world.violations.append(f"{step.name} is not refused")
        for number, key in enumerate(world.scenario.keys):
            uploads = [upload for upload in world.known.uploads if upload.key == key and upload.body]
            if key.session and tree_of(key) == tree and uploads:
                self.take_in_again(f"{step.name}.{number}", key)

    def decided_at(self) -> str:
        """The moment of a decision, to the microsecond, so that of two the later one is later, however little the
        schedule takes."""
        self._decisions += 1
        return f"{self.world.now():%Y-%m-%dT%H:%M:%S}.{self._decisions:06}Z"

    def take_in_again(self, name: str, key: LandingKey) -> None:
        """Start an intake of a key, as a decision about it does: of whatever is to be filed there."""
        self.world.start(name, {"bucket": "landing", "key": key.key})

    def _arriving(self, name: str, event: dict[str, Any]) -> None:
        """The event is on its way to the machine, perhaps twice."""
        world = self.world

        def arrive() -> None:
            del world.runnable[name]
            world.note("   starts")
            uploaded = event["detail-type"] != "Object Submitted"
            if event["source"] == "aws.guardduty":
                scanned = event["detail"]["s3ObjectDetails"]
                if event["detail"]["scanResultDetails"]["scanResultStatus"] == CLEAN:
                    world.known.clean.add((scanned["objectKey"], scanned["versionId"]))
                elif name.rstrip("'").endswith("+"):
                    world.known.refused.add((scanned["objectKey"], scanned["versionId"]))
            world.start(name, event, express=world.scenario.express and uploaded)

        world.runnable[name] = arrive
        if not name.endswith("'") and world.decisions.twice(name):
            self._arriving(f"{name}'", event)


def _patient_in(body: bytes) -> str | None:
    return json.loads(body).get("patient_id") if body else None
