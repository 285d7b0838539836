"""The bill is made of exact counts, on both lanes. Times are in it, and nothing here depends on one."""

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
    standard, express = (usd(counted["session"], lane) for lane in Lane)
    assert standard["Transitions"] == 5 * prices.STATE_TRANSITION
    assert standard.keys() - express.keys() == {"Transitions"}
    assert express.keys() - standard.keys() == {"Express"}
    assert {name: standard[name] for name in standard.keys() & express.keys()} == {
        name: express[name] for name in standard.keys() & express.keys()
    }


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
