"""What waits: in its order, page by page, by reason and by what is sought, and no more of it at once than a page."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.inbox import decisions, queue
from carefile.cli.inbox.claims import TableClaims
from tests.unit.inbox.scene import JUAN, Inbox, field_of, names_on, texts_on
from tests.unit.test_decisions import operator, recorded
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import World

__all__ = ["operator", "recorded"]


def file(inbox: Inbox, *names: str) -> None:
    for name in names:
        inbox.world.file(f"documents/{name}", name.encode())


def test_what_is_unknown_waits_the_oldest_first_and_what_is_known_does_not(inbox: Inbox) -> None:
    file(inbox, "b.txt", "a.txt", "Juan_Perez_123/c.txt")
    assert inbox.names() == ["b.txt", "a.txt"]
    assert inbox.names("?order=newest") == ["a.txt", "b.txt"]


def test_pages_follow_one_another_without_leaving_out_or_repeating_anything(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(inbox, *(f"{number:02}.txt" for number in range(8)))
    view, after, seen = queue.View(), None, []
    while True:
        page = inbox.desk.queue.page(view, after, most=3)
        assert len(page.rows) <= 3
        seen += [row.name for row in page.rows]
        if (after := page.after) is None:
            break
    assert seen == [f"{number:02}.txt" for number in range(8)]


def test_a_page_reads_no_more_entries_than_it_shows_and_one(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    file(inbox, *(f"{number}.txt" for number in range(6)))
    asked: list[int] = []
    page_of_patient = type(inbox.desk.queue._entries).page_of_patient

    def counted(*args: object, **how: int) -> object:
        asked.append(how["most"])
        return page_of_patient(*args, **how)  # type: ignore[arg-type]

    monkeypatch.setattr(type(inbox.desk.queue._entries), "page_of_patient", counted)
    inbox.desk.queue.page(queue.View(), most=3)
    assert asked == [4]


def test_a_search_looks_at_a_bounded_number_says_how_many_and_goes_on(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "_STEP", 2)
    monkeypatch.setattr(queue, "_LOOK", 4)
    file(inbox, *(f"{number}.txt" for number in range(6)), "sought.txt")
    first = inbox.browser.post("/search", {"text": "SOUGHT"})
    assert "4 entries looked at. There are more." in texts_on(first)
    assert "sought" not in texts_on(first).replace('"', "")
    page, following = inbox.desk.page(queue.View(text="sought"), "")
    assert (page.rows, page.looked_at) == ([], 4)
    page, following = inbox.desk.page(queue.View(text="sought"), following)
    assert [row.name for row in page.rows] == ["sought.txt"]
    assert not following


def test_what_the_evidence_says_is_found_without_accents(inbox: Inbox) -> None:
    inbox.world.file("documents/Juan_Perez_123/x.txt", b"x", Metadata={"patient-id": "Ana_7"})
    file(inbox, "y.txt")
    answer = inbox.browser.post("/search", {"text": "ána_7"})
    assert "x.txt" in texts_on(answer)
    assert "y.txt" not in texts_on(answer)


def test_what_is_sought_stands_in_no_address(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_STEP", 2)
    monkeypatch.setattr(queue, "_LOOK", 2)
    file(inbox, *(f"{number}.txt" for number in range(3)))
    answer = inbox.browser.post("/search", {"text": "txt"})
    hrefs = [part.partition('"')[0] for part in answer.text.split('href="')[1:]]
    assert any("after=" in href for href in hrefs)
    assert not any("txt" in href for href in hrefs)


def test_each_reason_has_a_shelf_of_its_own(inbox: Inbox) -> None:
    file(inbox, "nothing.txt")
    inbox.world.file("documents/Juan_Perez_123/x.txt", b"x", Metadata={"patient-id": "Ana_7"})
    inbox.world.file("documents/Juan_Perez_123/known.txt", b"the same")
    inbox.world.file("documents/copy.txt", b"the same")
    assert inbox.names("?shelf=no-evidence") == ["nothing.txt", "copy.txt"]
    assert inbox.names("?shelf=conflict") == ["x.txt"]
    assert inbox.names("?shelf=unlisted") == []
    assert inbox.names("?shelf=failed") == []


def test_the_same_file_as_a_patient_s_is_told(inbox: Inbox) -> None:
    inbox.world.file("documents/Juan_Perez_123/known.txt", b"the same", ChecksumAlgorithm="SHA256")
    inbox.world.file("documents/copy.txt", b"the same", ChecksumAlgorithm="SHA256")
    file(inbox, "other.txt")
    assert inbox.names("?shelf=same-bytes") == ["copy.txt"]
    assert "The same file is filed under Juan_Perez_123." in texts_on(inbox.open("copy.txt"))


def test_sessions_wait_as_well(inbox: Inbox) -> None:
    stream = Stream(inbox.world)
    inbox.world.file("sessions/session_7/session.json", b"{}")
    file(inbox, "x.txt")
    index(stream.records())
    assert set(inbox.names()) == {"session_7", "x.txt"}
    assert inbox.names("?kind=session") == ["session_7"]
    assert inbox.names("?kind=document") == ["x.txt"]


def test_the_page_says_why_some_shelves_have_no_number(inbox: Inbox) -> None:
    inbox.world.file("a.txt", b"a")
    inbox.browser.get("/counts")
    page = inbox.queue().text
    numbers = dict(re.findall(r'data-count="([a-z-]+)">(\d*)<', page))
    assert {shelf for shelf, number in numbers.items() if number == "1"} == {"all", "no-evidence"}
    assert [*numbers][-3:] == ["suggested", "same-bytes", "failed"]
    assert "The last three have no number" in page


def test_counts_go_on_step_by_step(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queue, "_COUNT_STEP", 2)
    file(inbox, "1.txt", "2.txt", "3.txt")
    inbox.world.file("documents/Juan_Perez_123/x.txt", b"x", Metadata={"patient-id": "Ana_7"})
    first = inbox.browser.get("/counts").text
    assert '"more":true' in first
    assert '"all":2' in first
    while '"more":true' in inbox.browser.get("/counts").text:
        pass
    assert inbox.desk.queue.counts() == {"all": 4, "no-evidence": 3, "conflict": 1}


def test_what_is_decided_is_counted_no_more_and_what_is_undone_is_again(
    inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decisions, "_KEPT", 1)
    file(inbox, "1.txt", "2.txt", "3.txt", "4.txt")
    inbox.browser.get("/counts")
    for name in ("1.txt", "2.txt", "3.txt"):
        inbox.decide(name, "nobody", reason="no")
    assert inbox.desk.counts() == {"all": 1, "no-evidence": 1}
    last = field_of(inbox.browser.get("/decisions"), "id")
    inbox.browser.post("/decisions/undo", {"id": last})
    assert '"all":2' in inbox.browser.get("/counts").text
    inbox.settle()
    inbox.decide("4.txt", "nobody", reason="no")  # and what is done is shown no more
    assert len(inbox.decisions.all()) < 4
    assert inbox.desk.counts() == {"all": 1, "no-evidence": 1}


def test_nothing_waits(inbox: Inbox) -> None:
    assert "Nothing waits here." in texts_on(inbox.queue())


def test_a_queue_that_changes_while_somebody_pages_loses_nothing(inbox: Inbox) -> None:
    inbox.list_patients(JUAN)
    file(inbox, *(f"{number}.txt" for number in range(6)))
    page = inbox.desk.queue.page(queue.View(), most=3)
    inbox.world.dynamodb.delete_item(TableName="catalog", Key={"source_id": {"S": page.rows[2].key}})
    rest = inbox.desk.queue.page(queue.View(), page.after, most=3)
    assert [row.name for row in rest.rows] == ["3.txt", "4.txt", "5.txt"]


def test_a_page_costs_the_requests_that_the_documentation_states(
    recorded: World, operator: Connection
) -> None:
    """A Query to each partition of the index, a read of the claims and one of the notes, whatever waits; and a
    manifest for each document."""
    recorded.dynamodb.create_table(
        TableName="claims",
        KeySchema=[{"AttributeName": "place", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "place", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    operator._outputs = {**operator._outputs, "ClaimsTableName": "claims"}
    for number in range(6):
        recorded.file(f"documents/{number}.txt", name=f"e{number}")
    inbox = Inbox(recorded, operator, TableClaims(operator))
    inbox.browser.enter()
    asked: Counter[str] = Counter()
    for service in ("dynamodb", "s3"):
        events = operator.client(service).meta.events
        events.register("before-call", lambda model, **_: asked.update([model.name]))
    assert len(names_on(inbox.queue())) == 6
    assert asked == {"Query": 31, "BatchGetItem": 2, "GetObject": 6}
