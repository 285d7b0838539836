"""Patients that an EHR states by event: taken from the queue as often and in whatever order it delivers them."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carefile.core.errors import RejectedEvent, RejectedPatient, StorageThrottled
from carefile.core.patients.directory import Wanted
from carefile.core.patients.entries import PatientEntry
from carefile.core.records.patients import patient_key, tombstone
from lambdas import register_patients
from lambdas.adapters import aws
from lambdas.adapters.people.directory import Directory
from lambdas.intake import wiring
from tests.unit.world import World

ANA = {
    "patient_id": "A-1",
    "names": [{"family": "Ruiz", "given": ["Ana"]}],
    "birth_date": "1984-02-11",
    "identifiers": [{"system": "urn:oid:1.2", "value": "77"}],
}


def event(time: str = "2026-11-20T10:00:00Z", **detail: Any) -> dict[str, Any]:
    detail = ANA | detail
    return {"source": "carefile.intake", "detail-type": "Patient Registered", "time": time, "detail": detail}


@pytest.fixture
def listed(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    queue = aws.sqs().create_queue(QueueName="refused")["QueueUrl"]
    monkeypatch.setenv("PATIENTS_TABLE", "patients")
    monkeypatch.setenv("DEAD_LETTERS_URL", queue)
    monkeypatch.setattr(register_patients, "registering", wiring.registering())
    return world


def take(*events: Any) -> list[str]:
    """The numbers of the messages that are to be tried again."""
    records = [
        {"messageId": str(number), "body": one if isinstance(one, str) else json.dumps(one)}
        for number, one in enumerate(events)
    ]
    answer = register_patients.handler({"Records": records}, None)
    return [item["itemIdentifier"] for item in answer["batchItemFailures"]]


def entry(world: World, patient: str = "A-1") -> PatientEntry | None:
    return Directory(world.dynamodb, "patients").look_up(Wanted(frozenset({patient}))).entries.get(patient)


def letters(world: World) -> list[dict[str, Any]]:
    """What was refused: the error's name, its text and the event."""
    queue = wiring.registering().refused._queue_url
    found = aws.sqs().receive_message(QueueUrl=queue, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return [
        {name: value["StringValue"] for name, value in one["MessageAttributes"].items()}
        | {"body": one["Body"]}
        for one in found.get("Messages", ())
    ]


def test_a_registered_patient_is_listed_and_found_by_their_number(listed: World) -> None:
    assert take(event()) == []
    found = entry(listed)
    assert found is not None
    assert (found.names[0].in_full, found.birth_dates) == ("Ana Ruiz", {"1984-02-11"})
    (number,) = found.identifiers
    listing = Directory(listed.dynamodb, "patients").look_up(Wanted(identifiers=frozenset({number})))
    assert listing.resolve("77", number) == {"A-1"}


def test_an_event_that_comes_again_changes_nothing(listed: World) -> None:
    take(event())
    once = listed.dynamodb.scan(TableName="patients")["Items"]
    take(event(), event())
    assert listed.dynamodb.scan(TableName="patients")["Items"] == once


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.permutations(range(1, 5)), st.sampled_from(["time", "stated_at"]))
def test_in_whatever_order_events_arrive_the_newest_of_a_source_holds(
    listed: World, order: list[int], says_when: str
) -> None:
    listed.dynamodb.delete_item(TableName="patients", Key=patient_key("A-1"))
    for day in order:
        at = f"2026-11-0{day}T10:00:00Z"
        told = {"birth_date": f"1984-02-0{5 - day}"}
        take(event(time=at, **told) if says_when == "time" else event(stated_at=at, **told))
    found = entry(listed)
    assert found is not None
    assert found.birth_dates == {"1984-02-01"}


def test_a_sender_whose_clock_is_ahead_does_not_silence_what_comes_later(listed: World) -> None:
    take(event(stated_at="2099-01-01T00:00:00Z"))
    take(event(time="2026-11-21T10:00:00Z", birth_date="1984-02-12"))
    found = entry(listed)
    assert found is not None
    assert found.birth_dates == {"1984-02-12"}


def test_what_one_system_states_leaves_what_another_states(listed: World) -> None:
    take(event(source="ehr"), event(source="lab", names=[{"text": "Ana Ruiz Soto"}]))
    found = entry(listed)
    assert found is not None
    assert [name.in_full for name in found.names] == ["Ana Ruiz", "Ana Ruiz Soto"]


@pytest.mark.parametrize(
    ("refused", "error", "reason"),
    [
        ("no json", "RejectedEvent", "malformed-input"),
        ("[]", "RejectedEvent", "malformed-input"),
        ({"detail-type": "Object Submitted", "detail": ANA}, "RejectedEvent", "malformed-input"),
        ({"detail-type": "Patient Registered"}, "RejectedEvent", "malformed-input"),
        (event(birth_date="11/02/1984"), "RejectedEvent", "malformed-input"),
        (event(identifiers=[{"system": "x"}]), "RejectedEvent", "malformed-input"),
        (event(names=[{"text": "\ud800"}]), "RejectedEvent", "malformed-input"),
        (event(patient_id="  "), "RejectedPatient", "no-patient-id"),
        (event(patient_id="4711.0"), "RejectedPatient", "damaged-patient-id"),
    ],
)
def test_what_can_never_be_taken_goes_to_the_dead_letters_at_once_and_stops_nobody(
    listed: World, log: io.StringIO, refused: Any, error: str, reason: str
) -> None:
    assert take(refused, event()) == []
    assert entry(listed) is not None
    (letter,) = letters(listed)
    assert letter["ERROR_CODE"] == error
    assert letter["ERROR_MESSAGE"].startswith(f"{reason}: ")
    assert letter["body"] == (refused if isinstance(refused, str) else json.dumps(refused))
    line = json.loads(log.getvalue().splitlines()[0])
    assert (line["message"], line["error"], line["reason"]) == ("not registered", error, reason)
    assert "1984" not in log.getvalue()


def test_what_the_directory_did_not_take_stays_in_the_queue(
    listed: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = listed.dynamodb.batch_write_item

    def busy(**request: Any) -> Any:
        words = str(request)
        return {"UnprocessedItems": {"patients": [1]}} if "A-1" in words else real(**request)

    monkeypatch.setattr(register_patients.registering.patients._dynamodb, "batch_write_item", busy)
    assert take(event(), event(patient_id="B-2")) == ["0"]
    assert entry(listed) is None
    assert entry(listed, "B-2") is not None
    assert letters(listed) == []
    assert "not registered" in caplog.messages


def test_an_entry_that_changes_meanwhile_is_stated_upon(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = register_patients.registering.patients
    put, late = patients._put, [event(source="lab", sex="female")]

    def slow(*given: Any) -> bool:
        if late:
            take(late.pop())
        return put(*given)

    monkeypatch.setattr(type(patients), "_put", lambda self, *given: slow(*given))
    take(event(source="ehr"))
    found = entry(listed)
    assert found is not None
    assert found.statements.keys() == {"ehr", "lab"}


def test_a_forgotten_patient_is_not_listed_again_and_the_event_is_not_kept(listed: World) -> None:
    listed.dynamodb.put_item(TableName="patients", Item=tombstone("A-1", "2026-11-30T00:00:00Z"))
    assert take(event()) == []
    assert entry(listed) is None
    assert letters(listed) == []


def test_a_patient_who_is_forgotten_while_they_are_stated_leaves_nothing(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    patients = register_patients.registering.patients
    put = patients._put

    def slow(*given: Any) -> bool:
        listed.dynamodb.put_item(TableName="patients", Item=tombstone("A-1", "2026-11-30T00:00:00Z"))
        return put(*given)

    monkeypatch.setattr(type(patients), "_put", lambda self, *given: slow(*given))
    assert take(event()) == []
    left = listed.dynamodb.scan(TableName="patients")["Items"]
    assert not any("A-1" in str(item) for item in left)


def test_an_event_that_an_operator_sends_again_fails_by_the_name_of_its_error(listed: World) -> None:
    assert register_patients.handler(event(), None) == {"entry": "new"}
    with pytest.raises(RejectedPatient, match="no-patient-id"):
        register_patients.handler(event(patient_id=" "), None)
    with pytest.raises(RejectedEvent, match="malformed-input"):
        register_patients.handler({"detail-type": "Patient Registered", "detail": {}}, None)


def test_an_entry_that_never_rests_is_tried_again_later(
    listed: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(register_patients.registering.patients), "_put", lambda *given: False)
    with pytest.raises(StorageThrottled, match="patient-contended"):
        register_patients.handler(event(), None)
    assert take(event()) == ["0"]
