"""The bill is made of exact counts, on each lane. Times are in it, and nothing here depends on one."""

from __future__ import annotations

from collections import Counter

import pytest

from benchmarks import bill, counting, prices
from benchmarks.bill import Lane
from benchmarks.operations import Operations, Work

OBJECTS = 3


@pytest.fixture(scope="module")
def counted() -> dict[str, Operations]:
    """Three objects of one session, and three documents, counted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "OBJECTS", OBJECTS)
        patch.setattr(counting, "OBJECTS_A_BATCH", OBJECTS)
        return {kind: counting.count(kind) for kind in ("session", "document")}


@pytest.fixture(scope="module")
def counted_again() -> dict[str, Operations]:
    """A backfill over objects that are filed already."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(counting, "OBJECTS", OBJECTS)
        patch.setattr(counting, "OBJECTS_A_BATCH", OBJECTS)
        return {kind: counting.count(kind, there_already=True) for kind in ("session", "document")}


def of_all(operations: Operations) -> dict[str, int]:
    return {name: round(number * OBJECTS) for name, number in operations.calls.items()}


def test_a_session_of_three_objects_makes_exactly_these_calls(counted: dict[str, Operations]) -> None:
    assert of_all(counted["session"]) == {
        "HeadObject": 9,
        "GetObjectTagging": 6,
        "CopyObject": 3,
        "PutObjectTagging": 3,
        # Once a session: whose is the folder, is it vacant, the claim.
        "GetObject": 1,
        "ListObjectsV2": 1,
        "PutObject": 1,
        "BatchGetItem": 6,
        "UpdateItem": 3,
        # The mark of each, and the session's own entry.
        "GetItem": 4,
        "PutItem": 4,
    }


def test_an_object_enters_five_states_on_either_lane(counted: dict[str, Operations]) -> None:
    for operations in counted.values():
        assert len(operations.states) == 5


def test_an_object_writes_six_lines_of_log_and_a_session_keeps_six_tags_of_it(
    counted: dict[str, Operations],
) -> None:
    assert [operations.tags for operations in counted.values()] == [6, 21]
    for operations in counted.values():
        lines = sum(work.log_events for work in operations.works if work.function != "IndexSessions")
        assert lines == 6 * OBJECTS
        assert operations.of_works("log_bytes") <= 1500


def test_the_ledger_and_the_catalog_cost_these_units(counted: dict[str, Operations]) -> None:
    session, document = counted["session"], counted["document"]
    assert round(session.of_works("read_units") * OBJECTS) == 16
    assert round(document.of_works("read_units") * OBJECTS) == 9
    # The ledger, the catalog and, of a document, the index; of a session its entry once, in table and index.
    assert round(session.of_works("write_units") * OBJECTS) == 8
    assert round(document.of_works("write_units") * OBJECTS) == 9


def usd(operations: Operations, lane: Lane) -> dict[str, float]:
    return {line.name: line.usd for line in bill.lines(operations, lane)}


def test_the_lanes_differ_in_the_execution_alone(counted: dict[str, Operations]) -> None:
    standard, express = (usd(counted["session"], lane) for lane in (Lane.STANDARD, Lane.EXPRESS_FIRST))
    assert standard["Transitions"] == 5 * prices.STATE_TRANSITION
    assert standard.keys() - express.keys() == {"Transitions"}
    assert express.keys() - standard.keys() == {"Express"}
    assert {name: standard[name] for name in standard.keys() & express.keys()} == {
        name: express[name] for name in standard.keys() & express.keys()
    }


def test_a_backfill_pays_no_transition_and_no_event_of_s3_but_its_listing_and_its_results(
    counted: dict[str, Operations],
) -> None:
    for operations in counted.values():
        express, backfill = (usd(operations, lane) for lane in (Lane.EXPRESS_FIRST, Lane.BACKFILL))
        assert backfill.keys() - express.keys() == {"Listing", "Results"}
        assert express.keys() <= backfill.keys()
        assert express["Events"] - backfill["Events"] == prices.EVENT
        assert backfill["Listing"] == prices.S3_WRITE / 1000
        assert 0 < backfill["Results"] < 0.1
        assert backfill["Express"] >= express["Express"]
        same = express.keys() - {"Express", "Events"}
        assert {name: express[name] for name in same} == {name: backfill[name] for name in same}


def test_what_is_filed_already_costs_a_backfill_exactly_these_calls_and_writes_nothing(
    counted_again: dict[str, Operations],
) -> None:
    assert of_all(counted_again["session"]) == {
        "HeadObject": 9,
        "GetObjectTagging": 3,
        "BatchGetItem": 3,
        # The mark of each, and an entry that the catalog has already.
        "GetItem": 3,
        "PutItem": 3,
    }
    assert of_all(counted_again["document"]) == {
        "HeadObject": 18,
        "GetObject": 3,
        "GetObjectTagging": 3,
        "GetItem": 6,
        "PutItem": 3,
    }
    for operations in counted_again.values():
        assert usd(operations, Lane.BACKFILL)["S3 writes"] == 0
        assert bill.total(operations, Lane.BACKFILL) < bill.total(operations, Lane.STANDARD) / 10


def test_a_call_that_no_line_of_the_bill_knows_does_not_pass_unnoticed(
    counted: dict[str, Operations],
) -> None:
    dynamodb = {"GetItem", "BatchGetItem", "PutItem", "UpdateItem"}
    for operations in counted.values():
        assert operations.calls.keys() <= bill.WRITES | bill.READS | dynamodb


def test_the_bill_of_what_does_nothing_but_copy_is_the_floor_and_the_services_around() -> None:
    work = Work("Copies", 256, Counter(CopyObject=1, HeadObject=1))
    found = usd(Operations("session", 1, ("One",), (work,), 100, 0, 1), Lane.EXPRESS_FIRST)
    assert found["S3 writes"] + found["S3 reads"] + found["Events"] == pytest.approx(prices.FLOOR)
    assert found["Tags"] == found["DynamoDB writes"] == 0
