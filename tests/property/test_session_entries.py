"""A session's entry is a function of its objects' final entries, whatever the order, repetition and race of changes."""

from __future__ import annotations

import random
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.model import digest
from carefile.core.records import session_entries
from carefile.core.records.session_entries import (
    Change,
    Place,
    SessionEntry,
    changes_between,
    entry_at,
)
from lambdas.adapters.catalog import Catalog
from tests.property.session_changes import (
    FOLDERS,
    Table,
    Written,
    deliver,
    histories,
    is_sound,
    shown,
    small_parts,
    straight,
    stream_of,
    units,
    written,
)


@given(histories, st.integers(0, 2**32))
def test_any_order_repetition_and_race_gives_what_the_final_entries_give(
    history: list[Written], seed: int
) -> None:
    assert shown(deliver(history, seed)) == straight(history)


@given(st.lists(written, max_size=60), st.integers(0, 2**32))
def test_so_it_does_where_the_session_is_large(history: list[Written], seed: int) -> None:
    with small_parts():
        table = deliver(history, seed)
    assert is_sound(table)
    assert shown(table) == straight(history)


@given(histories, st.integers(0, 2**32))
def test_changes_may_come_in_any_order_at_all(history: list[Written], seed: int) -> None:
    """More than the stream does: also the changes of one source are shuffled, each told twice."""
    changes = [
        change for stream in stream_of(history) for step in stream for change in changes_between(*step)
    ] * 2
    random.Random(seed).shuffle(changes)
    for size in (nullcontext(), small_parts()):
        table = Table()
        with size:
            for change in changes:
                Catalog(table, "catalog").change_session(change.place, [change])  # type: ignore[arg-type]
        assert is_sound(table)
        assert shown(table) == straight(history)


@given(histories)
def test_an_entry_that_is_stored_and_read_again_is_the_same(history: list[Written]) -> None:
    for place in {Place("processed-bucket", prefix) for _, prefix in FOLDERS}:
        changes = [
            change for stream in stream_of(history) for step in stream for change in changes_between(*step)
        ]
        entry = entry_at(place, None).merged(change for change in changes if change.place == place)
        item = entry.to_item()
        read = entry_at(place, item)
        assert read.seen == entry.seen
        assert not read.totals.objects or read == entry


def test_entries_that_were_deleted_are_forgotten_and_the_session_with_the_last() -> None:
    history = [Written(n, 0, 5, n, conflict=False) for n in range(3)]
    table = deliver(history, 1)
    place = Place("processed-bucket", FOLDERS[0][1])
    catalog = Catalog(table, "catalog")  # type: ignore[arg-type]
    for revision, one in enumerate(history, start=1):
        assert catalog.change_session(place, list(changes_between(one.entry(revision), None)))
    assert table.items == {}


def test_a_large_session_goes_with_its_last_object_and_all_its_parts() -> None:
    history = [Written(n, 0, 5, n, conflict=False) for n in range(12)]
    place = Place("processed-bucket", FOLDERS[0][1])
    with small_parts():
        table = deliver(history, 1)
        assert len(table.items) > 3
        catalog = Catalog(table, "catalog")  # type: ignore[arg-type]
        for revision, one in enumerate(history, start=1):
            catalog.change_session(place, list(changes_between(one.entry(revision), None)))
            assert is_sound(table)
    assert table.items == {}


def test_parts_that_a_deleted_session_left_behind_count_for_nothing() -> None:
    history = [Written(n, 0, 5, n, conflict=False) for n in range(12)]
    with small_parts():
        table = deliver(history, 1)
        del table.items[Place("processed-bucket", FOLDERS[0][1]).key]
        catalog = Catalog(table, "catalog")  # type: ignore[arg-type]
        for revision, one in list(enumerate(history, start=1))[:9]:
            (change,) = changes_between(None, one.entry(revision))
            catalog.change_session(change.place, [change])
            assert is_sound(table)
    assert shown(table) == straight(history[:9])


def test_a_session_that_was_left_names_nobody() -> None:
    table = deliver([Written(0, 0, 5, 1, conflict=False), Written(0, 1, 5, 2, conflict=False)], 1)
    left = table.items[Place("processed-bucket", FOLDERS[0][1]).key]
    assert left.keys() == {"source_id", "seen"}


def test_a_message_costs_some_twenty_five_bytes() -> None:
    folder = FOLDERS[0][1]
    chance = random.Random(3)
    entries = [
        replace(
            Written(2, 0, chance.randint(300, 4000), 0, conflict=False).entry(1),
            source_id=digest(str(n)),
            key=f"{folder}agents/agent_guide/messages/message_{n}.json",
            modified=f"2026-11-20T{10 + n // 60:02}:{n % 60:02}:07Z",
            cataloged_at=f"2026-11-20T{10 + n // 60:02}:{n % 60:02}:09.{chance.randint(0, 999):03}Z",
        )
        for n in range(400)
    ]
    changes = [change for entry in entries for change in changes_between(None, entry)]
    item = entry_at(Place("b", folder), None).merged(changes).to_item()
    assert item is not None
    assert len(item["seen"]["B"]) < 400 * 26


def message(number: int, revision: int = 1) -> list[Change]:
    entry = replace(
        Written(2, 0, 700 + number % 900, 0, conflict=False).entry(revision),
        source_id=digest(str(number)),
        key=f"{FOLDERS[0][1]}agents/agent_guide/messages/message_{number}.json",
        modified=(datetime(2026, 11, 20, tzinfo=UTC) + timedelta(seconds=17 * number)).isoformat(),
    )
    return list(changes_between(None, entry))


def costs(table: Table, numbers: range) -> float:
    """Units that a message costs, each arriving alone, the parts that are read at a fifth of a write among them."""
    before = table.units + table.read / 5
    for number in numbers:
        (change,) = message(number)
        Catalog(table, "catalog").change_session(change.place, [change])  # type: ignore[arg-type]
    return (table.units + table.read / 5 - before) / len(numbers)


def long_session(messages: int) -> Table:
    table = Table()
    catalog = Catalog(table, "catalog")  # type: ignore[arg-type]
    for start in range(0, messages, 100):
        changes = [change for number in range(start, start + 100) for change in message(number)]
        catalog.change_session(changes[0].place, changes)
    return table


def test_one_more_message_costs_the_same_however_long_the_session_is() -> None:
    costing = [costs(long_session(messages), range(messages, messages + 96)) for messages in (1_500, 4_500)]
    assert costing[1] < 1.15 * costing[0] < 5
    assert max(units(item) for item in long_session(1_500).items.values()) <= 2


def test_a_session_that_an_earlier_release_kept_in_one_item_goes_into_parts_with_its_next_message() -> None:
    changes = [change for number in range(1_000) for change in message(number)]
    place = changes[0].place
    item = SessionEntry(place, None, {}).merged(changes).to_item()
    assert item is not None
    assert "sealed" not in item
    table = Table()
    table.items[place.key] = item
    Catalog(table, "catalog").change_session(place, message(1_000))  # type: ignore[arg-type]
    assert is_sound(table)
    assert units(table.items[place.key]) <= 2
    (summary,) = shown(table).values()
    assert (summary["objects"], summary["messages"], summary["patient"]) == (1_001, 1_001, "Ana_7")
    assert not Catalog(table, "catalog").change_session(place, changes[:200])  # type: ignore[arg-type]


@pytest.mark.prove
def test_a_session_of_a_hundred_thousand_messages_is_kept_whole() -> None:
    table = long_session(100_000)
    assert is_sound(table)
    assert max(units(item) for item in table.items.values()) <= 3
    (summary,) = shown(table).values()
    assert (summary["objects"], summary["incomplete"]) == (100_000, False)
    assert costs(table, range(100_000, 100_200)) < 6


def _last_holds(entry: SessionEntry, changes: Any) -> SessionEntry:
    return _merge_each(entry, [replace(c, seen=c.seen and replace(c.seen, revision=10**6)) for c in changes])


def _forgets(entry: SessionEntry, changes: Any) -> SessionEntry:
    return MERGED(entry, [c if c.seen and c.seen.facts else replace(c, seen=None) for c in changes])


def _counts_up(entry: SessionEntry, changes: Any) -> SessionEntry:
    return MERGED(entry, [replace(c, source_id=digest(c.source_id, repr(c.seen))) for c in changes])


def _merge_each(entry: SessionEntry, changes: Any) -> SessionEntry:
    for change in changes:
        entry = MERGED(MERGED(entry, [replace(change, seen=None)]), [change])
    return entry


MERGED = session_entries.SessionEntry.merged
SEALING = session_entries.SessionEntry.sealing
HOLDING = session_entries.SessionEntry.holding
LARGE = {
    "an object that moved is left in its part": (
        "merged",
        lambda entry, changes: replace(MERGED(entry, changes), held=entry.held),
    ),
    "the parts are not read": ("holding", lambda entry, sources: set()),
    "a split leaves what it should move": (
        "sealing",
        lambda entry: replace(SEALING(entry), held={**SEALING(entry).held, **entry.held}),
    ),
    "the item has no turn": ("to_item", lambda entry: TO_ITEM(replace(entry, turn=7))),
}
TO_ITEM = session_entries.SessionEntry.to_item


@pytest.mark.parametrize("broken", LARGE)
def test_a_broken_rule_about_parts_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name, variant = LARGE[broken]
    monkeypatch.setattr(session_entries.SessionEntry, name, variant)
    chance = random.Random(7)
    with small_parts():
        for seed in range(300):
            history = [
                Written(
                    chance.randint(0, 9),
                    chance.choice([0, 1]),
                    chance.randint(1, 9),
                    seed % 60,
                    conflict=False,
                )
                for _ in range(24)
            ]
            try:
                table = deliver(history, seed)
            except (KeyError, AssertionError):
                return
            if not is_sound(table) or shown(table) != straight(history):
                return
    pytest.fail(f"nothing notices that {broken}")


VARIANTS = {
    "the change that comes last holds": _last_holds,
    "what left is not remembered": _forgets,
    "numbers are counted up": _counts_up,
}


@pytest.mark.parametrize("broken", VARIANTS)
def test_a_broken_rule_is_noticed(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_entries.SessionEntry, "merged", VARIANTS[broken])
    chance = random.Random(7)
    for seed in range(300):
        history = [
            Written(
                chance.randint(0, 3), chance.choice([0, 1]), chance.randint(1, 9), seed % 60, conflict=False
            )
            for _ in range(8)
        ]
        if shown(deliver(history, seed)) != straight(history):
            return
    pytest.fail(f"nothing notices that {broken}")


def test_an_unguarded_write_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Table, "_require", lambda *_: None)
    chance = random.Random(7)
    for seed in range(300):
        history = [Written(chance.randint(0, 8), 0, 1, seed % 60, conflict=False) for _ in range(12)]
        if shown(deliver(history, seed)) != straight(history):
            return
    pytest.fail("nothing notices that the entry is written without its condition")
