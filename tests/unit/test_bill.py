"""The bill is made of exact counts, on each lane. Times are in it, and nothing here depends on one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks import assumptions, bill, counting, scanned
from benchmarks.bill import Lane
from benchmarks.operations import Operations, Work
from infrastructure.watching import prices
from lambdas.scans.limits import BATCH_PAGES

OBJECTS = 3
KINDS = ("session", "document")
UPLOADS = (Lane.STANDARD, Lane.EXPRESS_FIRST)
# What all functions together log of three objects: exact, so that a longer line says so here.
LOG_BYTES = {("session", Lane.STANDARD): 2812, ("session", Lane.EXPRESS_FIRST): 2590}
LOG_BYTES |= {("document", Lane.STANDARD): 2619, ("document", Lane.EXPRESS_FIRST): 2397}
Counted = dict[tuple[str, Lane], Operations]


@pytest.fixture(scope="module")
def counted() -> Counted:
    """Three objects of one session, and three documents, counted on both lanes."""
    with few_objects():
        return {(kind, lane): counting.count(kind, lane=lane) for kind in KINDS for lane in Lane}


@contextmanager
def few_objects() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "OBJECTS", OBJECTS)
        patch.setattr(counting, "OBJECTS_A_BATCH", OBJECTS)
        yield


@pytest.fixture(scope="module")
def counted_again() -> dict[str, Operations]:
    """A backfill over objects that are filed already."""
    with few_objects():
        return {kind: counting.count(kind, lane=Lane.BACKFILL, there_already=True) for kind in KINDS}


def of_all(operations: Operations) -> dict[str, int]:
    return {name: round(number * OBJECTS) for name, number in operations.calls.items()}


@pytest.mark.parametrize("lane", Lane)
def test_a_session_of_three_objects_makes_exactly_these_calls(counted: Counted, lane: Lane) -> None:
    assert of_all(counted["session", lane]) == {
        "HeadObject": 9,
        "GetObjectTagging": 6,
        "CopyObject": 3,
        "PutObjectTagging": 3,
        # Once a session: whose is the folder, the claim.
        "GetObject": 1,
        "PutObject": 1,
        "BatchGetItem": 6,
        # The destination and the mark of each.
        "UpdateItem": 6,
        # The session's own entry.
        "GetItem": 1,
        "PutItem": 4,
    }


@pytest.mark.parametrize("lane", Lane)
def test_three_documents_make_exactly_these_calls(counted: Counted, lane: Lane) -> None:
    assert of_all(counted["document", lane]) == {
        "HeadObject": 9,
        "GetObject": 3,
        "GetObjectTagging": 6,
        "CopyObject": 3,
        "PutObject": 12,
        "PutObjectTagging": 3,
        "GetItem": 6,
        "UpdateItem": 6,
        "PutItem": 3,
        "Query": 3,
    }


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_enters_five_states_and_on_the_express_lane_the_one_around_them(
    counted: Counted, kind: str
) -> None:
    normalise = f"Normalise{kind.title()}"
    five = ("ClassifyObject", "RouteObject", normalise, "TagObject", "EmitCatalogEvent")
    assert counted[kind, Lane.STANDARD].states == five
    assert counted[kind, Lane.EXPRESS_FIRST].states == ("TryObject", *five[:3], *reversed(five[3:]))
    assert len(five) == counting.STATES


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("lane", UPLOADS)
def test_an_object_writes_three_lines_of_log_of_exactly_so_many_bytes(
    counted: Counted, kind: str, lane: Lane
) -> None:
    operations = counted[kind, lane]
    lines = sum(work.log_events for work in operations.works if work.function != "IndexSessions")
    assert lines == 3 * OBJECTS
    assert round(operations.of_works("log_bytes") * OBJECTS) == LOG_BYTES[kind, lane]
    assert LOG_BYTES[kind, lane] <= 1500 * OBJECTS


@pytest.mark.parametrize("lane", Lane)
def test_tags_are_counted_on_every_version_that_stays(counted: Counted, lane: Lane) -> None:
    # One on the upload, three on each artifact and on the session's manifest, one on the claim of a document's folder.
    assert round(counted["session", lane].tags * OBJECTS) == (1 + 3) * OBJECTS + 3
    assert round(counted["document", lane].tags) == 1 + 4 * 3 + 1


@pytest.mark.parametrize("lane", Lane)
def test_the_ledger_and_the_catalog_cost_these_units(counted: Counted, lane: Lane) -> None:
    session, document = counted["session", lane], counted["document", lane]
    assert round(session.of_works("read_units") * OBJECTS) == 13
    # The ledger twice, and half a unit for a look into the index of contents.
    assert round(document.of_works("read_units") * OBJECTS, 1) == 7.5
    # The ledger, the catalog and, of a document, the two indexes; of a session its entry once, in table and index.
    assert round(session.of_works("write_units") * OBJECTS) == 11
    assert round(document.of_works("write_units") * OBJECTS) == 15


@pytest.mark.parametrize("kind", KINDS)
def test_where_patients_are_listed_an_object_reads_the_directory_three_times_and_does_nothing_else(
    counted: Counted, kind: str
) -> None:
    """As it is classified; and at the start of the round and in its check, with the ledger's items."""
    with few_objects():
        listed = counting.count(kind, listed=True)
    plain = counted[kind, Lane.STANDARD]
    more = Counter(of_all(listed))
    more.subtract(of_all(plain))
    apart = {"BatchGetItem": 3 * OBJECTS, "GetItem": -2 * OBJECTS}  # of a document, the ledger's alone
    assert {name: number for name, number in more.items() if number} == (
        {"BatchGetItem": OBJECTS} if kind == "session" else apart
    )
    assert round((listed.of_works("read_units") - plain.of_works("read_units")) * OBJECTS, 1) == 3 * OBJECTS
    assert listed.of_works("write_units") == plain.of_works("write_units")


def test_a_promoted_upload_is_one_express_execution_and_one_of_five_states_that_repeats_no_write() -> None:
    with few_objects():
        promoted = counting.count("document", lane=Lane.EXPRESS_FIRST, promoted=True)
    assert promoted.states == (
        *("TryObject", "PromoteObject", "EndPromoted"),
        *("ClassifyObject", "RouteObject", "NormaliseDocument", "TagObject", "EmitCatalogEvent"),
    )
    calls = of_all(promoted)
    once = ("CopyObject", "PutObject", "PutObjectTagging", "UpdateItem", "PutItem")
    assert {name: calls[name] // OBJECTS for name in once} == dict(zip(once, (1, 4, 1, 2, 1), strict=True))
    lines = {line.name: line.usd for line in bill.lines(promoted, Lane.EXPRESS_FIRST, counting.STATES)}
    assert lines["Transitions"] == 5 * prices.STATE_TRANSITION
    assert lines["Express"] > prices.EXPRESS_REQUEST


def usd(operations: Operations, lane: Lane) -> dict[str, float]:
    return {line.name: line.usd for line in bill.lines(operations, lane)}


def test_the_lanes_differ_in_the_execution_alone(counted: Counted) -> None:
    standard, express = (usd(counted["session", lane], lane) for lane in UPLOADS)
    assert standard["Transitions"] == 5 * prices.STATE_TRANSITION
    assert standard.keys() - express.keys() == {"Transitions"}
    assert express.keys() - standard.keys() == {"Express"}
    timed = {"Transitions", "Express", "Lambda time", "Event archive", "Logs"}
    same = standard.keys() - timed
    assert {name: standard[name] for name in same} == {name: express[name] for name in same}


def test_a_backfill_pays_no_transition_and_no_event_of_s3_but_its_listing_and_its_results(
    counted: Counted,
) -> None:
    for kind in KINDS:
        express, backfill = (usd(counted[kind, lane], lane) for lane in (Lane.EXPRESS_FIRST, Lane.BACKFILL))
        assert backfill.keys() - express.keys() == {"Listing", "Results"}
        assert express.keys() <= backfill.keys()
        assert express["Events"] - backfill["Events"] == prices.EVENT
        assert backfill["Listing"] == prices.S3_WRITE / 1000
        assert 0 < backfill["Results"] < 0.1
        same = express.keys() - {"Express", "Events", "Lambda time", "Event archive", "Logs"}
        assert {name: express[name] for name in same} == {name: backfill[name] for name in same}


def test_what_is_filed_already_costs_a_backfill_exactly_these_calls_and_writes_no_object(
    counted_again: dict[str, Operations],
) -> None:
    assert of_all(counted_again["session"]) == {
        "HeadObject": 9,
        "GetObjectTagging": 6,
        "BatchGetItem": 3,
        # Is the mark that each has one that is noted? It is noted once more, and the catalog has the entry.
        "GetItem": 3,
        "UpdateItem": 3,
        "PutItem": 3,
    }
    assert of_all(counted_again["document"]) == {
        "HeadObject": 18,
        "GetObject": 3,
        "GetObjectTagging": 6,
        "GetItem": 6,
        "UpdateItem": 3,
        "PutItem": 3,
    }
    for operations in counted_again.values():
        assert usd(operations, Lane.BACKFILL)["S3 writes"] == 0
        assert bill.total(operations, Lane.BACKFILL) < bill.total(operations, Lane.STANDARD) / 10


def test_a_call_that_no_line_of_the_bill_knows_does_not_pass_unnoticed(
    counted: Counted,
) -> None:
    dynamodb = {"GetItem", "BatchGetItem", "PutItem", "UpdateItem", "Query"}
    for operations in counted.values():
        assert operations.calls.keys() <= bill.WRITES | bill.READS | dynamodb


def test_the_bill_of_what_does_nothing_but_copy_is_the_floor_and_the_services_around() -> None:
    work = Work("Copies", 256, Counter(CopyObject=1, HeadObject=1))
    found = usd(Operations("session", 1, ("One",), (work,), 100, 0, 1), Lane.EXPRESS_FIRST)
    assert found["S3 writes"] + found["S3 reads"] + found["Events"] == pytest.approx(assumptions.FLOOR)
    assert found["Tags"] == found["DynamoDB writes"] == 0


def test_a_document_that_is_no_scan_costs_exactly_the_same_where_scans_are_read(counted: Counted) -> None:
    with few_objects(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("OCR", "on")
        on = counting.count("document")
    off = counted["document", Lane.STANDARD]
    for name in ("read_units", "write_units", "log_bytes", "log_events"):
        assert on.of_works(name) == off.of_works(name), name
    told = (on.states, on.calls, on.event_bytes, on.tags, on.stored_bytes)
    assert told == (off.states, off.calls, off.event_bytes, off.tags, off.stored_bytes)


def test_reading_a_scan_takes_a_put_and_a_get_for_each_page_and_one_more_round() -> None:
    one, three, many = scanned.of_scan(1), scanned.of_scan(3), scanned.of_scan(BATCH_PAGES + 1)
    assert len(one.states) == len(three.states) == 5
    assert len(many.states) == 7
    assert three.calls["PutObject"] - one.calls["PutObject"] == 2
    assert three.calls["GetObject"] - one.calls["GetObject"] == 2
    assert {name: three.calls[name] for name in ("CopyObject", "HeadObject")} == {
        name: one.calls[name] for name in ("CopyObject", "HeadObject")
    }
    pages = [bill.duration_ms(work) for work in three.works if work.function == "ReadPages"]
    assert pages[0] > 3 * 1000 * assumptions.SECONDS_A_PAGE
