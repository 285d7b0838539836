"""Histories of a session's objects, delivered in any order to the catalog's own adapter over a table in memory."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import strategies as st

from carefile.core.model import digest
from carefile.core.records import session_entries
from carefile.core.records.catalog import Entry
from carefile.core.records.session_entries import (
    Change,
    Place,
    SessionSummary,
    changes_between,
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
