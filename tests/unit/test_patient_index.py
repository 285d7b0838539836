"""Whatever partitions hold what waits, it is one listing: in one order, page after page, each entry once."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.patient_index import PatientIndex, Position
from carefile.core.model import digest
from carefile.core.records.catalog import PARTITIONS, listed_under, patient_ref_key
from tests.unit.world import World

Item = dict[str, Any]
WAITING = listed_under(None)


class Table:
    """The index as DynamoDB has it: items of one moment in an order of its own, pages that end anywhere."""

    def __init__(self, items: list[Item]) -> None:
        self.items, self.asked = items, Counter[str]()

    def query(self, **query: Any) -> Item:
        values = query["ExpressionAttributeValues"]
        who, when = values[":who"]["S"], values.get(":when", {}).get("S")
        forward = query["ScanIndexForward"]
        found = [item for item in self.items if item["patient_ref_key"]["S"] == who]
        if when is not None:
            below = "<= :when" in query["KeyConditionExpression"]
            found = [
                it
                for it in found
                if (it["listed_at"]["S"] <= when if below else it["listed_at"]["S"] >= when)
            ]
        found.sort(
            key=lambda it: (it["listed_at"]["S"], digest("order", it["source_id"]["S"])), reverse=not forward
        )
        start = query.get("ExclusiveStartKey")
        if start:
            found = found[[it["source_id"] for it in found].index(start["source_id"]) + 1 :]
        page = found[: query["Limit"]]
        self.asked[who] += len(page)
        return {"Items": page, **({"LastEvaluatedKey": page[-1]} if len(found) > len(page) else {})}


def item(number: int, moment: int, *, earlier: bool = False) -> Item:
    key = f"{number:032x}"
    who = WAITING[0] if earlier else patient_ref_key(None, key)
    texts = {"source_id": key, "listed_at": f"2026-11-20T12:00:{moment:02}Z", "patient_ref_key": who}
    return {name: {"S": text} for name, text in texts.items()}


rows = st.lists(st.tuples(st.integers(0, 59), st.booleans()), max_size=120)


def filled(found: list[tuple[int, bool]]) -> Table:
    return Table([item(number, moment, earlier=earlier) for number, (moment, earlier) in enumerate(found)])


def listed(table: Table, newest_first: bool, after: Position | None = None, most: int = 10) -> list[Position]:
    index = PatientIndex(table, "catalog")
    found = index.items(WAITING, most=most, newest_first=newest_first, after=after)
    return [Position.of(one) for one in found]


@given(rows, st.booleans())
def test_all_of_it_is_listed_once_in_one_order(found: list[tuple[int, bool]], newest_first: bool) -> None:
    table = filled(found)
    due = sorted(map(Position.of, table.items), reverse=newest_first)
    assert listed(table, newest_first) == due


@given(rows, st.booleans(), st.integers(1, 40), st.lists(st.integers(0, 59), max_size=10))
def test_pages_join_whatever_arrives_between_them(
    found: list[tuple[int, bool]], newest_first: bool, size: int, arriving: list[int]
) -> None:
    table, seen, after = filled(found), list[Position](), None
    due = {Position.of(one) for one in table.items}
    while page := listed(table, newest_first, after, size)[:size]:
        seen += page
        after = page[-1]
        if arriving:
            table.items.append(item(1000 + len(arriving), arriving.pop()))
    assert seen == sorted(seen, reverse=newest_first)
    assert len(set(seen)) == len(seen)
    assert due <= set(seen)


def test_a_page_reads_little_more_than_it_shows_however_much_waits() -> None:
    table = Table([item(number, number % 60) for number in range(6_000)])
    index = PatientIndex(table, "catalog")
    found = index.items(WAITING, most=26, newest_first=True)
    for _ in range(26):
        next(found)
    assert sum(table.asked.values()) <= 2 * 8 * PARTITIONS


def test_the_partitions_of_what_waits_are_filled_alike() -> None:
    filled = Counter(patient_ref_key(None, digest("source", str(number))) for number in range(30_000))
    assert filled.keys() == set(WAITING[1:])
    assert max(filled.values()) < 1.2 * 1_000
    assert {patient_ref_key("Ana_7", str(number)) for number in range(100)} == {"PATIENT#Ana_7"}


@pytest.mark.parametrize("newest_first", [True, False])
def test_what_an_earlier_release_listed_is_listed_and_moves_when_it_is_written_again(
    world: World, connection: Connection, newest_first: bool
) -> None:
    for number in range(6):
        world.file(f"{number}.txt", name=f"e{number}")
    old = next(it for it in world.catalog() if it["landing_key"]["S"] == "3.txt")
    world.dynamodb.put_item(TableName="catalog", Item=old | {"patient_ref_key": {"S": "UNKNOWN"}})
    entries = Entries(connection)

    def names() -> list[str]:
        page, more = entries.page_of_patient(None, after=None, most=10, newest_first=newest_first)
        assert not more
        return [one.landing_key for _, one in page]  # type: ignore[union-attr]

    assert names() == sorted(names(), reverse=newest_first)
    assert len(names()) == 6
    assert [one.landing_key for one in entries.waiting()] == [f"{n}.txt" for n in range(5, -1, -1)]  # type: ignore[union-attr]
    world.file("3.txt", b"again", name="e7")
    (again,) = [it for it in world.catalog() if it["landing_key"]["S"] == "3.txt"]
    assert again["patient_ref_key"]["S"] in WAITING[1:]
    assert len(names()) == 6
