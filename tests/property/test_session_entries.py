"""A session's entry is a function of its objects' final entries, whatever the order, repetition and race of changes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
)
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
        self.interfere: Callable[[], None] = lambda: None

    def get_item(self, Key: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803
        found = self.items.get(Key["source_id"]["S"])
        return {"Item": dict(found)} if found else {}

    def put_item(self, Item: dict[str, Any], **given: Any) -> None:  # noqa: N803
        self.interfere()
        self._require(Item["source_id"]["S"], given)
        self.items[Item["source_id"]["S"]] = Item

    def delete_item(self, Key: dict[str, Any], **given: Any) -> None:  # noqa: N803
        self._require(Key["source_id"]["S"], given)
        del self.items[Key["source_id"]["S"]]

    def _require(self, key: str, given: dict[str, Any]) -> None:
        known = given.get("ExpressionAttributeValues", {}).get(":known")
        if self.items.get(key, {}).get("seen") != known:
            raise ClientError({"Error": {"Code": "ConditionalCheckFailedException"}}, "PutItem")


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
    catalog = Catalog(table, "catalog")  # type: ignore[arg-type]
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


@given(histories, st.integers(0, 2**32))
def test_any_order_repetition_and_race_gives_what_the_final_entries_give(
    history: list[Written], seed: int
) -> None:
    assert shown(deliver(history, seed)) == straight(history)


@given(histories, st.integers(0, 2**32))
def test_changes_may_come_in_any_order_at_all(history: list[Written], seed: int) -> None:
    """More than the stream does: also the changes of one source are shuffled, each told twice."""
    changes = [
        change for stream in stream_of(history) for step in stream for change in changes_between(*step)
    ] * 2
    random.Random(seed).shuffle(changes)
    table = Table()
    for change in changes:
        Catalog(table, "catalog").change_session(change.place, [change])  # type: ignore[arg-type]
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
        assert not read.present or read == entry


def test_entries_that_were_deleted_are_forgotten_and_the_session_with_the_last() -> None:
    history = [Written(n, 0, 5, n, conflict=False) for n in range(3)]
    table = deliver(history, 1)
    place = Place("processed-bucket", FOLDERS[0][1])
    catalog = Catalog(table, "catalog")  # type: ignore[arg-type]
    for revision, one in enumerate(history, start=1):
        assert catalog.change_session(place, list(changes_between(one.entry(revision), None)))
    assert table.items == {}


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
