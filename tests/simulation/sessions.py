"""The sessions' entries of the catalog: the real IndexSessions, fed with every change that the schedule made to the
objects' entries, in batches that interleave and come again; and what they have to be, from the objects' final entries.

The stream never tells the changes of one entry in another order. Races between batches are the property tests' matter.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from lambdas import index_sessions
from lambdas.adapters import catalog as adapter
from tests.simulation.oracle import without_partition

if TYPE_CHECKING:
    from tests.simulation.world import World

Item = dict[str, Any]
_SHOWN = ("patient_ref_key", "objects", "messages", "size", "last_activity", "session_id")


class _InTurn(AbstractContextManager["_InTurn"]):
    """An executor without threads, which would take a twelfth of a schedule's time."""

    def __init__(self, most: int) -> None:
        pass

    def submit(self, work: Callable[..., Any], *arguments: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(work(*arguments))
        except Exception as error:
            done.set_exception(error)
        return done

    def __exit__(self, *raised: object) -> None:
        pass


def violations(world: World) -> list[str]:
    table = world.dynamodb.tables.get("catalog", {})
    final = {key: item for key, item in table.items() if "kind" in item}
    _feed(world)
    found = {
        _plain(item)["prefix"]: item for key, item in table.items() if key not in final and "prefix" in item
    }
    wanted = _straight(final)
    return [
        f"I2 the session {prefix} is cataloged as {_told(found.get(prefix))}, not {_told(wanted.get(prefix))}"
        for prefix in sorted(found.keys() | wanted.keys())
        if _told(found.get(prefix)) != _told(wanted.get(prefix))
    ]


def _feed(world: World) -> None:
    chance = random.Random(world.steps)
    waiting: dict[str, list[Item]] = {}
    for old, new in world.dynamodb.changes:
        record = {"dynamodb": {"NewImage": new} | ({"OldImage": old} if old else {})}
        if any(image.get("kind") == {"S": "session"} for image in record["dynamodb"].values()):
            waiting.setdefault(new["source_id"]["S"], []).append(record)
    catalog = adapter.Catalog(world.dynamodb, "catalog")  # type: ignore[arg-type]
    with (
        patch.object(adapter, "ThreadPoolExecutor", _InTurn),
        patch.object(index_sessions, "catalog", catalog),
        patch.object(index_sessions, "logger", world.recorder),
    ):
        while waiting:
            batch = []
            for _ in range(chance.randint(1, 3)):
                if waiting:
                    source = chance.choice(list(waiting))
                    batch.append(waiting[source].pop(0))
                    if not waiting[source]:
                        del waiting[source]
            for _ in range(chance.randint(1, 2)):
                index_sessions.handler({"Records": batch}, None)


def _straight(final: dict[str, Item]) -> dict[str, Item]:
    sessions: dict[str, list[Item]] = {}
    for item in final.values():
        if item["kind"]["S"] == "session":
            sessions.setdefault(item["prefix"]["S"], []).append(_plain(item))
    return {
        prefix: {
            "patient_ref_key": {"S": _listed({item["patient_ref_key"] for item in items})},
            "objects": {"N": str(len(items))},
            "messages": {"N": str(sum("/messages/message_" in item["key"] for item in items))},
            "size": {"N": str(sum(int(item["size"]) for item in items))},
            "last_activity": {"S": max(item["modified"] for item in items).replace("Z", ".000Z")},
            "session_id": {"S": prefix.split("/")[-2]},
        }
        for prefix, items in sessions.items()
    }


def _listed(keys: set[str]) -> str:
    """A session waits while any of its objects does."""
    return "UNKNOWN" if "UNKNOWN" in keys else min(keys)


def _plain(item: Item) -> dict[str, Any]:
    plain = {name: next(iter(value.values())) for name, value in item.items()}
    if "patient_ref_key" in plain:
        plain["patient_ref_key"] = without_partition(plain["patient_ref_key"])
    return plain


def _told(item: Item | None) -> dict[str, Any] | None:
    return None if item is None else {name: value for name, value in _plain(item).items() if name in _SHOWN}
