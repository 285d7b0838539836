"""A session's entry is a function of its objects' final entries, whatever the order, repetition and race of changes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.model import digest
from carefile.core.records import session_entries
from carefile.core.records.catalog import Entry
from carefile.core.records.session_entries import (
    Change,
    Place,
    SessionEntry,
    SessionSummary,
    changes_between,
    entry_at,
    part_in,
)
from carefile.core.records.session_objects import unpacked
from carefile.core.records.session_totals import Totals, part_holding
from lambdas.adapters.catalog import Catalog

PATHS = (
    "session.json",
    "agents/agent_guide/agent.json",
    "agents/agent_guide/messages/message_0.json",
    "agents/agent_guide/messages/message_1.json",
    "agents/agent_María =h/messages/message_12.json",
    "agents/agent_x/notes.txt",
    "multi_agents/multi_agent_team/multi_agent.json",
    "session/1/scopes/agent/snapper/snapshots/snapshot_latest.json",
    "session/1/scopes/multiAgent/team/snapshots/snapshot_latest.json",
    "1/scopes/agent/snapper/snapshots/immutable_history/snapshot_0192.json",
    "context/1/scopes/agent/snapper/tool-1_0",
)
FOLDERS = (
    ("Ana_7", "processed/Ana_7_medical_notes/session_1/"),
    ("Ben_8", "processed/Ben_8_medical_notes/session_1/"),
    (None, "processed/unknown_medical_notes/session_1/"),
)


@dataclass(frozen=True)
class Written:
    """One state of one source: filed in a session, or as a document."""

    source: int
    folder: int | None
    size: int
    second: int
    conflict: bool

    def entry(self, revision: int) -> Entry:
        patient, prefix = ("Ana_7", "processed/Ana_7_x/") if self.folder is None else FOLDERS[self.folder]
        path = "original.json" if self.folder is None else PATHS[self.source % len(PATHS)]
        reason = ("conflict" if self.conflict else "no-evidence") if patient is None else None
        return Entry(
            source_id=digest(str(self.source)),
            event_id=digest("event", str(self.source)),
            revision=revision,
            patient=patient,
            reason=reason,
            kind="document" if self.folder is None else "session",
            session_id=None if self.folder is None else "session_1",
            landing_bucket="landing",
            landing_key=f"sessions/session_1/{self.source}",
            landing_version=f"v{revision}",
            modified=f"2026-11-20T10:00:{self.second:02}Z",
            size=self.size,
            bucket="processed-bucket",
            prefix=prefix,
            key=prefix + path,
            execution="arn:e",
            cataloged_at=f"2026-11-20T10:01:{self.second:02}.{revision:03}Z",
        )


written = st.builds(
    Written,
    source=st.integers(0, 12),
    folder=st.sampled_from([0, 1, 2, None]),
    size=st.integers(0, 2**40),
    second=st.integers(0, 59),
    conflict=st.booleans(),
)
histories = st.lists(written, max_size=30)


class Table:
    """One DynamoDB table, in memory, with the conditions that the catalog uses. `interfere` runs before each write."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Any]] = {}
        self.read = self.units = 0  # parts that were read, units that were written
        self.interfere: Callable[[], None] = lambda: None

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        found = self.items.get(Key["source_id"]["S"])
        return {"Item": dict(found)} if found else {}

    def put_item(self, Item: dict[str, Any], **given: Any) -> None:  # noqa: N803
        self.interfere()
        self._require(Item["source_id"]["S"], given)
        self.items[Item["source_id"]["S"]] = Item
        self.units += units(Item)

    def delete_item(self, Key: dict[str, Any], **given: Any) -> None:  # noqa: N803
        self._require(Key["source_id"]["S"], given)
        self.items.pop(Key["source_id"]["S"], None)

    def batch_get_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
        self.interfere()  # between the item of a session and its parts others may write both
        ((table, asked),) = RequestItems.items()
        assert len(asked["Keys"]) <= 100
        keys = [key["source_id"]["S"] for key in asked["Keys"]]
        self.read += len(keys)
        return {"Responses": {table: [dict(self.items[key]) for key in keys if key in self.items]}}

    def transact_write_items(self, TransactItems: list[dict[str, Any]]) -> None:  # noqa: N803
        self.interfere()
        assert len(TransactItems) <= 100
        requests = [next(iter(one.items())) for one in TransactItems]
        keys = [one.get("Key", one.get("Item"))["source_id"]["S"] for _, one in requests]
        assert len(set(keys)) == len(keys)
        for key, (_, one) in zip(keys, requests, strict=True):
            if "ConditionExpression" in one:
                self._require(key, one)
        for key, (how, one) in zip(keys, requests, strict=True):
            self.items.pop(key, None)
            if how == "Put":
                self.items[key] = one["Item"]
                self.units += 2 * units(one["Item"])  # a transaction doubles them

    def _require(self, key: str, given: dict[str, Any]) -> None:
        known = given.get("ExpressionAttributeValues", {}).get(":known")
        name = "turn" if "turn" in given["ConditionExpression"] else "seen"
        there = self.items.get(key)
        if there is not None if known is None else (there or {}).get(name) != known:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")


def units(item: dict[str, Any]) -> int:
    held = sum(len(item[name]["B"]) for name in ("seen", "recent", "sealed", "kept") if name in item)
    return -(-(held + 450 * ("prefix" in item)) // 1024)


def stream_of(history: Sequence[Written]) -> list[list[tuple[Entry | None, Entry | None]]]:
    """The changes of each source, in their order, as the catalog's stream tells them."""
    streams: dict[int, list[tuple[Entry | None, Entry | None]]] = {}
    for revision, one in enumerate(history, start=1):
        mine = streams.setdefault(one.source, [])
        mine.append((mine[-1][1] if mine else None, one.entry(revision)))
    return list(streams.values())


def straight(history: Sequence[Written]) -> dict[str, dict[str, Any]]:
    """The sessions, computed from the final entries alone and by other means."""
    final = {one.source: one.entry(revision) for revision, one in enumerate(history, start=1)}
    sessions: dict[str, dict[str, Any]] = {}
    for patient, prefix in FOLDERS:
        mine = [entry for entry in final.values() if entry.prefix == prefix and entry.kind == "session"]
        if not mine:
            continue
        paths = [entry.key.removeprefix(prefix) for entry in mine]
        named = {
            path.split("/")[1].removeprefix("agent_"): path for path in paths if path.startswith("agents/")
        }
        reasons = {entry.reason for entry in mine}
        sessions[prefix] = {
            "patient": patient,
            "reason": "conflict" if "conflict" in reasons else min(reasons, key=str),
            "session_id": "session_1",
            "bucket": "processed-bucket",
            "prefix": prefix,
            "messages": sum("/messages/message_" in path for path in paths),
            "snapshots": sum("/snapshots/" in path for path in paths),
            "agents": tuple(
                sorted(
                    {name for name, path in named.items() if "notes.txt" not in path}
                    | {path.split("scopes/")[1].split("/")[1] for path in paths if "scopes/" in path}
                )
            ),
            "more_agents": 0,
            "incomplete": False,
            "is_nobodys": False,
            "objects": len(mine),
            "size": sum(entry.size for entry in mine),
            "first_activity": min(entry.modified for entry in mine).replace("Z", ".000Z"),
            "last_activity": max(entry.modified for entry in mine).replace("Z", ".000Z"),
            "cataloged_at": max(entry.cataloged_at for entry in mine),
        }
    return sessions


def shown(table: Table) -> dict[str, dict[str, Any]]:
    summaries = [SessionSummary.of_item(item) for item in table.items.values()]
    return {
        one.prefix: {name: getattr(one, name) for name in SessionSummary.__dataclass_fields__}
        for one in summaries
        if one
    }


def deliver(history: Sequence[Written], seed: int) -> Table:
    """Every source's changes in their order, those of several sources interleaved; batches taken again, also from
    further back, and other batches coming between the read and the write of one."""
    chance, table = random.Random(seed), Table()
    catalog = Catalog(table, "catalog", pause=lambda _: None)  # type: ignore[arg-type]
    waiting = [list(stream) for stream in stream_of(history)]
    told: list[Change] = []

    def batch() -> list[Change]:
        changes: list[Change] = []
        for _ in range(chance.randint(1, 4)):
            ready = [stream for stream in waiting if stream]
            if ready:
                changes += changes_between(*chance.choice(ready).pop(0))
        if told and chance.random() < 0.4:
            at = chance.randrange(len(told))
            changes = [*told[at : at + 5], *changes]
        told.extend(changes)
        return changes

    def take(changes: list[Change]) -> None:
        places: dict[Place, list[Change]] = {}
        for change in changes:
            places.setdefault(change.place, []).append(change)
        for place, found in places.items():
            catalog.change_session(place, found)

    def interfere() -> None:
        if chance.random() < 0.3:
            quiet, table.interfere = table.interfere, lambda: None
            take(batch())
            table.interfere = quiet

    table.interfere = interfere
    while any(waiting):
        take(batch())
    table.interfere = lambda: None
    take(batch())
    return table


@contextmanager
def small_parts() -> Iterator[None]:
    """So little fits in an item and in a part that a dozen objects are a large session."""
    sizes = {"MAX_RECENT": 3, "KEPT": 1, "SEALED_AT_ONCE": 2, "MAX_SPLITS": 1, "PART_OBJECTS": 2}
    with pytest.MonkeyPatch.context() as patch:
        for name, size in sizes.items():
            patch.setattr(session_entries, name, size)
        yield


def is_sound(table: Table) -> bool:
    """Whether each object is kept once, and the totals of the parts are of what they hold."""
    for item in list(table.items.values()):
        if "sealed" not in item:
            continue
        key = item["source_id"]["S"]
        sealed, parts = Totals.from_bytes(item["sealed"]["B"])
        held = [part_in(table.items.get(f"{key}#{part}")) for part in range(parts)]
        kept = [one for part in held for one in part] + list(unpacked(item["recent"]["B"]))
        rows = [row.facts for part in held for row in part.values()]
        placed = all(part_holding(one, parts) == number for number, part in enumerate(held) for one in part)
        if len(set(kept)) != len(kept) or replace(Totals.of(rows), is_loose=False) != sealed or not placed:
            return False
    return True


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
