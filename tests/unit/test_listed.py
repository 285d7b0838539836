"""Listed mode: what the directory does to what is filed, what is asked of it, and what that costs."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.errors import RejectedAssignment
from carefile.core.patients.directory import Listing, Wanted
from carefile.core.patients.entries import Identifier, PatientEntry, PersonName, Statement
from carefile.core.records.patients import KEY, PART, identifier_key, number_entry, to_item
from lambdas import adopt_object, assign_patient
from lambdas.adapters import aws, contracts
from lambdas.adapters.people import directory
from lambdas.adapters.people.directory import Directory
from lambdas.intake import wiring
from tests.unit.test_assigning import assign, reassign
from tests.unit.test_calls import calls_during
from tests.unit.world import PROCESSED, World, cataloged, created_event, execution_arn, submitted_event

ANA = PatientEntry("Ana").stating(
    "ehr",
    Statement((PersonName("Ana Ruiz"),), "1984-02-11", identifiers=frozenset({Identifier.of("1.2.3", "77")})),
)
EVA = PatientEntry("Eva").stating("ehr", Statement((PersonName("Eva Soto"),), "1990-01-01"))


def put(world: World, *entries: PatientEntry) -> None:
    for entry in entries:
        world.dynamodb.put_item(TableName="patients", Item=to_item(entry))
        for identifier in entry.identifiers:
            world.dynamodb.put_item(
                TableName="patients", Item={**identifier_key(identifier), "patients": {"SS": [entry.id]}}
            )


@pytest.fixture
def listed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A world whose patients are listed, with Ana and Eva in the directory."""
    monkeypatch.setenv("PATIENTS", "listed")
    monkeypatch.setenv("PATIENTS_TABLE", "patients")
    world.wire()
    put(world, ANA, EVA)
    return world


def whose(result: dict[str, Any]) -> tuple[str | None, str | None]:
    patient = cataloged(result)["patient"]
    return patient.get("id"), patient.get("reason")


def hl7(number: str, name: str, born: str, authority: str = "") -> bytes:
    return (
        "MSH|^~\\&|LIS|LAB|EMR|X|20241028||ORU^R01|1|P|2.5\r"
        f"PID|1||{number}^^^{authority}^MR||{name}||{born}|F\rOBX|1|ST|a^b||fine\r"
    ).encode()


def test_an_id_that_is_not_listed_is_unknown_at_every_way_in(listed: World) -> None:
    ways = [
        listed.file("documents/Anna/a.txt"),
        listed.file("sessions/Anna/session_1/session.json", b"{}"),
        listed.file("b.txt", Metadata={"patient-id": "Anna"}),
        listed.file("c.json", json.dumps({"patient_id": "Anna"}).encode()),
    ]
    listed.upload("d.txt")
    ways.append(listed.run(submitted_event("d.txt", {"patient_id": "Anna"}), "e9"))
    assert {whose(result) for result in ways} == {(None, "unlisted")}
    (told,) = [one for one in cataloged(ways[0])["evidence"] if one["about"] == "patient"]
    assert (told["value"], told["used"], told["listed"]) == ("Anna", False, False)


def test_a_listed_id_is_known_and_so_is_a_folder_of_its_name(listed: World) -> None:
    assert whose(listed.file("documents/Ana/a.txt")) == ("Ana", None)
    assert whose(listed.file("Ana/letters/b.txt")) == ("Ana", None)
    assert whose(listed.file("radiology/2024/c.txt")) == (None, "no-evidence")


def test_a_further_identifier_means_the_patient_whose_it_is(listed: World) -> None:
    assert whose(listed.file("a.hl7", hl7("77", "Ruiz^Ana", "19840211", "LAB&1.2.3&ISO"))) == ("Ana", None)
    assert whose(listed.file("b.hl7", hl7("77", "Ruiz^Ana", "19840211", "LAB&9.9.9&ISO"))) == (
        None,
        "unlisted",
    )


def test_another_name_and_another_birth_date_contradict_and_one_of_them_does_not(listed: World) -> None:
    def filed(name: str, body: bytes) -> tuple[str | None, str | None]:
        return whose(listed.file(f"documents/Ana/{name}.hl7", body))

    assert filed("other", hl7("Ana", "Soto^Eva", "19900101")) == (None, "conflict")
    assert filed("married", hl7("Ana", "Gil^Ana", "19840211")) == ("Ana", None)
    assert filed("typo", hl7("Ana", "Ruiz^Ana^M", "19840212")) == ("Ana", None)


def test_a_person_who_decides_is_not_contradicted_but_has_to_name_somebody_listed(listed: World) -> None:
    listed.upload("a.hl7", hl7("Eva", "Soto^Eva", "19900101"))
    assert whose(listed.run(submitted_event("a.hl7", {"patient_id": "Ana"}))) == ("Ana", None)


def test_a_merged_id_means_the_patient_they_are_now_and_a_circle_of_merges_nobody(listed: World) -> None:
    put(listed, replace(ANA, merged_into="Eva"))
    assert whose(listed.file("documents/Ana/a.txt")) == ("Eva", None)
    put(listed, replace(EVA, merged_into="Ana"))
    assert whose(listed.file("documents/Ana/b.txt")) == (None, "unlisted")


def test_an_inactive_patient_takes_records_with_a_warning(listed: World) -> None:
    put(listed, PatientEntry("Gil").stating("ehr", Statement(active=False)))
    result = listed.file("documents/Gil/a.txt")
    assert whose(result) == ("Gil", None)
    assert result["classification"]["warnings"] == ["inactive-patient"]


def test_a_placeholder_is_an_id_only_where_it_is_listed(listed: World) -> None:
    assert whose(listed.file("documents/00000/a.txt")) == (None, "no-evidence")
    put(listed, PatientEntry("00000").stating("ehr", Statement()))
    assert whose(listed.file("documents/00000/b.txt")) == ("00000", None)


def test_an_index_that_is_wrong_leads_to_nobody(listed: World) -> None:
    listed.dynamodb.put_item(
        TableName="patients", Item={**identifier_key(Identifier("1.2.3", "88")), "patients": {"SS": ["Ana"]}}
    )
    assert whose(listed.file("a.hl7", hl7("88", "Ruiz^Ana", "19840211", "LAB&1.2.3&ISO"))) == (
        None,
        "unlisted",
    )


def test_a_number_of_two_patients_is_a_conflict(listed: World) -> None:
    both = frozenset({Identifier.of("1.2.3", "77")})
    put(listed, PatientEntry("Eva").stating("ehr", Statement(identifiers=both)))
    listed.dynamodb.put_item(
        TableName="patients",
        Item={**identifier_key(Identifier("1.2.3", "77")), "patients": {"SS": ["Ana", "Eva"]}},
    )
    assert whose(listed.file("a.hl7", hl7("77", "Ruiz^Ana", "19840211", "LAB&1.2.3&ISO"))) == (
        None,
        "conflict",
    )


@pytest.mark.parametrize("reads_again", [True, False])
def test_a_merge_during_a_round_is_found_by_its_check(
    listed: World, monkeypatch: pytest.MonkeyPatch, reads_again: bool
) -> None:
    """A round that does not read the directory again files under an id that is no longer one."""
    looked_up = Directory.look_up
    times = Counter[str]()

    def merged_after_the_first(self: Directory, *asked: Any) -> Listing:
        times["read"] += 1
        found = looked_up(self, *asked)
        if times["read"] == 1:
            put(listed, replace(ANA, merged_into="Eva"))
        return found

    event = created_event("documents/Ana/a.txt", listed.upload("documents/Ana/a.txt"))
    classified = listed.classify(event)
    monkeypatch.setattr(Directory, "look_up", merged_after_the_first)
    if not reads_again:
        monkeypatch.setattr("lambdas.intake.filing.Filing.is_listed_as_before", lambda *_: True)
    found = whose(listed.normalise(classified))
    assert found == (("Eva", None) if reads_again else ("Ana", None))
    assert bool(listed.filed("processed/Ana_a/original.txt")) is not reads_again


def test_the_directory_costs_three_reads_an_object_and_nothing_where_it_is_not_in_use(listed: World) -> None:
    listed.file("documents/Ana/first.txt", name="warms-up")
    event = created_event("documents/Ana/second.txt", listed.upload("documents/Ana/second.txt"))
    made = calls_during(lambda: listed.run(event, "e2"))
    # As it is classified; and at the start of the round and in its check, with the ledger's item.
    assert (made["BatchGetItem"], made["GetItem"]) == (3, 0)


def test_the_ledgers_item_and_the_patients_are_one_request_and_both_are_strongly_consistent(
    listed: World,
) -> None:
    asked: list[dict[str, Any]] = []

    def keep(params: dict[str, Any], **_: Any) -> None:
        asked.append(params["RequestItems"])

    events = aws.dynamodb().meta.events
    events.register("provide-client-params.dynamodb.BatchGetItem", keep, unique_id="keep")
    try:
        listed.file("documents/Ana/a.txt")
        listed.file("b.txt", Metadata={"patient-id": "Eva"})
        listed.file("sessions/Ana/session_1/session.json", b"{}")
    finally:
        events.unregister("provide-client-params.dynamodb.BatchGetItem", unique_id="keep")
    assert all(table["ConsistentRead"] for one in asked for table in one.values())
    both = {"ledger": 1, "patients": 1}
    assert [{name: len(table["Keys"]) for name, table in one.items()} for one in asked] == [
        {"patients": 1},
        both,
        both,
        # What only its metadata names is not known when the round reads the ledger.
        {"patients": 1},
        {"patients": 1},
        both,
        {"patients": 1},
        {"ledger": 2, "patients": 1},
        {"ledger": 2, "patients": 1},
    ]


def test_what_names_nobody_asks_nothing(listed: World) -> None:
    listed.file("first.txt", name="warms-up")
    event = created_event("second.txt", listed.upload("second.txt"))
    assert "BatchGetItem" not in calls_during(lambda: listed.run(event, "e2"))


def test_a_rules_mapping_stays_and_is_held_against_the_directory() -> None:
    rules = contracts.rules()
    asked = to_look_up("documents/Ana/a.txt", (), rules)
    assert asked.ids == {"Ana"}
    found = classify("documents/Ana/a.txt", (), rules, directory=Listing({"Ana": ANA}))
    assert found.patient.id == "Ana"


def test_what_stands_under_an_unlisted_id_is_not_adopted(listed: World) -> None:
    def adopted(folder: str) -> dict[str, Any]:
        key = f"processed/{folder}/a.json"
        listed.s3.put_object(Bucket=PROCESSED, Key=key, Body=b"{}")
        return adopt_object.handler({"key": key, "execution": execution_arn("adopts")}, None)

    assert adopted("Anna_medical_notes/session_1")["left"] == "unlisted-patient"
    assert not listed.filed("processed/Anna_medical_notes/session_1/_manifest.json")
    assert adopted("Ana_medical_notes/session_1")["disposition"] == "cataloged"
    put(listed, replace(ANA, merged_into="Eva"))
    assert adopted("Ana_medical_notes/session_2")["left"] == "unlisted-patient"


def test_nothing_is_assigned_to_an_id_that_is_not_listed(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed.file("scan.txt")
    monkeypatch.setattr(assign_patient, "assigning", wiring.assigning())
    asked = {"key": "scan.txt", "patient_id": "Anna"}
    with pytest.raises(RejectedAssignment, match="unlisted-patient"):
        assign_patient.handler({"input": asked}, None)
    decided = assign_patient.handler({"input": asked | {"patient_id": "Ana"}}, None)
    assert decided["to"] == "processed/Ana_scan/"


def test_what_was_assigned_by_a_merged_id_is_where_it_belongs_when_that_is_asked_again(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(listed, replace(ANA, merged_into="Eva"))
    listed.file("scan.txt")
    monkeypatch.setattr(assign_patient, "assigning", wiring.assigning())
    asked = {"key": "scan.txt", "patient_id": "Ana"}
    assert reassign(listed, asked)["to"] == "processed/Eva_scan/"
    assert assign(asked)["nothing_to_move"]


@pytest.mark.parametrize("by", ["Eva", "Ana"])
def test_what_was_assigned_by_a_merged_id_may_be_assigned_by_the_other_one(
    listed: World, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    """Both ids are one person's, so there is nobody it has to be taken from."""
    key = "sessions/session_1/session.json"
    listed.file(key, b"{}")
    monkeypatch.setattr(assign_patient, "assigning", wiring.assigning())
    asked = {"key": key, "patient_id": "Ana"}
    assert reassign(listed, asked)["to"] == "processed/Ana_medical_notes/session_1/"
    put(listed, replace(ANA, merged_into="Eva"))
    assert reassign(listed, asked | {"patient_id": by})["to"] == "processed/Eva_medical_notes/session_1/"


def test_a_number_of_too_many_patients_leads_to_none_of_them(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(directory, "_CROWD", 1)
    wanted = Wanted(numbers=frozenset({"77"}))
    for number, patient in enumerate(("Ana", "Eva"), start=1):
        item = {KEY: {"S": number_entry("77")}, PART: {"S": patient}}
        listed.dynamodb.put_item(TableName="patients", Item=item)
        found = Directory(listed.dynamodb, "patients").look_up(wanted)
        assert set(found.entries) == ({"Ana"} if number == 1 else set())
