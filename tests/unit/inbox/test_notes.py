"""Notes about what waits: who said what, when, seen by whoever looks next, recorded once, and forgotten with the
patient."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.commands.deciding.decisions import decisions, verify_decisions
from carefile.cli.exits import Exit
from carefile.cli.inbox.notes import Notes
from carefile.cli.inbox.own_page import page_of
from carefile.cli.inbox.queue import Row
from carefile.cli.patients.assigning import Assigner
from carefile.cli.patients.decided import Decided, decision_about
from carefile.cli.patients.deciding import Decider
from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.session import show_session
from carefile.cli.shown.view import View
from carefile.core.deciding.standing import Standing
from carefile.core.errors import RejectedAssignment
from carefile.core.records.session_entries import Place
from lambdas import assign_patient
from tests.unit.inbox.scene import Inbox, field_of, texts_on
from tests.unit.test_decisions import Show, operator, recorded, records, show
from tests.unit.test_index_sessions import Stream, index
from tests.unit.test_nobodys import T1, T2, decide
from tests.unit.world import World

__all__ = ["operator", "recorded", "show"]
LONG = "Luis Rey of the records department, second floor"  # more than a stamp has room for
TEXT = "Asked the ward, they call back: may be Ana Ruiz"


@pytest.fixture(autouse=True)
def _function(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function is asked without Lambda in between."""

    def ask(self: Assigner, message: Mapping[str, Any]) -> dict[str, Any]:
        try:
            return assign_patient.handler(json.loads(json.dumps(message)), None)
        except RejectedAssignment as refused:
            raise Problem(str(refused), "") from None

    monkeypatch.setattr(Assigner, "ask", ask)


def inbox_of(recorded: World, operator: Connection) -> Inbox:
    found = Inbox(recorded, operator)
    found.browser.enter()
    return found


def note(name: str, inbox: Inbox, text: str = TEXT) -> Any:
    path = inbox.case(name)
    seen = field_of(inbox.browser.get(path), "seen")
    return inbox.browser.post(f"{path}/decide", {"action": "note", "seen": seen, "reason": text})


def test_the_next_clerk_sees_who_said_what_and_when_and_nothing_was_decided(
    recorded: World, operator: Connection
) -> None:
    recorded.file("scan.txt", b"a scan")
    ana = inbox_of(recorded, operator)
    note("scan.txt", ana)
    assert "Noted: scan.txt still waits." in texts_on(ana.queue())
    luis = inbox_of(recorded, operator)
    assert luis.names() == ["scan.txt"]
    assert "1 note" in texts_on(luis.queue())
    case = texts_on(luis.open("scan.txt"))
    assert TEXT in case
    assert "Ana Ruiz" in case
    (record,) = records(recorded)
    assert (record.type, record.content["reason"], record.content["decided_by"]) == ("note", TEXT, "Ana Ruiz")
    assert record.content["principal"].startswith("arn:aws:")
    assert ana.asked.wishes == []
    assert (
        assign_patient.assigning.standing(assign_patient.assigning._at("processed/unknown_scan/"))
        == Standing()
    )


def test_notes_come_in_their_order_and_one_on_another_version_says_so(
    recorded: World, operator: Connection
) -> None:
    recorded.file("scan.txt", b"a scan")
    inbox = inbox_of(recorded, operator)
    note("scan.txt", inbox, "first")
    note("scan.txt", inbox, "second")
    recorded.file("scan.txt", b"another scan", name="again")
    note("scan.txt", inbox, "third")
    text = texts_on(inbox.open("scan.txt"))
    assert text.index("first") < text.index("second") < text.index("third")
    assert text.count("about another version") == 2
    assert "3 notes" in texts_on(inbox.queue())


def test_a_session_has_notes_as_well(recorded: World, operator: Connection) -> None:
    stream = Stream(recorded)
    recorded.file(
        "sessions/session_7/agents/agent_a/messages/message_0.json",
        b'{"message": {"role": "user", "content": [{"text": "My knee hurts"}]}, "message_id": 0}',
    )
    index(stream.records())
    inbox = inbox_of(recorded, operator)
    note("session_7", inbox)
    assert "1 note" in texts_on(inbox.queue())
    assert TEXT in texts_on(inbox.open("session_7"))


@pytest.mark.parametrize("text", ["", "   "])
def test_a_note_that_says_nothing_is_none(recorded: World, operator: Connection, text: str) -> None:
    recorded.file("scan.txt", b"a scan")
    inbox = inbox_of(recorded, operator)
    note("scan.txt", inbox, text)
    assert "Write the note first." in texts_on(inbox.open("scan.txt"))
    assert records(recorded) == []


@pytest.mark.parametrize("broken", [{"text": "x" * 1001}, {"by": ""}, {"prefix": 7}, {"id": None}])
def test_what_is_no_note_is_refused(recorded: World, broken: dict[str, object]) -> None:
    recorded.file("scan.txt", b"a scan")
    told = {"id": "1", "prefix": "processed/unknown_scan/", "by": "Ana Ruiz", "text": TEXT}
    with pytest.raises(RejectedAssignment, match=r"^malformed-note: "):
        assign_patient.handler({"note": told | broken}, None)
    with pytest.raises(RejectedAssignment, match=r"^nothing-filed: "):
        assign_patient.handler({"note": told | {"prefix": "processed/unknown_other/"}}, None)
    assert [assign_patient.handler({"note": told}, None)["recorded"] for _ in range(2)] == [True, False]


def test_a_note_is_in_the_chain_and_hides_no_decision_that_can_be_taken_back(
    recorded: World, operator: Connection, show: Show
) -> None:
    recorded.file("scan.txt", b"a scan")
    decide(recorded, {"key": "scan.txt", "decision": "nobody", "decided_by": "Luis Rey", "reason": "x"}, T2)
    Decider(operator).note("processed/unknown_scan/", "Ana Ruiz", TEXT)
    listed = [json.loads(line)["type"] for line in show(decisions, fhir=False, limit=9)[1].splitlines()]
    assert listed == ["nobody", "note"]
    assert show(verify_decisions)[0] is Exit.DONE
    inbox = inbox_of(recorded, operator)
    assert [(one.type, one.can_be_taken_back) for one in inbox.desk.earlier.list()] == [
        ("note", False),
        ("nobody", True),
    ]


def test_a_note_is_deleted_with_the_data_of_the_patient_whose_document_it_was_about(
    recorded: World, operator: Connection, log: io.StringIO
) -> None:
    recorded.file("scan.txt", b"a scan")
    Decider(operator).note("processed/unknown_scan/", "Ana Ruiz", TEXT)
    row = Row(next(inbox_of(recorded, operator).desk._entries.waiting()))
    decide(recorded, {"key": "scan.txt", "patient_id": "Ana_7"}, T2)
    traces = Finder(operator, "Ana_7", rules_of(operator)).find()
    Forgetter(operator, "Ana_7", rest=timedelta(0)).forget(traces)
    assert "Ana Ruiz" not in json.dumps(recorded.dynamodb.scan(TableName="decisions")["Items"])
    assert Notes(operator).about(row) == []
    assert not list(Decided(operator).findings())
    assert "Ana Ruiz" not in log.getvalue()


def test_a_deployment_without_a_record_takes_no_notes(world: World, connection: Connection) -> None:
    world.file("scan.txt", b"a scan")
    inbox = inbox_of(world, connection)
    assert "Leave a note" not in texts_on(inbox.open("scan.txt"))


def test_a_session_shows_who_decided_about_it_when_and_why(
    recorded: World, operator: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    stream = Stream(recorded)
    key = "sessions/session_7/agents/agent_a/messages/message_0.json"
    body = b'{"message": {"role": "user", "content": [{"text": "My knee hurts"}]}, "message_id": 0}'
    recorded.file(key, body)
    decide(recorded, {"key": key, "decision": "nobody", "decided_by": LONG, "reason": "a test"}, T1)
    index(stream.records())
    place = Place(operator.processed, "processed/unknown_medical_notes/session_7/")
    told = {"type": "nobody", "decided_by": LONG, "decided_at": T1, "reason": "a test"}
    objects = Entries(operator).in_session(place)
    assert [one.decision.reason for one in objects if one.decision] == [None]  # a stamp has no room for it
    decision = decision_about(operator, objects)
    assert decision
    assert decision.to_json() == told
    who = partial(decision_about, operator)
    capsys.readouterr()
    assert show_session(View(as_json=True), Entries(operator), place, who) is Exit.DONE
    assert json.loads(capsys.readouterr().out)["decision"] == told
    page = page_of(operator, key)
    assert f"{LONG} decided that it is no patient&#39;s" in page
    assert "a test" in page
    decide(
        recorded, {"key": key, "decision": "take-back", "decided_by": "Ana Ruiz", "reason": "no, real"}, T2
    )
    index(stream.records())
    case = texts_on(inbox_of(recorded, operator).open("session_7"))
    assert "Taken back: no, real Ana Ruiz" in case


def test_a_document_that_waits_again_shows_who_took_what_back(recorded: World, operator: Connection) -> None:
    recorded.file("scan.txt", b"a scan")
    decide(recorded, {"key": "scan.txt", "patient_id": "Ana_7"}, T1)
    decide(
        recorded,
        {
            "key": "scan.txt",
            "decision": "take-back",
            "decided_by": "Luis Rey",
            "reason": "no",
            "from": "Ana_7",
        },
        T2,
    )
    inbox = inbox_of(recorded, operator)
    assert "Taken back: no Luis Rey" in texts_on(inbox.open("scan.txt"))
    assert 'class="noted"' not in inbox.queue().text


def test_what_was_decided_meanwhile_is_open_no_more(recorded: World, operator: Connection) -> None:
    recorded.file("a.txt", b"a")
    recorded.file("b.txt", b"b", name="e2")
    inbox = inbox_of(recorded, operator)
    inbox.queue()
    nobodys, assigned = inbox.case("a.txt"), inbox.case("b.txt")
    decide(recorded, {"key": "a.txt", "decision": "nobody", "reason": "x"}, T1)
    decide(recorded, {"key": "b.txt", "patient_id": "Ana_7"}, T1)
    for path in (nobodys, assigned):
        assert "This waits no more." in texts_on(inbox.browser.get(path))
