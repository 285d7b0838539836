"""The record of decisions: written once each, in one chain a day, and nothing that is removed from it goes unseen."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhir.resources.R4B.provenance import Provenance
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.deciding.decisions import decisions, verify_decisions
from carefile.cli.exits import Exit
from carefile.cli.patients.decided import Decided
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.errors import AssignmentConflict, RejectedAssignment, StillChanging
from carefile.core.model import Decision, DecisionType, Source
from carefile.core.records.decisions import (
    Fault,
    Finding,
    Head,
    Record,
    check_day,
    check_days,
    payload_digest,
)
from carefile.core.records.ledger import unfiled_name, unfiling
from lambdas import assign_patient
from lambdas.adapters.people.decisions import Decisions
from lambdas.intake import wiring
from tests.unit.conftest import OUTPUTS, connection_to
from tests.unit.test_assigning import assign, plan
from tests.unit.test_nobodys import REY, T1, T2, decide, nobody, take_back
from tests.unit.world import LANDING, World, cataloged, submitted_event

NOON = datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.fixture
def recorded(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """A stage with a record of decisions."""
    world.dynamodb.create_table(
        TableName="decisions",
        KeySchema=[
            {"AttributeName": "day", "KeyType": "HASH"},
            {"AttributeName": "number", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("day", "number")],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("DECISIONS_TABLE", "decisions")
    monkeypatch.setattr(assign_patient, "assigning", wiring.assigning())
    return world


def records(world: World) -> list[Record]:
    items = world.dynamodb.scan(TableName="decisions")["Items"]
    found = [record for item in items if (record := Record.of_item(item))]
    return sorted(found, key=lambda one: (one.day, one.number))


def at(world: World, moment: datetime, pause: Callable[[float], None] = lambda _: None) -> Decisions:
    return Decisions(world.dynamodb, "decisions", lambda: moment, pause)


def head_of(world: World, day: str) -> Head:
    def item(partition: str, number: str) -> Any:
        key = {"day": {"S": partition}, "number": {"S": number}}
        return world.dynamodb.get_item(TableName="decisions", Key=key).get("Item", {})

    return Head.of_items(day, item("days", day), item(day, "head"))


def test_a_decision_is_recorded_with_who_when_why_and_whose_credentials(recorded: World) -> None:
    recorded.file("documents/Ana_7/x.txt")
    around = {
        "source": "carefile.intake",
        "detail-type": "Patient Identified",
        "detail": {"key": "documents/Ana_7/x.txt", "patient_id": "Ben_8", "from": "Ana_7"} | REY,
        "principal": "arn:aws:iam::1:role/clerk",
    }
    event = {"input": around, "started": T1, "execution": "arn:execution:1"}
    assign_patient.handler(event, None)
    assign_patient.handler(event, None)  # retried
    (record,) = records(recorded)
    told = record.content
    assert (told["type"], told["decided_at"], told["patient_id"]) == ("assign", T1, "Ben_8")
    assert {name: told[name] for name in REY} == REY
    assert (told["principal"], told["execution"]) == ("arn:aws:iam::1:role/clerk", "arn:execution:1")
    assert told["patients"] == ["Ana_7", "Ben_8"]
    assert told["key"] == "documents/Ana_7/x.txt"


def test_every_decision_is_recorded_and_what_is_refused_or_planned_is_not(recorded: World) -> None:
    recorded.file("x.txt")
    plan(nobody(key="x.txt"))
    assert records(recorded) == []
    decide(recorded, nobody(key="x.txt"), T1)
    decide(recorded, take_back(key="x.txt"), T2)
    with pytest.raises(AssignmentConflict):
        assign({"key": "x.txt", "patient_id": "Ana_7"}, started=T1)
    assert [record.type for record in records(recorded)] == ["nobody", "take-back"]
    (head,) = {head_of(recorded, record.day) for record in records(recorded)}
    assert list(check_day(head, records(recorded))) == []


def test_a_decision_whose_record_was_lost_on_the_way_is_recorded_by_the_retry(
    recorded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded.file("x.txt")

    def crash(*_: Any, **__: Any) -> bool:
        raise StillChanging("still-changing: lost")

    with monkeypatch.context() as broken:
        broken.setattr(Decisions, "record", crash)
        with pytest.raises(StillChanging):
            assign(nobody(key="x.txt"), started=T1)
    assert not records(recorded)
    assign(nobody(key="x.txt"), started=T1)
    assert [record.type for record in records(recorded)] == ["nobody"]


def test_what_was_taken_out_is_recorded_only_if_the_ledger_says_so(recorded: World) -> None:
    source, decision = Source(LANDING, "x.txt"), Decision(DecisionType.UNFILE, "Dr. Rey", T1, "wrong")
    told = {"bucket": LANDING, "key": "x.txt", "decision": decision.to_json(), "patient": "Ana_7"}
    with pytest.raises(RejectedAssignment, match=r"^nothing-decided: "):
        assign_patient.handler({"unfiled": told}, None)
    recorded.dynamodb.update_item(
        TableName="ledger",
        Key={"source_id": {"S": source.source_id}},
        **unfiling(unfiled_name("sha256:1"), decision),
    )
    assert [assign_patient.handler({"unfiled": told}, None)["recorded"] for _ in range(2)] == [True, False]
    assert [record.content["patients"] for record in records(recorded)] == [["Ana_7"]]


def test_writers_at_once_do_not_fork_a_days_chain(recorded: World) -> None:
    """Each reads the head before any writes: the fastest wins, and the others begin anew."""
    meeting = threading.Barrier(4, timeout=20)
    lock = threading.Lock()

    class Meeting(Decisions):
        met = False

        def _append(self, *arguments: Any) -> str | None:
            if not self.met:
                self.met = True
                meeting.wait()
            return super()._append(*arguments)

    class OneAtATime:
        """moto's transactions are not safe from other threads."""

        def __getattr__(self, name: str) -> Callable[..., Any]:
            def call(**arguments: Any) -> Any:
                with lock:
                    return getattr(recorded.dynamodb, name)(**arguments)

            return call

    def write(number: int) -> None:
        Meeting(OneAtATime(), "decisions", lambda: NOON).record(f"id{number}", "assign", {"n": number})  # type: ignore[arg-type]

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    found = records(recorded)
    assert [record.number for record in found] == [1, 2, 3, 4]
    assert list(check_day(head_of(recorded, "2026-11-30"), found)) == []


def test_a_head_that_changed_since_it_was_read_is_never_written_over(
    recorded: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses = list[float]()
    chain = at(recorded, NOON, pauses.append)
    chain.record("first", "assign", {})
    stale = chain._head("2026-11-30")
    chain.record("second", "assign", {})
    monkeypatch.setattr(Decisions, "_head", lambda self, day: stale)
    with pytest.raises(StillChanging, match=r"^still-changing: "):
        chain.record("third", "assign", {})
    assert [record.number for record in records(recorded)] == [1, 2]
    assert len(pauses) == 12
    assert all(0 <= pause <= min(1, 0.02 * 2**number) for number, pause in enumerate(pauses))


def chain_of(world: World, days: int, each: int) -> tuple[list[Head], dict[str, list[Record]]]:
    for day in range(days):
        for number in range(each):
            at(world, NOON + timedelta(days=day)).record(f"{day}-{number}", "assign", {"n": [day, number]})
    by_day: dict[str, list[Record]] = {}
    for record in records(world):
        by_day.setdefault(record.day, []).append(record)
    return [head_of(world, day) for day in sorted(by_day)], by_day


def findings(heads: list[Head], by_day: dict[str, list[Record]]) -> list[Finding]:
    found = [it for head in heads for it in check_day(head, by_day.get(head.day, []))]
    return found + list(
        check_days(heads, {day: [one.hash for one in every] for day, every in by_day.items()})
    )


def test_a_record_that_is_removed_or_changed_shows_and_a_forgotten_payload_does_not(recorded: World) -> None:
    heads, by_day = chain_of(recorded, 3, 3)
    assert findings(heads, by_day) == []
    first = by_day["2026-11-30"]
    forgotten = [replace(one, payload=None, salt=None, forgotten_at=T1) for one in first]
    assert findings(heads, by_day | {"2026-11-30": forgotten}) == []
    for gone in range(3):
        left = [one for one in first if one.number != gone + 1]
        assert Finding("2026-11-30", gone + 1, Fault.MISSING) in findings(
            heads, by_day | {"2026-11-30": left}
        )
    told = [first[0], replace(first[1], payload='{"n":[0,9]}'), first[2]]
    assert findings(heads, by_day | {"2026-11-30": told}) == [Finding("2026-11-30", 2, Fault.PAYLOAD_CHANGED)]
    changed = [first[0], replace(first[1], type="nobody"), first[2]]
    assert findings(heads, by_day | {"2026-11-30": changed}) == [Finding("2026-11-30", 2, Fault.CHANGED)]


def test_a_day_that_is_removed_shows_by_the_day_after_it(recorded: World) -> None:
    heads, by_day = chain_of(recorded, 3, 1)
    without = {day: every for day, every in by_day.items() if day != "2026-12-01"}
    assert Finding("2026-12-01", 0, Fault.DAY_MISSING) in findings([heads[0], heads[2]], without)
    assert Finding("2026-12-01", 1, Fault.MISSING) in findings(heads, without)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(st.data())
def test_no_change_of_a_chain_but_a_forgotten_payload_goes_unseen(data: st.DataObject) -> None:
    head, every = Head("2026-11-30", after_day="2026-11-29", after_hash="h"), list[Record]()
    for number in range(data.draw(st.integers(2, 6))):
        record = head.next("assign", T1, f'{{"n":{number}}}', f"salt{number}")
        every.append(record)
        head = replace(head, records=record.number, hash=record.hash)
    at_ = data.draw(st.integers(0, len(every) - 1))
    name = data.draw(
        st.sampled_from(["type", "recorded_at", "digest", "previous", "hash", "payload", "salt"])
    )
    broken = [*every]
    broken[at_] = replace(every[at_], **{name: str(getattr(every[at_], name)) + "x"})
    assert list(check_day(head, every)) == []
    assert list(check_day(head, broken)) != []
    swapped = [*every[:at_], *every[at_ + 1 :]]
    assert list(check_day(head, swapped)) != []


def test_a_last_record_other_than_the_one_that_the_head_ends_with_is_seen() -> None:
    before = Head("2026-11-30", after_day="2026-11-29", after_hash="h")
    one, other = (before.next("assign", T1, f'{{"n":{number}}}', "salt") for number in (1, 2))
    head = replace(before, records=1, hash=one.hash)
    assert list(check_day(head, [one])) == []
    assert list(check_day(head, [other])) == [Finding("2026-11-30", 1, Fault.TAIL_MISSING)]


def test_a_payload_cannot_be_guessed_from_its_digest_without_the_salt(recorded: World) -> None:
    chain = at(recorded, NOON)
    for id_ in ("one", "two"):
        chain.record(id_, "assign", {"patient_id": "Ana_7"})
    first, second = records(recorded)
    assert first.payload == second.payload
    assert first.digest != second.digest


@pytest.fixture
def operator(recorded: World) -> Connection:
    """The operator's connection to a stage with a record of decisions."""
    made = connection_to(recorded)
    made._outputs = {**OUTPUTS, "DecisionsTableName": "decisions"}
    return made


Show = Callable[..., tuple[Exit, str]]


@pytest.fixture
def show(operator: Connection, capsys: pytest.CaptureFixture[str]) -> Show:
    def ran(command: Callable[..., Exit], *, as_json: bool = True, **options: Any) -> tuple[Exit, str]:
        capsys.readouterr()
        code = command(operator, View(as_json=as_json), **options)
        return code, capsys.readouterr().out

    return ran


def lines(output: str) -> list[Any]:
    return [json.loads(line) for line in output.splitlines()]


def three(world: World) -> None:
    """Three decisions by two people about two patients."""
    world.file("x.txt")
    world.file("documents/Ana_7/y.txt", name="y")
    decide(world, {"key": "x.txt", "patient_id": "Ben_8"} | REY, T1)
    decide(world, nobody(key="documents/Ana_7/y.txt") | {"from": "Ana_7", "decided_by": "Dr. Sol"}, T1, "y")
    decide(world, take_back(key="documents/Ana_7/y.txt"), T2, "z")


def test_decisions_are_listed_by_person_and_patient(recorded: World, show: Show) -> None:
    three(recorded)
    code, output = show(decisions, fhir=False, limit=10)
    told = [(one["type"], one["decided_by"], one["reason"]) for one in lines(output)]
    assert code is Exit.DONE
    assert told == [
        ("assign", "Dr. Rey", "an advertisement"),
        ("nobody", "Dr. Sol", "an advertisement"),
        ("take-back", "Dr. Rey", "an advertisement"),
    ]
    assert [one["type"] for one in lines(show(decisions, by="Dr. Sol", fhir=False, limit=10)[1])] == [
        "nobody"
    ]
    anas = lines(show(decisions, patient="Ana_7", fhir=False, limit=10)[1])
    assert [one["type"] for one in anas] == ["nobody"]
    assert show(decisions, patient="Cyn_9", fhir=False, limit=10)[0] is Exit.FOUND
    assert show(decisions, since="1h", fhir=False, limit=10)[0] is Exit.DONE
    assert "Dr. Sol" in show(decisions, as_json=False, fhir=False, limit=10)[1]


def test_a_decision_is_a_provenance_that_another_library_accepts(
    recorded: World, operator: Connection, show: Show
) -> None:
    three(recorded)
    Decided(operator).forget(records(recorded)[1], T2)
    found = lines(show(decisions, fhir=True, limit=10)[1])
    for one in found:
        Provenance.model_validate(one)
    assert found[0]["agent"][0]["who"] == {"display": "Dr. Rey"}
    assert found[0]["reason"] == [{"text": "an advertisement"}]
    assert found[0]["target"][1]["identifier"]["value"] == "Ben_8"
    assert "Dr. Sol" not in json.dumps(found[1])
    with pytest.raises(ValidationError):
        Provenance.model_validate({name: value for name, value in found[0].items() if name != "agent"})


def test_verifying_finds_nothing_and_names_the_hash_to_keep(recorded: World, show: Show) -> None:
    assert show(verify_decisions)[0] is Exit.DONE
    three(recorded)
    code, output = show(verify_decisions)
    result = json.loads(output)
    assert (code, result["findings"]) == (Exit.DONE, [])
    assert result["last"]["hash"] == records(recorded)[-1].hash
    assert show(verify_decisions, expect=result["last"]["hash"])[0] is Exit.DONE


def test_a_removed_record_and_a_newest_day_that_was_removed_are_found(recorded: World, show: Show) -> None:
    three(recorded)
    kept = records(recorded)[-1].hash
    gone = records(recorded)[0]
    key = {"day": {"S": gone.day}, "number": {"S": "00000001"}}
    recorded.dynamodb.delete_item(TableName="decisions", Key=key)
    code, output = show(verify_decisions)
    assert code is Exit.FOUND
    assert json.loads(output)["findings"] == [{"day": gone.day, "number": 1, "fault": "missing"}]
    assert "the record is missing" in show(verify_decisions, as_json=False)[1]
    for item in recorded.dynamodb.scan(TableName="decisions")["Items"]:
        key = {name: item[name] for name in ("day", "number")}
        recorded.dynamodb.delete_item(TableName="decisions", Key=key)
    assert show(verify_decisions)[0] is Exit.DONE  # nothing is left that could tell
    assert show(verify_decisions, expect=kept)[0] is Exit.FOUND


def test_forgetting_a_patient_deletes_what_the_records_say_and_keeps_that_they_were(
    recorded: World, operator: Connection, show: Show
) -> None:
    three(recorded)
    decide(recorded, {"key": "x.txt", "patient_id": "Ana_7", "from": "Ben_8"} | REY, T2, "w")
    forgetter = Forgetter(operator, "Ana_7", rest=timedelta(0))
    traces = Finder(operator, "Ana_7", rules_of(operator)).find()
    assert forgetter.tally(traces).decisions == 4
    assert forgetter.forget(traces).decisions == 4
    assert "Ana_7" not in json.dumps(recorded.dynamodb.scan(TableName="decisions")["Items"])
    assert len(records(recorded)) == 4
    code, output = show(verify_decisions)
    assert (code, json.loads(output)["findings"]) == (Exit.DONE, [])


def test_a_hint_that_named_a_forgotten_patient_is_dropped_and_what_a_person_decided_stays(
    recorded: World, operator: Connection
) -> None:
    recorded.upload("x.txt")
    recorded.run(submitted_event("x.txt", {"patient_id": "Ana_7"}))
    decide(recorded, {"key": "x.txt", "patient_id": "Ben_8", "from": "Ana_7"} | REY, T2)
    Forgetter(operator, "Ana_7", rest=timedelta(0)).forget(
        Finder(operator, "Ana_7", rules_of(operator)).find(include=())
    )
    assert "Ana_7" not in json.dumps(recorded.dynamodb.scan(TableName="ledger")["Items"])
    again = recorded.run({"bucket": LANDING, "key": "x.txt"}, "again")
    assert cataloged(again)["patient"] == {"status": "known", "id": "Ben_8"}


def test_a_payload_that_is_no_whole_unicode_has_a_digest_too() -> None:
    assert payload_digest("a\ud800", "salt") != payload_digest("a", "salt")
