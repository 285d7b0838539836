"""One case: what a person sees of it, whose it may be, and how a decision about it is taken, undone and sent."""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import unquote

import pytest

from carefile.cli.inbox.guard import SANDBOX
from carefile.cli.inbox.queue import View
from carefile.cli.patients.deciding import Changed
from carefile.cli.problem import Problem
from carefile.core.model import DecisionType
from tests.readers.pdfs import pdf_of
from tests.unit.inbox.scene import JUAN, MARIA, Inbox, field_of, texts_on
from tests.unit.test_index_sessions import Stream, index

LETTER = b"Dear colleague,\nJuan Perez Garcia, born 03/04/1961, is referred to you.\n"
MARKUP = '<img src=x onerror=alert(1)>&".txt'


# What a person sees


def test_a_document_is_shown_with_its_evidence_and_the_places_that_name_somebody(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("documents/letter.txt", LETTER)
    page = inbox.open("letter.txt")
    text = texts_on(page)
    assert "Nothing names one patient beyond doubt. The text says Juan_Perez_123" in text
    assert "The intake suggests this patient." in text
    assert "Juan Pérez García 3 April 1961 · Juan_Perez_123" in text
    assert "The name stands in the document." in text
    assert "The birth date stands in the document." in text
    for marked in ("Juan", "Perez", "Garcia", "03/04/1961"):
        assert f"<mark>{marked}</mark>" in page.text


def test_candidates_come_with_what_speaks_for_and_against_each_the_best_first(inbox: Inbox) -> None:
    inbox.list_patients(JUAN, MARIA)
    inbox.world.file("documents/Maria_Lopez_456/letter.txt", LETTER, Metadata={"patient-id": JUAN[0]})
    row = inbox.desk.queue.page(inbox.gate._sitting.view).rows[0]  # type: ignore[union-attr]
    first, second = inbox.desk.candidates.of(inbox.desk.row(row.key) or row, LETTER.decode())
    assert (first.id, second.id) == (JUAN[0], MARIA[0])
    assert {point.name for point in first.pros} == {
        *("for.metadata", "for.name", "for.born", "for.text", "for.suggested")
    }
    assert {point.name for point in second.pros} == {"for.key"}
    assert {point.name for point in second.cons} == {"against.born", "against.others"}


def test_a_mere_folder_is_no_candidate_and_a_folder_that_is_called_like_a_patient_is(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("inbound/a.txt", b"x")
    inbox.world.file(f"{JUAN[0]}/b.txt", b"y")
    assert "Nothing points to a patient." in texts_on(inbox.open("a.txt"))
    assert "Juan Pérez García" in texts_on(inbox.open("b.txt"))


def test_a_session_is_shown_as_a_conversation(inbox: Inbox) -> None:
    stream = Stream(inbox.world)
    inbox.world.file(
        "sessions/session_7/agents/agent_a/messages/message_0.json",
        b'{"message": {"role": "user", "content": [{"text": "My knee hurts"}]}, "message_id": 0}',
    )
    index(stream.records())
    assert "<iframe" in inbox.open("session_7").text
    assert "My knee hurts" in texts_on(inbox.browser.get(f"{inbox.case('session_7')}/page"))


def test_what_else_is_filed_under_a_patient_is_shown_before_anything_is_assigned(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file(f"documents/{JUAN[0]}/older.txt", b"older")
    inbox.world.file("documents/letter.txt", LETTER)
    text = texts_on(inbox.open("letter.txt", f"?for={inbox.patient(JUAN[0])}"))
    assert "older.txt" in text
    assert "Assign to Juan Pérez García" in text


@pytest.mark.parametrize("sought", ["perez garcia", "1961-04-03", "03/04/1961", JUAN[0], "PÉREZ juan"])
def test_another_patient_is_found_by_name_birth_date_and_id(inbox: Inbox, sought: str) -> None:
    inbox.list_patients(JUAN, MARIA)
    inbox.world.file("documents/x.txt", b"x")
    page = inbox.browser.post(f"{inbox.case('x.txt')}/find", {"patient": sought})
    assert "Juan Pérez García" in texts_on(page)
    assert "López" not in texts_on(page)


def test_a_name_that_nobody_has_is_found_nowhere_and_taken_for_no_id(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("documents/x.txt", b"x")
    page = inbox.browser.post(f"{inbox.case('x.txt')}/find", {"patient": "Maria Lopez"})
    assert "No listed patient of this name, birth date or number." in texts_on(page)
    assert "Assign to" not in texts_on(page)


# Deciding


def test_a_decision_is_sent_after_thirty_seconds_with_who_and_why_and_what_was_seen(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("documents/letter.txt", LETTER)
    seen = inbox.desk.queue.page(inbox.gate._sitting.view).rows[0].found  # type: ignore[union-attr]
    answer = inbox.decide("letter.txt", "assign", **{"for": inbox.patient(JUAN[0]), "reason": "it says so"})
    assert answer.status == 303
    inbox.settle(29)
    assert not inbox.asked.wishes
    inbox.settle(2)
    ((wish, told),) = inbox.asked.wishes
    assert (wish.type, wish.decided_by, wish.reason, wish.patient_id) == (
        DecisionType.ASSIGN,
        "Ana Ruiz",
        "it says so",
        JUAN[0],
    )
    assert told is not None
    assert dataclasses.replace(told, content_digest=None) == dataclasses.replace(seen, content_digest=None)  # type: ignore[type-var]
    assert "Filed" in texts_on(inbox.browser.get("/decisions"))


def test_what_is_decided_leaves_the_queue_at_once_and_what_is_undone_comes_back(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("documents/letter.txt", LETTER)
    inbox.decide("letter.txt", "assign", **{"for": inbox.patient(JUAN[0])})
    page = inbox.queue()
    assert "letter.txt → Juan Pérez García" in texts_on(page)
    assert inbox.names() == []
    inbox.browser.post("/decisions/undo", {"id": field_of(page, "id")})
    assert inbox.names() == ["letter.txt"]
    inbox.settle()
    assert not inbox.asked.wishes


def test_a_page_of_the_queue_is_full_also_where_much_of_it_was_decided_a_moment_ago(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(6):
        inbox.world.file(f"documents/{number}.txt", str(number).encode())
    for number in range(3):
        inbox.decide(f"{number}.txt", "nobody", reason="no")
    page = inbox.desk.queue.page(View(), most=3, without=inbox.desk._decided())
    assert [row.name for row in page.rows] == ["3.txt", "4.txt", "5.txt"]


def test_what_was_sent_can_be_undone_no_more_and_is_taken_back_instead(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("documents/letter.txt", LETTER)
    inbox.decide("letter.txt", "assign", **{"for": inbox.patient(JUAN[0])})
    id_ = field_of(inbox.queue(), "id")
    inbox.settle()
    inbox.browser.post("/decisions/undo", {"id": id_})
    assert "It was sent already." in texts_on(inbox.queue())
    inbox.browser.post("/decisions/back", {"id": field_of(inbox.browser.get("/decisions"), "id")})
    inbox.settle()
    wish, seen = inbox.asked.wishes[-1]
    assert (wish.type, wish.key, wish.taken_from, seen) == (
        DecisionType.TAKE_BACK,
        "documents/letter.txt",
        (JUAN[0],),
        None,
    )


def test_what_is_held_is_sent_when_the_inbox_ends(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    inbox.decide("x.txt", "nobody", reason="an advertisement")
    inbox.decisions.send_all()
    assert [wish.type for wish, _ in inbox.asked.wishes] == [DecisionType.NOBODY]


def test_that_something_is_nobody_s_needs_a_reason(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    inbox.decide("x.txt", "nobody", reason="  ")
    assert "Say why it is nobody’s." in texts_on(inbox.queue())
    inbox.settle()
    assert not inbox.asked.wishes


def test_several_with_one_evidence_are_decided_at_once(inbox: Inbox) -> None:
    inbox.world.file("inbound/north/a.txt", b"a")
    inbox.world.file("inbound/north/b.txt", b"b")
    inbox.world.file("inbound/north/c.txt", b"c")
    inbox.world.file("inbound/south/d.txt", b"d")
    page = inbox.open("a.txt")
    assert "2 more with the same evidence" in texts_on(page)
    others = [part.partition('"')[0] for part in page.text.split('name="with" value="')[1:]]
    inbox.decide("a.txt", "nobody", reason="for the laboratory", **{"with": others})
    assert "3 documents" in texts_on(inbox.queue())
    inbox.settle()
    assert sorted(str(wish.prefix) for wish, _ in inbox.asked.wishes) == [
        f"processed/unknown_{name}/" for name in "abc"
    ]
    assert inbox.names() == ["d.txt"]


def test_an_id_that_is_not_listed_has_to_be_typed_twice(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file("documents/x.txt", b"x")
    page = inbox.browser.post(f"{inbox.case('x.txt')}/find", {"patient": "Juan_Perez_132"})
    assert "The patient directory does not list Juan_Perez_132." in texts_on(page)
    assert "Did you mean one of these? Juan Pérez García" in texts_on(page)
    chosen = {"for": field_of(page, "for")}
    inbox.decide("x.txt", "assign", again="Juan_Perez_123", **chosen)
    assert "The two ids differ." in texts_on(inbox.queue())
    inbox.decide("x.txt", "assign", again=" Juan_Perez_132 ", **chosen)
    inbox.settle()
    assert [wish.patient_id for wish, _ in inbox.asked.wishes] == ["Juan_Perez_132"]


def test_where_only_listed_patients_are_known_nobody_else_can_be_chosen(inbox: Inbox) -> None:
    inbox.desk.candidates.are_listed_only = True
    inbox.list_patients(JUAN)
    inbox.world.file("documents/x.txt", b"x")
    page = inbox.browser.post(f"{inbox.case('x.txt')}/find", {"patient": "Somebody_1"})
    assert "Only listed patients can be chosen here." in texts_on(page)
    assert 'value="assign"' not in page.text
    inbox.decide("x.txt", "assign", again="Somebody_1", **{"for": inbox.patient("Somebody_1")})
    inbox.settle()
    assert not inbox.asked.wishes


def test_a_patient_s_id_that_this_inbox_did_not_give_out_is_nobody(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    for name in (JUAN[0], "", inbox.desk.opaque.seal("row", JUAN[0])):
        inbox.decide("x.txt", "assign", again=JUAN[0], **{"for": name})
    inbox.settle()
    assert not inbox.asked.wishes


# What happens meanwhile


def test_a_decision_on_what_was_replaced_while_somebody_looked_is_refused(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    path = inbox.case("x.txt")
    seen = field_of(inbox.browser.get(path), "seen")
    inbox.world.file("documents/x.txt", b"another", name="e2")
    inbox.browser.post(f"{path}/decide", {"action": "nobody", "reason": "no", "seen": seen})
    assert "It changed while you looked at it." in texts_on(inbox.queue())
    inbox.settle()
    assert not inbox.asked.wishes


def test_a_decision_on_what_was_assigned_while_somebody_looked_is_refused_with_whose_it_is(
    inbox: Inbox,
) -> None:
    inbox.world.file("documents/x.txt", b"x")
    path = inbox.case("x.txt")
    seen = field_of(inbox.browser.get(path), "seen")
    inbox.world.file("documents/x.txt", b"x", name="e2", Metadata={"patient-id": "Ana_7"})
    inbox.browser.post(f"{path}/decide", {"action": "nobody", "reason": "no", "seen": seen})
    assert "it is filed under Ana_7 now" in texts_on(inbox.queue())


def test_a_decision_that_the_deployment_refuses_as_something_changed_says_what(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    entry = inbox.desk.queue.page(inbox.gate._sitting.view).rows[0].found  # type: ignore[union-attr]
    inbox.asked.problem = Changed(dataclasses.replace(entry, patient="Ana_7", revision=9))  # type: ignore[type-var]
    inbox.decide("x.txt", "nobody", reason="no")
    inbox.settle()
    assert "It is filed under Ana_7 now, revision 9." in texts_on(inbox.browser.get("/decisions"))
    assert "Refused: it changed meanwhile" in texts_on(inbox.queue())
    assert inbox.names() == ["x.txt"]


def test_a_decision_that_fails_is_said_on_every_page_and_can_be_sent_again(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    inbox.asked.problem = Problem("the state machine is away")
    inbox.decide("x.txt", "nobody", reason="no")
    inbox.settle()
    page = inbox.browser.get("/decisions")
    assert "the state machine is away" in texts_on(page)
    assert "Failed" in texts_on(inbox.queue())
    inbox.asked.problem = None
    inbox.browser.post("/decisions/again", {"id": field_of(page, "id")})
    inbox.settle(0)
    assert "Filed" in texts_on(inbox.browser.get("/decisions"))


def test_an_error_that_nobody_foresaw_does_not_leave_a_decision_being_sent_for_ever(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    inbox.asked.problem = ZeroDivisionError("documents/x.txt")  # type: ignore[assignment]
    inbox.decide("x.txt", "nobody", reason="no")
    inbox.settle()
    assert "an unexpected error: ZeroDivisionError" in texts_on(inbox.browser.get("/decisions"))


def test_what_waits_no_more_says_so(inbox: Inbox) -> None:
    inbox.world.file("documents/x.txt", b"x")
    path = inbox.case("x.txt")
    inbox.world.dynamodb.delete_item(
        TableName="catalog",
        Key={"source_id": {"S": inbox.desk.queue.page(inbox.gate._sitting.view).rows[0].key}},  # type: ignore[union-attr]
    )
    answer = inbox.browser.get(path)
    assert answer.status == 404
    assert "This waits no more." in texts_on(answer)


# Hostile documents


def test_a_file_name_that_is_markup_is_shown_as_a_name_everywhere(inbox: Inbox) -> None:
    inbox.world.file(f"documents/{MARKUP}", b"x")
    pages = [inbox.queue(), inbox.open(MARKUP)]
    inbox.decide(MARKUP, "nobody", reason="<b>no</b>")
    pages += [inbox.queue(), inbox.browser.get("/decisions"), inbox.browser.get("/toasts")]
    for page in pages:
        assert "<img src=x" not in page.text
        assert "<b>no" not in page.text
        assert MARKUP in texts_on(page) or "&lt;img src=x" in page.text


def test_a_document_full_of_script_is_framed_where_it_can_run_and_reach_nothing(inbox: Inbox) -> None:
    inbox.world.file("documents/page.html", b"<script>fetch('//evil.example')</script><p>Letter</p>")
    page = inbox.open("page.html", "?show=page")
    assert f'<iframe src="{inbox.gate.base}{inbox.case("page.html")}/page" sandbox title=' in page.text
    framed = inbox.browser.get(f"{inbox.case('page.html')}/page")
    assert framed.header("content-security-policy") == SANDBOX
    assert SANDBOX.startswith("sandbox; default-src 'none'")
    assert "allow" not in SANDBOX
    assert "script-src" not in SANDBOX


@pytest.mark.parametrize("name", ["page.html", "x.svg", "a\r\nx-evil: 1.txt", 'q"uote;.txt', "ñandú.pdf"])
def test_an_original_is_for_saving_only_under_its_own_name(inbox: Inbox, name: str) -> None:
    inbox.world.file(f"documents/{name}", b"<script>1</script>")
    answer = inbox.browser.get(f"{inbox.case(name)}/original")
    assert answer.body == b"<script>1</script>"
    assert answer.header("content-type") == "application/octet-stream"
    disposition = answer.header("content-disposition")
    assert disposition.startswith("attachment; filename*=UTF-8''")
    assert unquote(disposition.partition("''")[2]) == name
    assert not any(header == "x-evil" for header, _ in answer.headers)


def test_no_address_holds_a_patient_a_key_or_a_file_name(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    inbox.world.file(f"documents/{JUAN[0]}/letter.txt", LETTER, Metadata={"patient-id": "Ana_7"})
    page = inbox.open("letter.txt")
    found = inbox.browser.post(f"{inbox.case('letter.txt')}/find", {"patient": JUAN[0]})
    for answer in (inbox.queue(), page, found, inbox.browser.get("/decisions")):
        for part in ("href=", "src=", "action="):
            for address in answer.text.split(f'{part}"')[1:]:
                assert not any(
                    word in address.partition('"')[0] for word in ("Juan", "letter", "Ana", "documents")
                )
        assert "<title>Carefile inbox</title>" in answer.text


@pytest.mark.parametrize(
    "path",
    [
        "/static/../../../pyproject.toml",
        "/static/%2e%2e%2fpages.py",
        "/static/..%2fguard.py",
        "/static/",
        "/case/AAAA/page",
        "/case/../decisions",
        "/case/AAAA/original",
    ],
)
def test_outside_of_what_it_gives_out_there_is_nothing(inbox: Inbox, path: str) -> None:
    answer = inbox.browser.get(path)
    assert answer.status in (303, 404)
    assert "import" not in answer.text


def test_an_error_page_names_the_kind_of_an_error_and_not_what_it_quotes(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Juan_Perez_123")

    monkeypatch.setattr(inbox.desk, "page", fail)
    answer = inbox.queue()
    assert answer.status == 502
    assert "an unexpected error: ValueError" in texts_on(answer)
    assert "Juan" not in answer.text + "".join(capfd.readouterr())


def test_leaving_ends_the_inbox(inbox: Inbox) -> None:
    assert "You have left the inbox." in texts_on(inbox.browser.post("/leave"))
    assert inbox.left


def test_the_language_changes_where_one_is(inbox: Inbox) -> None:
    inbox.browser.post(
        "/settings", {"language": "es"}, referer=f"http://127.0.0.1{inbox.gate.base}/decisions"
    )
    assert "Pendiente de decidir" in texts_on(inbox.queue())


def test_the_picture_of_a_text_pdf_marks_where_it_names_somebody(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    lines = "Radiology report\nPatient: Juan Pérez García\nDate of birth: 03/04/1961\nNo acute finding."
    inbox.world.file("documents/report.pdf", pdf_of([lines]))
    page = inbox.open("report.pdf").text
    places = re.findall(r'<rect class="place" x="(-?\d+)" y="(-?\d+)"', page)
    assert len(places) == 4  # three words of the name, and the birth date
    assert len({y for _, y in places}) >= 2
    assert "with the places that name somebody marked" in page
