"""Everything of a patient is deleted for good, nothing of anybody else, and what is not sure is left to a person."""

from __future__ import annotations

from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.patients.forgetting import Forgetter, refuse_placeholder
from carefile.cli.patients.remembered import Remembered
from carefile.cli.patients.traces import Finder
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.core.errors import RejectedAssignment, RejectedObject
from carefile.core.filing.layout import Owner
from carefile.core.filing.tagging import PipelineStatus
from carefile.core.model import Observation, Source
from carefile.core.records import session_entries
from carefile.core.records.session_entries import Place
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from tests.unit.forgetting import NOW, Run, bytes_of, everything, file_all_of, standing
from tests.unit.test_adoption import adopt, write
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


@pytest.mark.parametrize("mixed", [False, True], ids=["all of it", "what is the patient's"])
def test_of_a_large_session_no_part_is_left_that_tells_of_the_patient(
    world: World, forget: Run, connection: Connection, monkeypatch: pytest.MonkeyPatch, mixed: bool
) -> None:
    for name, size in {"MAX_RECENT": 3, "KEPT": 1, "PART_OBJECTS": 2}.items():
        monkeypatch.setattr(session_entries, name, size)
    stream, folder = Stream(world), "processed/Ana_7_medical_notes/session_1/"
    for number in range(9):
        key = f"agents/agent_a/messages/message_{number}.json"
        if mixed:
            whose = {"Metadata": {"patient-id": "Ben_8"}} if number in (2, 7) else {}
            write(world, folder + key, **whose)
            adopt(world, folder + key, f"a{number}")
        else:
            world.file(f"sessions/Ana_7/session_1/{key}", b"{}", name=f"e{number}")
    index(stream.records())
    place = Place(PROCESSED, folder)
    assert len([item for item in world.catalog() if item["source_id"]["S"].startswith(f"{place.key}#")]) > 2
    assert len(Entries(connection).in_session(place)) == 9
    forget("Ana_7", rest=NOW)
    index(stream.records())
    left = Entries(connection).in_session(place)
    items = {
        item["source_id"]["S"] for item in world.catalog() if item["source_id"]["S"].startswith("session#")
    }
    if mixed:
        assert sorted(entry.key[-6] for entry in left) == ["2", "7"]
        assert items == {place.key}
    else:
        assert (left, items) == ([], set())


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


def test_what_a_round_adds_to_the_ledger_just_then_is_in_no_tombstone(
    world: World, forget: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file("documents/Ana_7/knee.txt")
    look, source = Remembered._item, Source(LANDING, "documents/Ana_7/knee.txt").source_id
    late = [source]

    def and_then_a_round_takes_a_revision(self: Remembered, key: str) -> dict[str, Any]:
        found = look(self, key)
        if key in late and "destinations" in found:
            late.remove(key)
            world.dynamodb.update_item(
                TableName="ledger",
                Key={"source_id": {"S": key}},
                UpdateExpression="SET version_name = :version ADD destinations :place, revision :one",
                ExpressionAttributeValues={
                    ":version": {"S": "v2"},
                    ":place": {"SS": ["processed/Ana_7_leg/"]},
                    ":one": {"N": "1"},
                },
            )
        return found

    monkeypatch.setattr(Remembered, "_item", and_then_a_round_takes_a_revision)
    forget("Ana_7")
    assert late == []
    assert standing(world, "ledger") == []
