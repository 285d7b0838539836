"""What forgetting a patient leaves: tombstones that refuse older decisions, and what a person has to look at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.person import Person
from carefile.cli.patients.trace import Traces
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.core.errors import RejectedAssignment, RejectedObject
from carefile.core.filing.layout import Owner
from carefile.core.messages.events import iso_8601
from carefile.core.model import Source
from carefile.core.patients.entries import PersonName, Statement
from lambdas.adapters.ledger import Ledger
from tests.unit.forgetting import merged
from tests.unit.world import LANDING, PROCESSED, World, cataloged, submitted_event

BEFORE = "2026-01-01T00:00:00.000Z"


def forget(connection: Connection, patient: str) -> Traces:
    """Forget a patient, and look again."""
    finder = [Finder(connection, patient, rules_of(connection)) for _ in range(2)]
    traces = finder[0].find()
    Forgetter(connection, patient, rest=timedelta(0)).forget(traces)
    return finder[1].find(copies=traces.copies)


def test_an_old_decision_about_what_was_never_filed_is_refused(world: World, connection: Connection) -> None:
    """The ledger has no item of such a key, so no tombstone of it either."""
    forget(connection, "Ana_7")
    world.upload("scan.txt")
    decided = submitted_event("scan.txt", {"patient_id": "Ana_7"})
    with pytest.raises(RejectedObject, match="forgotten-since"):
        world.classify(decided | {"time": BEFORE})
    later = world.normalise(world.classify(decided, started=iso_8601(datetime.now(UTC))))
    assert cataloged(later)["patient"]["id"] == "Ana_7"


def test_an_old_assignment_of_a_session_that_was_never_filed_is_refused(
    world: World, connection: Connection
) -> None:
    forget(connection, "Ana_7")
    ledger, session = Ledger(world.dynamodb, "ledger"), Owner(LANDING, "sessions/session_1/", tree=True)
    with pytest.raises(RejectedAssignment, match="forgotten-since"):
        ledger.assign(session, "Ana_7", frozenset(), BEFORE)
    ledger.assign(session, "Bob_8", frozenset(), BEFORE)


def test_the_same_bytes_filed_as_nobodys_are_for_a_person_to_look_at(
    world: World, connection: Connection
) -> None:
    world.file("documents/Ana_7/knee.txt", b"knee", name="e1")
    world.file("copies/1.txt", b"knee", name="e2")
    world.file("copies/2.txt", b"another", name="e3")
    world.file("documents/Bob_8/knee.txt", b"knee", name="e4")
    left = forget(connection, "Ana_7")
    assert left.undecided.keys() == {Source(LANDING, "copies/1.txt")}


@pytest.mark.parametrize(
    ("patient", "key", "found"),
    [
        ("Ana_7", "letters/Ana_7 knee.txt", True),
        ("Ana_7", "Ana_7.txt", True),
        ("Ana_7", "letters/Ana_77.txt", False),
        ("Ana_7", "letters/Mariana_7.txt", False),
        ("2024", "letters/knee 2024.txt", False),
        ("2024", "letters/2024/knee.txt", True),
    ],
)
def test_an_unknown_document_whose_key_holds_the_id_is_for_a_person_to_look_at(
    world: World, connection: Connection, patient: str, key: str, found: bool
) -> None:
    world.file(key)
    assert bool(forget(connection, patient).undecided) is found


def test_another_patients_upload_with_the_id_in_its_key_stays_and_is_counted(
    world: World, connection: Connection
) -> None:
    world.file("documents/Ana_7/knee.txt", name="e1")
    world.run(submitted_event("documents/Ana_7/knee.txt", {"patient_id": "Bob_8"}), "e2")
    left = forget(connection, "Ana_7")
    assert (left.undecided, left.named_by_others) == ({}, {Source(LANDING, "documents/Ana_7/knee.txt")})
    assert world.body("documents/Ana_7/knee.txt", LANDING) == b"hello"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("documents/Ana_7/knee.txt", "unknown_knee/"),
        ("sessions/Ana_7/session_1/session.json", "unknown_medical_notes/session_1/"),
    ],
)
def test_what_a_round_files_of_a_forgotten_source_as_nobodys_goes_with_the_next_run(
    world: World, connection: Connection, key: str, place: str
) -> None:
    """It had taken its revision before, and its patient was decided, so where it files names nobody and is no place
    that the ledger knows since. What is filed of the same key by a later upload stays."""
    world.file(key)
    where = world.s3.list_object_versions(Bucket=PROCESSED)["Versions"]
    kept = {it["Key"]: world.s3.get_object(Bucket=PROCESSED, Key=it["Key"]) for it in where}
    forget(connection, "Ana_7")
    assert world.filed() == []
    world.file("inbox/other.txt", name="e2")
    others = world.filed()
    for name, found in kept.items():
        late = f"{connection.layout.prefix}{place}{name.rpartition('/')[2]}"
        body, metadata = found["Body"].read(), found["Metadata"]
        world.s3.put_object(Bucket=PROCESSED, Key=late, Body=body, Metadata=metadata)
        world.s3.delete_object(Bucket=PROCESSED, Key=late)
        world.s3.put_object(Bucket=PROCESSED, Key=late, Body=body, Metadata=metadata)

    assert not forget(connection, "Ana_7").outdated
    there = world.s3.list_object_versions(Bucket=PROCESSED)
    names = {it["Key"] for kind in ("Versions", "DeleteMarkers") for it in there.get(kind, ())}
    assert names == set(others)

    world.file(key, b"another", name="e3", Metadata={"patient-id": "Bob_8"})
    again = world.filed()
    assert not forget(connection, "Cy_9").outdated
    assert world.filed() == again


def test_all_ids_that_lead_to_a_patient_by_merges_are_that_patient(
    world: World, connection: Connection
) -> None:
    patients = Patients(connection)
    for one in ("A", "B", "C", "D"):
        patients.state(one, "ehr", Statement((PersonName("Ana Ruiz"),)), None)
    for one, into in (("A", "B"), ("B", "C")):
        merged(world, connection, one, into, BEFORE)
    assert patients.merged_into("C") == {"A", "B"}
    assert patients.merged_into("D") == set()


def test_a_person_is_forgotten_under_every_id_and_each_thing_is_counted_once(
    world: World, connection: Connection
) -> None:
    """Merged after they were filed, and moved by the merge: the folder of the other id is emptied by that id alone."""
    world.file("documents/A/knee.txt", name="e1")
    world.run(submitted_event("documents/A/knee.txt", {"patient_id": "C"}), "e2")
    patients = Patients(connection)
    patients.state("C", "ehr", Statement((PersonName("Ana Ruiz"),)), None)
    patients.state("A", "ehr", Statement((PersonName("Ana Ruiz"),)), None)
    merged(world, connection, "A", "C", BEFORE)
    person = Person(connection, "C", rules_of(connection), rest=timedelta(0))
    assert person.ids == ("C", "A")
    there = sum(
        len(world.s3.list_object_versions(Bucket=PROCESSED).get(name, ()))
        for name in ("Versions", "DeleteMarkers")
    )
    person.look()
    counted = person.tally()
    assert (counted.landing_versions, counted.layout_versions, counted.directory_entries) == (1, there, 2)
    metadata = world.head("processed/C_knee/original.txt")["Metadata"]
    assert person.forget() == counted
    assert world.filed() == []
    world.s3.put_object(Bucket=PROCESSED, Key="processed/unknown_knee/original.txt", Metadata=metadata)
    person.look()
    assert person.tally().layout_versions == 1
