"""Everything of a patient is deleted for good, nothing of anybody else, and what is not sure is left to a person."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.forget import forget as command
from carefile.cli.exits import Exit
from carefile.cli.patients.forgetting import Forgetter, refuse_placeholder
from carefile.cli.patients.trace import Traces
from carefile.cli.patients.traces import Finder
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import RejectedAssignment, RejectedObject
from carefile.core.filing.layout import Owner
from carefile.core.filing.tagging import PipelineStatus
from carefile.core.model import Observation, Source
from carefile.core.records.session_entries import Place
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.settings import ROOT
from tests.unit.test_adoption import adopt
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import (
    LANDING,
    PROCESSED,
    World,
    cataloged,
    created_event,
    prefix_of,
    submitted_event,
)

NOW, DAY = timedelta(0), timedelta(days=1)
Run = Callable[..., tuple[Traces, Any]]


@pytest.fixture
def forget(connection: Connection) -> Run:
    def run(
        patient: str, *, include: tuple[str, ...] = (), rest: timedelta = DAY, bypass: bool = False
    ) -> tuple[Traces, Any]:
        sources = [Source(*one) if isinstance(one, tuple) else Source(LANDING, one) for one in include]
        traces = Finder(connection, patient, rules_of(connection)).find(sources)
        return traces, Forgetter(connection, patient, rest=rest, bypass=bypass).forget(traces)

    return run


def everything(world: World) -> str:
    """All that any store holds, as one text: keys of every version, items, and the bytes of the manifests."""
    told: list[Any] = []
    for bucket in (LANDING, PROCESSED):
        found = world.s3.list_object_versions(Bucket=bucket)
        told += [item["Key"] for name in ("Versions", "DeleteMarkers") for item in found.get(name, ())]
        for item in found.get("Versions", ()):
            if item["Key"].endswith(".json") and bucket == PROCESSED:
                body = world.s3.get_object(Bucket=bucket, Key=item["Key"], VersionId=item["VersionId"])[
                    "Body"
                ]
                told.append(body.read().decode("utf-8", "replace"))
    for table in ("catalog", "ledger"):
        told += [repr(item) for item in standing(world, table)]
    return "\n".join(told)


def standing(world: World, table: str) -> list[dict[str, Any]]:
    """The items of a table, but for tombstones: these are digests, and a moment."""
    items = world.dynamodb.scan(TableName=table)["Items"]
    return [item for item in items if not item.keys() <= {"source_id", "revision", "forgotten_at"}]


def bytes_of(world: World, patient: str) -> dict[str, bytes]:
    return {key: world.body(key) for key in world.filed() if patient in key}


def file_all_of(world: World, patient: str) -> None:
    stream = Stream(world)
    world.file(f"documents/{patient}/knee.txt", b"one")
    world.file(f"documents/{patient}/knee.txt", b"two", name="e2")
    world.file(f"documents/{patient}/old/arm.txt", b"arm")
    world.delete(f"documents/{patient}/old/arm.txt")
    for name in ("session.json", "agents/agent_a/messages/message_0.json"):
        world.file(f"sessions/{patient}/session_1/{name}", b"{}")
    world.upload(f"sessions/{patient}/session_1/agents/agent_a/messages/message_1.json", b"never filed")
    index(stream.records())


def test_nothing_of_the_patient_is_left_and_everything_of_others(world: World, forget: Run) -> None:
    others = ("Bob_8", "Ana_7_b", "Ana")
    for patient in ("Ana_7", *others):
        file_all_of(world, patient)
    world.file("nobody.txt")
    before = {patient: bytes_of(world, f"{patient}_") for patient in others if patient != "Ana"}
    catalog = len(standing(world, "catalog"))
    _, done = forget("Ana_7")
    assert (done.held, done.left) == ([], [])
    assert done.landing_versions == 7
    assert done.catalog_entries == 4
    assert len(standing(world, "catalog")) == catalog - 5
    assert {patient: bytes_of(world, f"{patient}_") for patient in before} == before
    for patient in others:
        assert world.s3.list_object_versions(Bucket=LANDING, Prefix=f"documents/{patient}/")["Versions"]

    forget("Ana_7", rest=NOW)
    left = everything(world).replace("Ana_7_b", "")
    assert "Ana_7" not in left


def test_a_claim_rests_before_it_is_released_and_names_nobody(world: World, forget: Run) -> None:
    file_all_of(world, "Ana_7")
    _, done = forget("Ana_7")
    assert done.claims_left == 3
    claims = world.filed()
    assert sorted(claims) == [
        "processed/Ana_7_arm/_manifest.json",
        "processed/Ana_7_knee/_manifest.json",
        "processed/Ana_7_medical_notes/session_1/_manifest.json",
    ]
    for key in claims:
        assert world.json(key).keys() == {"schema_version", "layout_version", "state", "owner"}
        assert world.json(key)["owner"].keys() == {"id"}
    assert forget("Ana_7")[1].claims_left == 3
    assert forget("Ana_7", rest=NOW)[1].claims_left == 0
    assert world.filed() == []


def test_what_was_assigned_to_the_patient_is_gone_also_where_it_was_filed_before(
    world: World, forget: Run
) -> None:
    world.file("scan.txt", b"x")
    world.run(submitted_event("scan.txt", {"patient_id": "Ana_7"}), "e2")
    forget("Ana_7", rest=NOW)
    forget("Ana_7", rest=NOW)
    assert "scan" not in everything(world)


def test_what_was_assigned_twice_is_the_second_one_s_alone(
    world: World, forget: Run, connection: Connection
) -> None:
    """The copies below the first one's name are of the second one's bytes."""
    world.file("scan.txt", b"ben's")
    for number, patient in enumerate(("Ana_7", "Ben_8"), 2):
        world.run(submitted_event("scan.txt", {"patient_id": patient}), f"e{number}")
    world.file("documents/Ana_7/knee.txt", b"ana's")
    tally = Forgetter(connection, "Ben_8", rest=NOW).tally(
        Finder(connection, "Ben_8", rules_of(connection)).find()
    )
    traces, done = forget("Ben_8", rest=NOW)
    assert traces.undecided == {}
    assert tally == done
    assert (done.landing_versions, done.catalog_entries, done.ledger_items) == (1, 1, 2)
    left = everything(world)
    assert "scan" not in left
    assert "Ben_8" not in left
    assert world.body("processed/Ana_7_knee/original.txt") == b"ana's"
    assert world.run(created_event("scan.txt"), "e9")["disposition"] == "withdrawn"


def test_of_a_key_that_several_had_each_has_the_versions_that_were_theirs_last(
    world: World, forget: Run
) -> None:
    versions = {}
    for name, patient in (("e1", "Ana_7"), ("e2", "Ben_8"), ("e3", "Cid_9")):
        versions[patient] = world.upload("scan.txt", patient.encode(), Metadata={"patient-id": patient})
        world.run(created_event("scan.txt", versions[patient]), name)
        world.run(submitted_event("scan.txt", {"patient_id": patient}), f"{name}-again")
    traces, _ = forget("Ben_8", rest=NOW)
    assert list(traces.undecided.values()) == ["was filed as the patient's once and is another patient's now"]
    assert forget("Ben_8", rest=NOW)[0].undecided == {}
    found = world.s3.list_object_versions(Bucket=LANDING, Prefix="scan.txt")["Versions"]
    assert {one["VersionId"] for one in found} == {versions["Ana_7"], versions["Cid_9"]}
    assert "Ben_8" not in everything(world)
    forget("Cid_9", rest=NOW)
    assert [one["VersionId"] for one in world.s3.list_object_versions(Bucket=LANDING)["Versions"]] == [
        versions["Ana_7"]
    ]
    assert "Cid_9" not in everything(world)
    result = world.run(created_event("scan.txt"), "e9")
    assert prefix_of(result) == "processed/Ana_7_scan/"
    forget("Ana_7", rest=NOW)
    assert everything(world) == ""


def test_a_session_that_was_taken_from_the_patient_does_not_say_so_any_more(
    world: World, forget: Run
) -> None:
    world.file("sessions/Ana_7/session_1/session.json", b"{}")
    stream = Stream(world)
    owner = Owner(LANDING, "sessions/Ana_7/session_1/", tree=True)
    Ledger(world.dynamodb, "ledger").assign(owner, "Ben_8", frozenset({"Ana_7"}), "2026-11-20T10:00:00.000Z")
    world.run(created_event("sessions/Ana_7/session_1/session.json"), "e2")
    index(stream.records())
    forget("Ana_7", rest=NOW)
    assert "Ana_7" not in everything(world).replace("sessions/Ana_7/", "")
    forget("Ben_8", rest=NOW)
    index(stream.records())
    assert everything(world) == ""


class TestReplay:
    """What was announced, asked for or decided before comes again, as out of an archive or a dead-letter queue."""

    def test_an_announcement_is_not_indexed_and_a_new_upload_is(self, world: World, forget: Run) -> None:
        filed = world.file("documents/Ana_7/knee.txt", b"one")
        forget("Ana_7", rest=NOW)
        assert world.index(cataloged(filed)) is False
        assert everything(world) == ""
        world.wire()
        world.file("documents/Ana_7/knee.txt", b"two", name="e2")
        assert [item["landing_key"]["S"] for item in standing(world, "catalog")] == [
            "documents/Ana_7/knee.txt"
        ]

    def test_a_decision_is_refused_and_a_later_one_is_not(self, world: World, forget: Run) -> None:
        world.file("scan.txt", b"ana's")
        decision = submitted_event("scan.txt", {"patient_id": "Ana_7"}) | {"time": "2026-11-20T10:00:00Z"}
        world.run(decision, "e2")
        forget("Ana_7", rest=NOW)
        world.wire()
        world.file("scan.txt", b"ben's", name="e3")
        with pytest.raises(RejectedObject, match=r"^forgotten-since: "):
            world.run(decision, "e4")
        assert "Ana_7" not in everything(world)
        later = submitted_event("scan.txt", {"patient_id": "Ben_8"})
        world.classify(later, started="2100-01-01T00:00:00Z")
        assert prefix_of(world.run(created_event("scan.txt"), "e5")) == "processed/Ben_8_scan/"

    def test_an_assignment_is_refused(self, world: World, forget: Run) -> None:
        world.file("sessions/session_1/session.json", b"{}")
        owner, ledger = Owner(LANDING, "sessions/session_1/", tree=True), Ledger(world.dynamodb, "ledger")
        ledger.assign(owner, "Ana_7", frozenset(), "2026-11-20T10:00:00.000Z")
        world.run(created_event("sessions/session_1/session.json"), "e2")
        forget("Ana_7", rest=NOW)
        with pytest.raises(RejectedAssignment, match=r"^forgotten-since: "):
            ledger.assign(owner, "Ana_7", frozenset(), "2026-11-20T10:00:00.000Z")
        assert everything(world) == ""
        ledger.assign(owner, "Ben_8", frozenset(), "2100-01-01T00:00:00.000Z")


def test_what_was_taken_from_the_patient_stays_with_the_other_one(world: World, forget: Run) -> None:
    world.file("documents/Ana_7/scan.txt", b"x")
    world.run(submitted_event("documents/Ana_7/scan.txt", {"patient_id": "Bob_8"}), "e2")
    traces, done = forget("Ana_7", rest=NOW)
    assert done.landing_versions == 0
    assert [source.key for source in traces.undecided] == ["documents/Ana_7/scan.txt"]
    assert "processed/Bob_8_scan/original.txt" in world.filed()
    assert "processed/Ana_7" not in everything(world).replace("documents/Ana_7", "")
    assert world.run(created_event("documents/Ana_7/scan.txt"), "e3")["disposition"] == "duplicate"


def test_another_patient_s_version_of_the_same_landing_key_stays(world: World, forget: Run) -> None:
    bob = world.upload("scan.txt", b"bob's", Metadata={"patient-id": "Bob_8"})
    world.run(created_event("scan.txt", bob))
    ana = world.upload("scan.txt", b"ana's", Metadata={"patient-id": "Ana_7"})
    world.run(created_event("scan.txt", ana), "e2")
    forget("Ana_7", rest=NOW)
    versions = world.s3.list_object_versions(Bucket=LANDING, Prefix="scan.txt")["Versions"]
    assert [version["VersionId"] for version in versions] == [bob]
    kept = world.s3.list_object_versions(Bucket=PROCESSED, Prefix="processed/Bob_8_scan/")["Versions"]
    assert [item for item in kept if item["Key"].endswith("original.txt")]


def test_what_names_the_patient_and_is_nobody_s_is_left_to_a_person(world: World, forget: Run) -> None:
    world.file("documents/Ana_7/x.txt", Metadata={"patient-id": "Bob_8"})
    world.file("y.txt", b"{}")
    world.upload("documents/Ana_7/failed.txt")
    traces, done = forget("Ana_7")
    assert done.landing_versions == 0
    assert {source.key: why.split(",")[0] for source, why in traces.undecided.items()} == {
        "documents/Ana_7/x.txt": "names the patient in its key",
        "documents/Ana_7/failed.txt": "names the patient in its key",
    }
    _, done = forget("Ana_7", include=("documents/Ana_7/x.txt", "documents/Ana_7/failed.txt"))
    assert done.landing_versions == 2
    assert "Ana_7" not in everything(world)


def test_given_again_it_goes_on_where_it_was_and_then_does_nothing(
    world: World, forget: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_all_of(world, "Ana_7")
    real, calls = Forgetter._delete_item, 0

    def stopped(self: Forgetter, table: str, key: str) -> bool:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise KeyboardInterrupt
        return real(self, table, key)

    monkeypatch.setattr(Forgetter, "_delete_item", stopped)
    with pytest.raises(KeyboardInterrupt):
        forget("Ana_7", rest=NOW)
    monkeypatch.setattr(Forgetter, "_delete_item", real)
    forget("Ana_7", rest=NOW)
    forget("Ana_7", rest=NOW)
    assert "Ana_7" not in everything(world)
    _, done = forget("Ana_7")
    assert (done.landing_versions, done.layout_versions, done.catalog_entries, done.ledger_items) == (
        0,
        0,
        0,
        0,
    )


def test_a_round_that_began_before_cannot_file_any_more(world: World, forget: Run) -> None:
    """It read the ledger before the patient was forgotten, and would write ahead after."""
    world.file("documents/Ana_7/knee.txt", b"one")
    source = Source(LANDING, "documents/Ana_7/knee.txt")
    known = world.intake.ledger.read(source)
    observed = world.intake.landing.head(source)
    forget("Ana_7", rest=NOW)
    assert world.intake.ledger.write_ahead(observed, "processed/Ana_7_knee/", known) is None  # type: ignore[arg-type]


def test_a_session_that_is_written_again_is_filed_again(world: World, forget: Run) -> None:
    file_all_of(world, "Ana_7")
    forget("Ana_7")
    world.wire()
    stream = Stream(world)
    world.file("sessions/Ana_7/session_1/session.json", b"{}", name="e9")
    index(stream.records())
    place = Place(PROCESSED, "processed/Ana_7_medical_notes/session_1/")
    assert (
        world.dynamodb.get_item(TableName="catalog", Key={"source_id": {"S": place.key}})["Item"]["objects"][
            "N"
        ]
        == "1"
    )


@pytest.mark.parametrize("patient", ["unknown", "None", " ", "N/A"])
def test_a_placeholder_is_refused(connection: Connection, patient: str) -> None:
    with pytest.raises(Problem, match="placeholder"):
        refuse_placeholder(patient, rules_of(connection))


class TestLocked:
    """Buckets with Object Lock."""

    @pytest.fixture(autouse=True)
    def _locking(self, world: World) -> None:
        for bucket in (LANDING, PROCESSED):
            world.s3.put_object_lock_configuration(
                Bucket=bucket, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
            )

    def test_a_source_under_legal_hold_is_kept_as_a_whole(self, world: World, forget: Run) -> None:
        held = world.upload("documents/Ana_7/held.txt", b"x")
        world.run(created_event("documents/Ana_7/held.txt", held))
        world.file("documents/Ana_7/free.txt", b"y", name="e2")
        world.s3.put_object_legal_hold(
            Bucket=LANDING, Key="documents/Ana_7/held.txt", VersionId=held, LegalHold={"Status": "ON"}
        )
        _, done = forget("Ana_7", rest=NOW)
        assert done.held == [Source(LANDING, "documents/Ana_7/held.txt")]
        assert "processed/Ana_7_held/original.txt" in world.filed()
        assert [entry["landing_key"]["S"] for entry in standing(world, "catalog")] == [
            "documents/Ana_7/held.txt"
        ]
        assert "free" not in everything(world).replace("processed/Ana_7_free/_manifest.json", "")


class TestInPlace:
    """What no intake wrote is its own source: what is the patient's for sure goes, and its folder with the last."""

    SESSION = "processed/P_1_medical_notes/session_1/"
    M0, M1 = f"{SESSION}m0.json", f"{SESSION}m1.json"

    @pytest.fixture
    def stream(self, world: World) -> Stream:
        return Stream(world)

    @staticmethod
    def write(world: World, key: str, *, adopted: bool = True, **metadata: str) -> None:
        world.s3.put_object(Bucket=PROCESSED, Key=key, Body=b"theirs", Metadata=metadata)
        if adopted:
            adopt(world, key)

    def test_an_adopted_document_is_deleted_and_so_is_its_folder(self, world: World, forget: Run) -> None:
        self.write(world, "processed/P_1_lab/x.pdf", **{"patient-id": "P_1"})
        traces, done = forget("P_1", rest=NOW)
        assert (traces.undecided, done.catalog_entries, done.landing_versions) == ({}, 1, 0)
        forget("P_1", rest=NOW)
        assert everything(world) == ""

    def test_an_adopted_session_is_deleted_with_its_entry(
        self, world: World, stream: Stream, forget: Run
    ) -> None:
        self.write(world, self.M0)
        self.write(world, self.M1)
        self.write(world, self.SESSION, adopted=False)  # a folder marker
        index(stream.records())
        _, done = forget("P_1")
        assert (done.catalog_entries, done.session_entries, done.ledger_items) == (2, 1, 2)
        assert world.filed() == [f"{self.SESSION}_manifest.json"]
        assert world.json(f"{self.SESSION}_manifest.json").keys() == {
            "schema_version",
            "layout_version",
            "state",
            "owner",
        }
        assert forget("P_1", rest=NOW)[1].claims_left == 0
        assert everything(world) == ""

    def test_of_a_session_what_names_another_stays_whole_and_every_run_tells(
        self, world: World, stream: Stream, forget: Run, connection: Connection
    ) -> None:
        self.write(world, self.M0)
        self.write(world, self.M1, **{"patient-id": "P_2"})
        index(stream.records())
        left = Source(PROCESSED, self.M1)
        for run in (1, 2):
            traces, done = forget("P_1", rest=NOW)
            assert list(traces.undecided) == [left]
            assert done.catalog_entries == (1 if run == 1 else 0)
            assert world.filed() == [f"{self.SESSION}_manifest.json", self.M1]
            index(stream.records())
        (entry,) = [one for one in standing(world, "catalog") if "kind" in one]
        assert entry["key"]["S"] == self.M1
        (session,) = [one for one in standing(world, "catalog") if "kind" not in one]
        assert (session["objects"]["N"], session["patient_ref_key"]["S"]) == ("1", "UNKNOWN")
        tally = Forgetter(connection, "P_1", rest=DAY).tally(traces)
        assert (tally.layout_versions, tally.catalog_entries, tally.session_entries) == (0, 0, 0)

        forget("P_1", include=((PROCESSED, self.M1),), rest=NOW)
        forget("P_1", rest=NOW)
        assert everything(world) == ""

    def test_stopped_at_any_call_it_goes_on_to_the_same_end(
        self, world: World, stream: Stream, forget: Run, connection: Connection
    ) -> None:
        def built() -> None:
            world.file("documents/P_1/knee.txt")
            world.file("sessions/P_1/session_9/session.json", b"{}")
            self.write(world, self.M0)
            self.write(world, self.M1, **{"patient-id": "P_2"})
            self.write(world, "processed/P_1_lab/x.pdf", **{"patient-id": "P_1"})
            index(stream.records())

        left: list[int | None] = [None]

        def before(**_: Any) -> None:
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise KeyboardInterrupt

        for client in (connection.client("s3"), connection.client("dynamodb")):
            client.meta.events.register("before-call", before)
        built()
        calls, stops = 0, 0
        while True:
            left[0] = calls
            try:
                forget("P_1", rest=NOW)
            except KeyboardInterrupt:
                calls, stops = calls + 2, stops + 1
                continue
            finally:
                left[0] = None
                index(stream.records())
            break
        assert stops > 30
        forget("P_1", rest=NOW)
        assert world.filed() == [f"{self.SESSION}_manifest.json", self.M1]
        (entry,) = [one for one in standing(world, "catalog") if "kind" in one]
        assert entry["key"]["S"] == self.M1
        (session,) = [one for one in standing(world, "catalog") if "prefix" in one and "kind" not in one]
        assert session["objects"]["N"] == "1"

    def test_a_folder_of_several_documents_loses_only_the_patients(self, world: World, forget: Run) -> None:
        self.write(world, "processed/P_1_lab/a.pdf", **{"patient-id": "P_1"})
        self.write(world, "processed/P_1_lab/b.pdf", **{"patient-id": "P"})
        self.write(world, "processed/P_1_lab/c.pdf")
        traces, _ = forget("P_1", rest=NOW)
        assert world.filed() == [
            "processed/P_1_lab/_manifest.json",
            "processed/P_1_lab/b.pdf",
            "processed/P_1_lab/c.pdf",
        ]
        assert [source.key for source in traces.undecided] == ["processed/P_1_lab/c.pdf"]
        assert {one["landing_key"]["S"][-5:] for one in standing(world, "catalog")} == {"b.pdf", "c.pdf"}

    @pytest.mark.parametrize(
        ("key", "metadata", "becomes"),
        [
            (f"{SESSION}new.json", {}, "gone"),
            (f"{SESSION}new.json", {"patient-id": "P_2"}, "left"),
            (f"{SESSION}new.json", {"patient-id": "unknown"}, "gone"),
            (f"{SESSION}agents/_manifest.json", {}, "gone"),
            ("processed/P_1_medical_notes/loose.txt", {}, "gone"),
            ("processed/P_1_medical_notes/other_1/x.json", {"patient-id": "P_2"}, "left"),
            ("processed/P_1_scan/x.pdf", {"patient-id": "P_1"}, "gone"),
            ("processed/P_1_scan/x.pdf", {}, "left"),
            ("processed/P_1_scan/x.pdf", {"patient-id": "P"}, "not the patient's"),
            ("processed/P_10_scan/x.pdf", {"patient-id": "P_10"}, "not the patient's"),
            ("processed/P_1_loose.pdf", {}, "left"),
        ],
    )
    def test_what_was_never_adopted_is_judged_as_an_adoption_would(
        self, world: World, forget: Run, key: str, metadata: dict[str, str], becomes: str
    ) -> None:
        self.write(world, key, adopted=False, **metadata)
        self.write(world, f"{self.SESSION}theirs.json", adopted=False, **{"patient-id": "P_3"})
        traces, _ = forget("P_1", rest=NOW)
        assert (key in world.filed()) == (becomes != "gone")
        assert (Source(PROCESSED, key) in traces.undecided) == (becomes == "left")
        assert f"{self.SESSION}theirs.json" in world.filed()

    def test_a_version_that_names_another_keeps_all_of_the_object(self, world: World, forget: Run) -> None:
        self.write(world, self.M0, **{"patient-id": "P_2"})
        self.write(world, self.M0)
        traces, _ = forget("P_1")
        assert Source(PROCESSED, self.M0) in traces.undecided
        found = world.s3.list_object_versions(Bucket=PROCESSED, Prefix=self.M0)
        assert (len(found["Versions"]), "DeleteMarkers" in found) == (2, False)

    def test_in_a_folder_that_an_intake_filled_only_what_names_another_stays(
        self, world: World, forget: Run
    ) -> None:
        world.file("sessions/P_1/session_1/session.json", b"{}")
        world.file("documents/P_1/lab.txt")
        for folder in (self.SESSION, "processed/P_1_lab/"):
            self.write(world, f"{folder}by_hand.txt", adopted=False)
            self.write(world, f"{folder}theirs.txt", adopted=False, **{"patient-id": "P_2"})
        forget("P_1", rest=NOW)
        forget("P_1", rest=NOW)
        assert world.filed() == ["processed/P_1_lab/theirs.txt", f"{self.SESSION}theirs.txt"]

    def test_nothing_of_a_patient_whose_id_begins_alike_is_touched(self, world: World, forget: Run) -> None:
        world.file("documents/P/1_lab.txt", Metadata={"patient-id": "P"})
        self.write(world, "processed/P_1_lab/note.txt", adopted=False)
        before = {key: world.head(key)["VersionId"] for key in world.filed()}
        forget("P_1", rest=NOW)
        assert {key: world.head(key)["VersionId"] for key in world.filed()} == before

    def test_what_an_intake_wrote_is_included_by_its_landing_object_only(
        self, world: World, forget: Run
    ) -> None:
        world.file("scan.txt")
        with pytest.raises(Problem, match="was written by an intake"):
            forget("P_1", include=((PROCESSED, "processed/unknown_scan/original.txt"),))
        assert world.upload("scan.txt")

    def test_one_that_is_locked_keeps_itself_and_its_folder_and_no_other(
        self, world: World, stream: Stream, forget: Run
    ) -> None:
        world.s3.put_object_lock_configuration(
            Bucket=PROCESSED, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled"}
        )
        self.write(world, self.M0)
        self.write(world, self.M1)
        version = world.head(self.M0)["VersionId"]
        world.s3.put_object_legal_hold(
            Bucket=PROCESSED, Key=self.M0, VersionId=version, LegalHold={"Status": "ON"}
        )
        _, done = forget("P_1", rest=NOW)
        assert done.held == [Source(PROCESSED, self.M0)]
        assert world.filed() == [f"{self.SESSION}_manifest.json", self.M0]
        assert [one["key"]["S"] for one in standing(world, "catalog") if "kind" in one] == [self.M0]


class TestADeploymentOfItsOwn:
    """Its rules, its buckets, its placeholders."""

    @pytest.fixture(autouse=True)
    def _deployment(self, world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
        world.s3.create_bucket(Bucket="old-records", ObjectLockEnabledForBucket=True)
        connection.__dict__["accepted_buckets"] = (LANDING, "old-records")
        table = json.loads((ROOT / "rules" / "default.json").read_text())
        table["rules"].insert(
            0,
            {
                "name": "clinic",
                "patterns": ["clinics/{clinic}/{patient}/{file}"],
                "kind": "document",
                "patient": "from-key",
            },
        )
        table["placeholders"].append("niemand")
        rules = RuleTable.from_json(table)
        monkeypatch.setattr(f"{__name__}.rules_of", lambda _: rules)

    def test_what_was_never_filed_is_found_by_its_rules_and_in_all_its_buckets(
        self, world: World, forget: Run
    ) -> None:
        wanted = {
            Source(LANDING, "clinics/north/Ana_7/x.pdf"),
            Source("old-records", "documents/Ana_7/y.pdf"),
            Source("old-records", "clinics/south/Ana_7/z.pdf"),
        }
        others = {Source(LANDING, "clinics/Ana_7/Bob/x.pdf"), Source("old-records", "documents/Bob/y.pdf")}
        for source in wanted | others:
            world.s3.put_object(Bucket=source.bucket, Key=source.key, Body=b"x")
        traces, _ = forget("Ana_7")
        assert set(traces.undecided) == wanted
        forget("Ana_7", include=tuple((source.bucket, source.key) for source in wanted))
        assert forget("Ana_7")[0].undecided == {}
        for source in others:
            assert world.s3.head_object(Bucket=source.bucket, Key=source.key)

    def test_a_hold_in_any_of_its_buckets_is_kept(self, world: World, forget: Run) -> None:
        source = Source("old-records", "documents/Ana_7/y.pdf")
        world.s3.put_object(Bucket=source.bucket, Key=source.key, Body=b"x")
        world.s3.put_object_legal_hold(Bucket=source.bucket, Key=source.key, LegalHold={"Status": "ON"})
        _, done = forget("Ana_7", include=((source.bucket, source.key),))
        assert done.held == [source]
        assert world.s3.head_object(Bucket=source.bucket, Key=source.key)

    def test_its_placeholders_name_nobody(self, connection: Connection) -> None:
        with pytest.raises(Problem, match="placeholder"):
            refuse_placeholder("Niemand", rules_of(connection))


class TestTheCommand:
    """What is given to it, and how it ends."""

    @pytest.fixture
    def run(self, connection: Connection) -> Callable[..., Exit]:
        def run(patient: str, **options: Any) -> Exit:
            return command(connection, View(as_json=False), patient=patient, **options)

        return run

    def test_it_ends_well_only_when_nothing_is_left(
        self, world: World, run: Callable[..., Exit], capsys: pytest.CaptureFixture[str], tmp_path: Path
    ) -> None:
        key = "processed/P_1_lab/c.pdf"
        TestInPlace.write(world, key)
        assert run("P_1") is Exit.FOUND
        report = tmp_path / "report.json"
        assert run("P_1", yes=True, report=report) is Exit.FOUND
        assert f"s3://{PROCESSED}/{key}" in capsys.readouterr().out
        told = json.loads(report.read_text())
        assert told["for_a_person"] == 1
        at = datetime.fromisoformat(told["at"]).date()
        assert told["remains_until"]["executions"] == (at + timedelta(90)).isoformat()
        assert stat.S_IMODE(report.stat().st_mode) == 0o600
        assert run("P_1", yes=True, include=[f"s3://{PROCESSED}/{key}"]) is Exit.DONE
        assert run("P_1", yes=True) is Exit.DONE

    @pytest.mark.parametrize(
        ("include", "line"),
        [
            ("s3://another/x.txt", "no object that Carefile-test takes in"),
            (f"s3://{LANDING}/", "no object that Carefile-test takes in"),
            ("s3://", "invalid S3 location"),
        ],
    )
    def test_what_can_not_be_included_is_refused_in_one_line(
        self, world: World, run: Callable[..., Exit], include: str, line: str
    ) -> None:
        file_all_of(world, "Ana_7")
        before = everything(world)
        with pytest.raises(Problem, match=line):
            run("Ana_7", yes=True, include=[include])
        assert everything(world) == before

    @pytest.mark.parametrize(
        ("options", "line"),
        [
            ({"patient": "n/a"}, "is a placeholder"),
            ({"patient": ""}, "is a placeholder"),
            ({"patient": "Ana_7", "rest": "soon"}, "soon"),
            ({"patient": "Ana_7", "report": Path(__file__)}, "is there already"),
        ],
    )
    def test_what_makes_no_sense_is_one_line_and_deletes_nothing(
        self, world: World, run: Callable[..., Exit], options: dict[str, Any], line: str
    ) -> None:
        file_all_of(world, "Ana_7")
        before = everything(world)
        with pytest.raises(Problem, match=line) as stopped:
            run(**options, yes=True)
        assert "\n" not in stopped.value.what
        assert everything(world) == before

    def test_of_somebody_never_heard_of_there_is_nothing(
        self, world: World, run: Callable[..., Exit]
    ) -> None:
        file_all_of(world, "Ana_7")
        before = everything(world)
        assert run("Ana_8", yes=True) is Exit.DONE
        assert everything(world) == before

    def test_another_patients_is_never_included(self, world: World, run: Callable[..., Exit]) -> None:
        file_all_of(world, "Ana_7")
        file_all_of(world, "Bob_8")
        before = everything(world)
        with pytest.raises(Problem, match="filed as another patient's"):
            run("Ana_7", yes=True, include=["documents/Bob_8/knee.txt"])
        assert everything(world) == before

    def test_what_is_to_be_included_and_not_there_is_told(
        self, run: Callable[..., Exit], capsys: pytest.CaptureFixture[str]
    ) -> None:
        run("Ana_7", include=["documents/Ana_7/typo.pdf"])
        assert f"There is nothing at s3://{LANDING}/documents/Ana_7/typo.pdf" in capsys.readouterr().err


def test_no_item_of_a_version_is_left_where_the_landing_bucket_s_versioning_is_suspended(
    world: World, forget: Run
) -> None:
    """A version without an id is known by its ETag and its time, also in the ledger."""
    world.s3.put_bucket_versioning(Bucket=LANDING, VersioningConfiguration={"Status": "Suspended"})
    for body in (b"one", b"two"):
        world.file("documents/Ana_7/knee.txt", body, name=body.decode())
        seen = Landing(world.s3).head(Source(LANDING, "documents/Ana_7/knee.txt"))
        assert isinstance(seen, Observation)
        assert "@" in seen.version
        Ledger(world.dynamodb, "ledger").note_status(seen.source, seen.version, PipelineStatus.CATALOGED)
    assert len(world.dynamodb.scan(TableName="ledger")["Items"]) == 3
    forget("Ana_7")
    assert standing(world, "ledger") == []
