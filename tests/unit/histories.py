"""Histories of two patients' uploads, decisions and mishaps, with `forget` at their end, and what is left of a patient.

`Step` is one thing that happens; `History` lets it happen and keeps all that was ever sent and announced, so that it
can be delivered again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import strategies as st
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.s3.models import s3_backends
from moto.s3.responses import S3Response

from carefile.cli.again.refiling import Again
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.checks.reconciling import Reconciler
from carefile.cli.checks.repairing import uploaded
from carefile.cli.patients.person import Person
from carefile.cli.patients.trace import Traces
from carefile.cli.patients.unfiling import Unfiler
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.core.errors import CarefileError
from carefile.core.filing.layout import Owner
from carefile.core.filing.stamps import stamp_in
from carefile.core.model import Decision, DecisionType, Source
from carefile.core.patients.entries import PersonName, Statement
from carefile.core.records.catalog import patient_in
from lambdas.adapters import aws
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from tests.unit.conftest import connection_to, tags_of
from tests.unit.forgetting import merged
from tests.unit.late_readings import LateReadings
from tests.unit.moves import bring, migrate
from tests.unit.test_adoption import adopt
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import (
    LANDING,
    PROCESSED,
    World,
    cataloged,
    created_event,
    submitted_event,
    types,
)

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
    f"medical-notes/patients/{BEN}/session_2/session.json",
    "medical-notes/no-patient/session_4/session.json",
)
SESSIONS = tuple(key for key in KEYS if "session_" in key)
NOBODYS = "processed/unknown_medical_notes/session_3/m.json"
STANDING = (
    *(
        f"processed/{patient}_{rest}"
        for patient in PATIENTS
        for rest in ("lab/x.pdf", "medical_notes/session_3/m.json")
    ),
    NOBODYS,
)
BROUGHT = "sessions/session_3/m.json"  # what stood there, in the landing bucket
SESSIONS_COPIED = tuple(
    f"copies/{key}" for key in SESSIONS
)  # nobody looks for the bytes of a session's objects
CALLS = 14  # after so many of an intake's calls it is cut off, if it is


@dataclass(frozen=True)
class Step:
    """`cut`: after so many calls the execution is cut off; `again`: it is redriven then, or promoted."""

    act: str
    key: str = KEYS[0]
    patient: str | None = None
    cut: int | None = None
    again: bool = False


def steps(*, listed: bool) -> st.SearchStrategy[Step]:
    patients, keys = st.sampled_from(PATIENTS), st.sampled_from(KEYS)
    cuts = st.none() | st.integers(0, CALLS)
    kinds = [
        st.builds(Step, st.just("upload"), keys, st.none() | patients, cuts, st.booleans()),
        st.builds(Step, st.just("upload"), keys, st.none() | patients),
        st.builds(Step, st.just("lose"), keys, st.none() | patients),
        st.builds(Step, st.just("decide"), keys, patients, cuts, st.booleans()),
        st.builds(Step, st.just("assign"), st.sampled_from(SESSIONS), patients, cuts),
        st.builds(Step, st.sampled_from(("empty", "delete", "delete newest")), keys),
        st.builds(Step, st.just("read"), keys, again=st.booleans()),
        st.builds(Step, st.just("copy"), keys, cut=cuts),
        st.builds(Step, st.sampled_from(("unfile", "file again")), keys),
        st.builds(Step, st.just("adopt"), st.sampled_from(STANDING), st.none() | patients),
        st.builds(Step, st.just("suspend")),
        st.builds(Step, st.sampled_from(("migrate", "bring")), again=st.booleans()),
        st.builds(Step, st.just("assign"), st.just(BROUGHT), patients),
    ]
    if listed:
        kinds.append(st.builds(Step, st.sampled_from(("merge", "unmerge")), patient=patients))
    return st.one_of(kinds)


@dataclass(frozen=True)
class Acts:
    """What happens, in a stage of one mode or the other."""

    steps: tuple[Step, ...]
    listed: bool = False


def acts(most: int = 7) -> st.SearchStrategy[Acts]:
    return st.one_of(
        st.builds(Acts, st.lists(steps(listed=one), min_size=1, max_size=most).map(tuple), st.just(one))
        for one in (False, True)
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
        self.readings = LateReadings(self.world, self.hear_all)
        self.left: int | None = None
        self.copies: set[Source] = set()
        self.copied: list[tuple[tuple[str, str], str]] = []
        self.stood: dict[tuple[str, str], tuple[int, str | None]] = {}
        self.said: set[tuple[str, str]] = set()  # what a person said to be the patient's

    def cut_off(self, **_: Any) -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise ConnectionAbortedError

    def run(self, data: Any, cut: int | None = None, *, again: bool = False) -> None:
        """An execution, cut off after so many calls or not; and then what hears of it."""
        self.number += 1
        name, started = f"e{self.number}", moment()
        result = self._attempt(data, name, started, cut)
        if result is None and again:
            result = self._attempt(data, name, started, None)
        if result is None:
            return
        self.world.tag(result, name)
        self.hear_all(result)

    def hear_all(self, result: dict[str, Any]) -> None:
        if "Object Cataloged" in types(result):
            self.hear(cataloged(result))
        for told in result["events"]:
            if told["detail"].get("disposition") == "unfiled":
                self.unfiled(told)

    def _attempt(self, data: Any, name: str, started: str, cut: int | None) -> dict[str, Any] | None:
        self.left = cut
        try:
            return self.world.normalise(self.world.classify(data, name, started), name)
        except (CarefileError, ConnectionAbortedError):
            return None
        finally:
            self.left = None

    def hear(self, detail: dict[str, Any]) -> None:
        self.announced.append(detail)
        self.world.index(detail)
        index(self.stream.records())

    def unfiled(self, told: dict[str, Any]) -> None:
        from lambdas import index_catalog

        index_catalog.handler({"detail-type": told["detail_type"], "detail": told["detail"]}, None)
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
            self._assign(step)
        elif step.act == "empty":
            self.send(created_event(key, self.put(key, b"")), step)
        elif step.act == "delete":
            self.world.delete(key)
            self._named(key)
        elif step.act == "delete newest":
            if found := self.versions(key):
                s3.delete_object(Bucket=LANDING, Key=key, VersionId=found[0])
        elif step.act == "read":
            self.readings.read(key, to_the_end=step.again)
        elif step.act == "copy" and self.versions(key, current=True):
            to, source = f"copies/{key}", {"Bucket": LANDING, "Key": key}
            self.copied.append(((key, self.versions(key, current=True)[0]), to))
            s3.copy_object(Bucket=LANDING, Key=to, CopySource=source)  # type: ignore[arg-type]
            self.send(created_event(to, self._named(to)), step)
        elif step.act in ("unfile", "file again"):
            self._unfile(key, undo=step.act == "file again")
        elif step.act in ("merge", "unmerge"):
            self._merge(str(step.patient), undo=step.act == "unmerge")
        elif step.act == "adopt":
            metadata = {"patient-id": step.patient} if step.patient else {}
            s3.put_object(Bucket=PROCESSED, Key=key, Body=b"theirs", Metadata=metadata)
            self.announced += [announced["detail"] for announced in adopt(self.world, key)["events"]]
            index(self.stream.records())
        elif step.act == "suspend":
            self.suspended = True
        elif step.act == "migrate":
            migrate(self.connection, self.run, retire=step.again and not self.suspended)
        elif step.act == "bring":
            bring(self.connection, f"{NOBODYS.rpartition('/')[0]}/", self._brought, retire=step.again)

    def _brought(self, key: str) -> None:
        self.send(created_event(key, self._named(key)), Step("upload", key))

    def _assign(self, step: Step) -> None:
        tree = f"{step.key.rpartition('/')[0]}/"
        others = frozenset(PATIENTS) - {str(step.patient)}
        Ledger(self.world.dynamodb, "ledger").assign(
            Owner(LANDING, tree, tree=True), str(step.patient), others, moment()
        )
        self.send(created_event(step.key), step)

    def _unfile(self, key: str, *, undo: bool) -> None:
        """A person's decision about what is filed; its reason names whose it is."""
        unfiler = Unfiler(self.connection)
        try:
            found = unfiler.taken_out(key) if undo else unfiler.filed(key)
        except Problem:
            return
        for one in found:
            kind = DecisionType.TAKE_BACK if undo else DecisionType.UNFILE
            unfiler.record(one, Decision(kind, "Dr. Rey", moment(), f"{one.patient} has it twice"))
            self.run({"bucket": one.source.bucket, "key": one.source.key})

    def _merge(self, patient: str, *, undo: bool) -> None:
        again = Again(self.connection, rules_of(self.connection))
        again._start = lambda source: self.run({"bucket": source.bucket, "key": source.key})  # type: ignore[method-assign]
        (other,) = set(PATIENTS) - {patient}
        with suppress(CarefileError):  # they are merged otherwise, or were not
            merge = merged(self.world, self.connection, patient, other, moment(), undo=undo)
            for entry in list(again.filed_under(merge.moves_from)):
                again.take_in(entry)

    def put(self, key: str, body: bytes, **members: Any) -> str | None:
        self.world.upload(key, body, **members)
        return self._named(key)

    def _named(self, key: str) -> str | None:
        """The id of a key's newest version. While versioning is suspended that is "null", in the place of the one that
        was "null" before, as S3 has it; moto forgets all versions then."""
        versions = s3_backends[ACCOUNT]["aws"].buckets[LANDING].keys
        found = versions.getlist(key, [])
        if self.suspended and found:
            replaced = [one for one in found[:-1] if one.version_id == "null"]
            _become_null(found[-1], replaced)
            versions.setlist(key, [one for one in found[:-1] if one not in replaced] + found[-1:])
        return None if not found or found[-1].version_id == "null" else str(found[-1].version_id)

    def send(self, data: Any, step: Step, *, run: bool = True) -> None:
        self.sent.append(data)
        if run:
            self.run(data, step.cut, again=step.again)

    def versions(self, key: str, *, current: bool = False) -> list[str]:
        found = self.world.s3.list_object_versions(Bucket=LANDING, Prefix=key).get("Versions", ())
        return [it["VersionId"] for it in found if it["Key"] == key and (it["IsLatest"] or not current)]

    # What forgets, and what might bring it back

    def forget(self, patient: str, include: frozenset[Source] = frozenset()) -> bool:
        """Whether it reports success, at the latest when it is given for the third time."""
        for _ in range(3):
            person = self.person(patient)
            before = person.look(include)
            expected, done = person.tally(), person.forget()
            assert expected == done, "what it counts beforehand is what it deletes"
            index(self.stream.records())
            self.copies |= before.copies - include
            after = person.look(include, self.copies)
            if not (after.undecided or after.unfiled or any(person.tally().counts.values())):
                return True
        return False

    def person(self, patient: str) -> Person:
        rules = rules_of(self.connection)
        return Person(self.connection, patient, rules, rest=timedelta(0), settled=timedelta(seconds=-2))

    def traces(self, patient: str) -> Traces:
        return self.person(patient).look()

    def replay(self) -> None:
        for detail in self.announced[:]:
            self.world.index(detail)
            index(self.stream.records())
        for sent in self.sent[:]:
            self.run(sent)
        self.readings.end()

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

    def register(self) -> None:
        """What the clinic's own system states again."""
        for patient in PATIENTS:
            known = Patients(self.connection).get(patient)
            Patients(self.connection).state(patient, "ehr", Statement((PersonName("A Name"),)), known)

    # Whose what is

    def merged(self) -> dict[str, str]:
        """Into whom each patient was merged."""
        entries = Patients(self.connection).get_many(PATIENTS)[0]
        return {one: entry.merged_into for one, entry in entries.items() if entry.merged_into}

    def whose(self) -> dict[tuple[str, str], str]:
        """Whose each landing version was last, by what was announced and what stood in the layout."""
        latest = dict(self.stood)
        for detail in self.announced:
            source = detail["source"]
            if source["bucket"] == LANDING and source.get("version_id"):
                which, told = (
                    (source["key"], source["version_id"]),
                    (detail["revision"], detail["patient"].get("id")),
                )
                latest[which] = max(latest.get(which, (0, None)), told, key=lambda one: one[0])
        return {which: patient for which, (_, patient) in latest.items() if patient}

    def look_at_layout(self) -> None:
        """Note whose each landing version was last by what stands or stood in the layout: an execution that is cut off
        announces nothing."""
        landed = {Source(LANDING, key).source_id: key for key, _ in self.landed()}
        for item in self.world.s3.list_object_versions(Bucket=PROCESSED).get("Versions", ()):
            which = {"Bucket": PROCESSED, "Key": item["Key"], "VersionId": item["VersionId"]}
            stamp = stamp_in(self.world.s3.head_object(**which)["Metadata"])
            if stamp and stamp.source_id in landed:
                name = item["Key"].removeprefix("processed/")
                patient = next((one for one in PATIENTS if name.startswith(f"{one}_")), None)
                version = (landed[stamp.source_id], stamp.version)
                stood = self.stood.get(version, (0, None)), (stamp.revision, patient)
                self.stood[version] = max(stood, key=lambda one: one[0])

    def filed(self) -> set[tuple[str, str]]:
        """Each landing version that was ever announced."""
        sources = [one["source"] for one in self.announced]
        return {(it["key"], it["version_id"]) for it in sources if it.get("version_id")}

    def whose_now(self) -> dict[Source, str | None]:
        """Whose each landing key is by the catalog."""
        entries = (item for item in self.world.catalog() if "landing_key" in item)
        return {Source(it["landing_bucket"]["S"], it["landing_key"]["S"]): patient_in(it) for it in entries}

    def landed(self) -> set[tuple[str, str]]:
        found = self.world.s3.list_object_versions(Bucket=LANDING).get("Versions", ())
        return {(it["Key"], it["VersionId"]) for it in found}


def _become_null(version: Any, replaced: list[Any]) -> None:
    """Give a version the id that it has where versioning is suspended, within the second of what it replaces; the tags
    of that are gone."""
    before, tagger = getattr(version, "arn", ""), s3_backends[ACCOUNT]["aws"].tagger
    version._version_id = "null"
    version.last_modified = next((one.last_modified for one in replaced), version.last_modified)
    if before not in ("", getattr(version, "arn", "")):
        tagger.delete_all_tags_for_resource(version.arn)
        tagger.copy_tags(before, version.arn)


def moment() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@contextmanager
def history(*, listed: bool = False) -> Iterator[History]:
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(S3Response, "_tagging_from_xml", tags_of)
        LateReadings.install(patch)
        if listed:
            patch.setenv("PATIENTS", "listed")
            patch.setenv("PATIENTS_TABLE", "patients")
        world = World(patch)
        told = History(world, connection_to(world))
        told.connection.__dict__["patients_are_listed"] = listed
        told.register()
        clients = (aws.s3(), aws.dynamodb())  # they outlive this history
        for client in clients:
            client.meta.events.register("before-call", told.cut_off)
        try:
            yield told
        finally:
            for client in clients:
                client.meta.events.unregister("before-call", told.cut_off)
