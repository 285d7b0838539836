"""I11, held against histories: once `forget` reports success nothing of the patient is left, and nothing that is older
brings any of it back: no event again, no repair, no backfill. What was somebody else's last is untouched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, example, given, note, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.reconciling import Reconciler
from carefile.cli.checks.repairing import uploaded
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.trace import Traces
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.core.errors import CarefileError
from carefile.core.filing.layout import MANIFEST, Owner
from lambdas.adapters import aws
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from tests.conftest import EXAMPLES
from tests.unit.conftest import connection_to, tags_of
from tests.unit.test_adoption import adopt
from tests.unit.test_forget import everything
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import LANDING, PROCESSED, World, cataloged, created_event, submitted_event, types

ANA, BEN = "Ana_7", "Ben_8"
PATIENTS = (ANA, BEN)
KEYS = (
    "scan.txt",
    "note.json",
    f"documents/{ANA}/knee.txt",
    f"documents/{BEN}/knee.txt",
    "sessions/session_1/session.json",
    f"sessions/{ANA}/session_2/session.json",
    f"sessions/{BEN}/session_2/session.json",
)
SESSIONS = tuple(key for key in KEYS if key.startswith("sessions/"))
STANDING = tuple(
    f"processed/{patient}_{rest}"
    for patient in PATIENTS
    for rest in ("lab/x.pdf", "medical_notes/session_3/m.json")
)
CALLS = 14  # after so many of an intake's calls it is cut off, if it is


@dataclass(frozen=True)
class Step:
    act: str
    key: str = KEYS[0]
    patient: str | None = None
    cut: int | None = None


def steps() -> st.SearchStrategy[Step]:
    patients, cuts = st.sampled_from(PATIENTS), st.none() | st.integers(0, CALLS)
    return st.one_of(
        st.builds(Step, st.just("upload"), st.sampled_from(KEYS), st.none() | patients, cuts),
        st.builds(Step, st.just("lose"), st.sampled_from(KEYS), st.none() | patients),
        st.builds(Step, st.just("decide"), st.sampled_from(KEYS), patients, cuts),
        st.builds(Step, st.just("assign"), st.sampled_from(SESSIONS), patients, cuts),
        st.builds(Step, st.just("empty"), st.sampled_from(KEYS)),
        st.builds(Step, st.just("delete"), st.sampled_from(KEYS)),
        st.builds(Step, st.just("delete newest"), st.sampled_from(KEYS)),
        st.builds(Step, st.just("copy"), st.sampled_from(KEYS), cut=cuts),
        st.builds(Step, st.just("adopt"), st.sampled_from(STANDING), st.none() | patients),
        st.builds(Step, st.just("suspend")),
    )


@dataclass
class History:
    """What happened, and all that was ever sent."""

    world: World
    connection: Connection
    sent: list[Any] = field(default_factory=list)
    announced: list[dict[str, Any]] = field(default_factory=list)
    number: int = 0
    suspended: bool = False

    def __post_init__(self) -> None:
        self.stream = Stream(self.world)
        self.left: int | None = None
        for client in (aws.s3(), aws.dynamodb()):
            client.meta.events.register("before-call", self._cut, unique_id="cut")

    def _cut(self, **_: Any) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise ConnectionAbortedError

    def run(self, data: Any, cut: int | None = None) -> None:
        """An execution, cut off after so many calls or not; and then what hears of it."""
        self.number += 1
        name, result = f"e{self.number}", None
        self.left = cut
        try:
            result = self.world.normalise(self.world.classify(data, name, moment()), name)
        except (CarefileError, ConnectionAbortedError):
            pass
        finally:
            self.left = None
        if result is None:
            return
        self.world.tag(result, name)
        if "Object Cataloged" in types(result):
            self.hear(cataloged(result))

    def hear(self, detail: dict[str, Any]) -> None:
        self.announced.append(detail)
        self.world.index(detail)
        index(self.stream.records())

    def take(self, step: Step) -> None:
        s3, key = self.world.s3, step.key
        if step.act in ("upload", "lose"):
            metadata = {"patient-id": step.patient} if step.patient and key != "note.json" else {}
            body = b'{"patient_id": "%s"}' % (step.patient or "").encode() + b" " * self.number
            version = self.put(key, body, Metadata=metadata)
            self.send(created_event(key, version), step, run=step.act == "upload")
        elif step.act == "decide":
            self.send(submitted_event(key, {"patient_id": step.patient}) | {"time": moment()}, step)
        elif step.act == "assign":
            tree = key.removesuffix("session.json")
            others = frozenset(PATIENTS) - {str(step.patient)}
            Ledger(self.world.dynamodb, "ledger").assign(
                Owner(LANDING, tree, tree=True), str(step.patient), others, moment()
            )
            self.send(created_event(key), step)
        elif step.act == "empty":
            self.send(created_event(key, self.put(key, b"")), step)
        elif step.act == "delete":
            self.world.delete(key)
            self._named(key)
        elif step.act == "delete newest":
            if found := self.versions(key):
                s3.delete_object(Bucket=LANDING, Key=key, VersionId=found[0])
        elif step.act == "copy" and self.versions(key, current=True):
            to, source = f"copies/{key.replace('/', '-')}", {"Bucket": LANDING, "Key": key}
            s3.copy_object(Bucket=LANDING, Key=to, CopySource=source)  # type: ignore[arg-type]
            self.send(created_event(to, self._named(to)), step)
        elif step.act == "adopt":
            metadata = {"patient-id": step.patient} if step.patient else {}
            s3.put_object(Bucket=PROCESSED, Key=key, Body=b"theirs", Metadata=metadata)
            self.announced += [announced["detail"] for announced in adopt(self.world, key)["events"]]
            index(self.stream.records())
        elif step.act == "suspend":
            self.suspended = True

    def put(self, key: str, body: bytes, **members: Any) -> str | None:
        self.world.upload(key, body, **members)
        return self._named(key)

    def _named(self, key: str) -> str | None:
        """The id of a key's newest version. While versioning is suspended that is "null", in the place of the one that
        was "null" before, as S3 has it; moto forgets all versions then."""
        versions = s3_backends[ACCOUNT]["aws"].buckets[LANDING].keys
        found = versions.getlist(key, [])
        if self.suspended and found:
            found[-1]._version_id = "null"
            versions.setlist(key, [one for one in found[:-1] if one.version_id != "null"] + found[-1:])
        return None if not found or found[-1].version_id == "null" else str(found[-1].version_id)

    def send(self, data: Any, step: Step, *, run: bool = True) -> None:
        self.sent.append(data)
        if run:
            self.run(data, step.cut)

    def versions(self, key: str, *, current: bool = False) -> list[str]:
        found = self.world.s3.list_object_versions(Bucket=LANDING, Prefix=key).get("Versions", ())
        return [it["VersionId"] for it in found if it["Key"] == key and (it["IsLatest"] or not current)]

    # What forgets, and what might bring it back

    def forget(self, patient: str) -> bool:
        """Whether it reports success, at the latest when it is given for the third time."""
        for _ in range(3):
            traces = self.find(patient)
            forgetter = Forgetter(self.connection, patient, rest=timedelta(0))
            before, done = forgetter.tally(traces), forgetter.forget(traces)
            assert before == done, "what it counts beforehand is what it deletes"
            index(self.stream.records())
            left = self.find(patient)
            after = forgetter.tally(left)
            remains = (
                after.landing_versions,
                after.layout_versions,
                after.catalog_entries,
                after.ledger_items,
            )
            if not (left.undecided or left.unfiled or any(remains)):
                return True
        return False

    def find(self, patient: str) -> Traces:
        rules = rules_of(self.connection)
        return Finder(self.connection, patient, rules, settled=timedelta(seconds=-2)).find()

    def replay(self) -> None:
        for detail in self.announced[:]:
            self.world.index(detail)
            index(self.stream.records())
        for sent in self.sent[:]:
            self.run(sent)

    def repair(self) -> None:
        now = datetime.now(UTC) + timedelta(minutes=1)
        found = Reconciler(self.connection, now, look_at_tags=True, passed=lambda _: None).findings()
        for finding in list(found):
            if finding.source and finding.hidden_version:
                self.run(uploaded(finding.source, finding.hidden_version))
            elif finding.source:
                self.run({"bucket": finding.source.bucket, "key": finding.source.key})

    def backfill(self) -> None:
        for item in list(Landing(self.world.s3).uploads(LANDING, "")):
            self.run(item)

    def whose(self) -> dict[tuple[str, str], str]:
        """Whose each landing version was last, by what was announced."""
        latest: dict[tuple[str, str], tuple[int, str | None]] = {}
        for detail in self.announced:
            source = detail["source"]
            if source["bucket"] == LANDING and source.get("version_id"):
                which, told = (
                    (source["key"], source["version_id"]),
                    (detail["revision"], detail["patient"].get("id")),
                )
                latest[which] = max(latest.get(which, (0, None)), told, key=lambda one: one[0])
        return {which: patient for which, (_, patient) in latest.items() if patient}


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def history() -> Iterator[History]:
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Response, "_tagging_from_xml", tags_of)
        world = World(patch)
        yield History(world, connection_to(world))


def all_but_records_of(patient: str, world: World) -> str:
    """Everything, but for what stands in another patient's records: their bytes, and the evidence that repeats what
    their bytes and metadata say. They are that patient's by a decision, whomever else they name.
    """
    found = world.s3.list_object_versions(Bucket=PROCESSED).get("Versions", ())
    told = everything(world)
    for item in found:
        if item["Key"].startswith(f"processed/{patient}_") and item["Key"].endswith(".json"):
            body = world.s3.get_object(Bucket=PROCESSED, Key=item["Key"], VersionId=item["VersionId"])[
                "Body"
            ].read()
            text = body.decode("utf-8", "replace")
            manifest = json.loads(text) if item["Key"].endswith(MANIFEST) else {}
            manifest.get("classification", {}).pop("evidence", None)
            told = told.replace(text, json.dumps(manifest))
    return told


def landed(world: World) -> set[tuple[str, str]]:
    found = world.s3.list_object_versions(Bucket=LANDING).get("Versions", ())
    return {(it["Key"], it["VersionId"]) for it in found}


ASSIGNED_TWICE = [Step("upload"), Step("decide", patient=ANA), Step("decide", patient=BEN)]
DECIDED_AND_CUT_OFF = [Step("upload"), Step("decide", patient=BEN, cut=4)]
NAMED_AND_LOST = [Step("lose", patient=BEN)]
CLAIMED_AND_CUT_OFF = [Step("upload", patient=BEN, cut=6), Step("delete newest")]
EACH_IN_TURN = [Step("upload", patient=BEN), Step("upload", patient=ANA), Step("delete")]
ADOPTED_IN_CONFLICT = [Step("adopt", STANDING[2], ANA)]
DECIDED_OTHERWISE = [Step("upload", patient=BEN), Step("decide", patient=ANA)]
LOST_AND_LOST_AGAIN = [Step("lose"), Step("upload"), Step("lose", patient=BEN)]
TAKEN_BACK = [
    Step("upload", SESSIONS[0]),
    Step("assign", SESSIONS[0], ANA),
    Step("assign", SESSIONS[0], BEN),
    Step("delete", SESSIONS[0]),
]


@given(st.lists(steps(), min_size=1, max_size=7))
@example(ASSIGNED_TWICE)
@example(DECIDED_AND_CUT_OFF)
@example(NAMED_AND_LOST)
@example(CLAIMED_AND_CUT_OFF)
@example(EACH_IN_TURN)
@example(TAKEN_BACK)
@example(ADOPTED_IN_CONFLICT)
@example(DECIDED_OTHERWISE)
@example(LOST_AND_LOST_AGAIN)
@settings(max_examples=4 * int(EXAMPLES or 3), deadline=None, suppress_health_check=list(HealthCheck))
def test_what_was_forgotten_never_stands_again(acts: list[Step]) -> None:
    with history() as told:
        for step in acts:
            told.take(step)
        world = told.world
        others = {which for which, patient in told.whose().items() if patient != BEN} & landed(world)
        theirs = {which for which, patient in told.whose().items() if patient == BEN}
        well = told.forget(BEN)
        note(f"forgotten: {well}")
        event(f"forgotten: {well}")
        assert others <= landed(world), "a version that was another patient's last is gone"
        if not well:
            return
        assert not theirs & landed(world)
        assert BEN not in all_but_records_of(ANA, world)
        for bring_back in (told.replay, told.repair, told.backfill, told.replay):
            world.wire()
            bring_back()
            assert not theirs & landed(world)
            assert BEN not in all_but_records_of(ANA, world), bring_back.__name__
