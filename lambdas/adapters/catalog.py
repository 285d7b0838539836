"""The catalog's table: one item per source, of its highest revision, and one item per session.

A session's item is replaced as a whole, on condition that nobody replaced it since it was read; where parts of a large
session change with it, in one transaction.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.errors import CarefileError, StillChanging
from carefile.core.records.catalog import (
    CONTENT_INDEX,
    CONTENT_KEY,
    KEY,
    Entry,
    Item,
    patient_in,
    unfiled_item,
)
from carefile.core.records.session_entries import (
    INCOMPLETE,
    Change,
    Place,
    SessionEntry,
    condition_on,
    entry_at,
    fits,
    part_in,
)
from lambdas.adapters.boundary import translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MOST_ALIKE = 100  # entries of one content to look at
_BATCH = 100  # DynamoDB, BatchGetItem
_OVERTAKEN = frozenset(
    {
        "ConditionalCheckFailedException", "ConditionalCheckFailed",
        "TransactionConflictException", "TransactionConflict",
    }
)  # fmt: skip
_TRIES = 12  # a burst of one session is worked on by as many invocations as follow the stream
_LONGEST_PAUSE = 1.0  # seconds
_SIDE_BY_SIDE = 8  # sessions of one batch


class EntryRefused(Exception):
    """The entry can't be written as it is, now or later: it is too large, or DynamoDB refuses it."""


class Catalog:
    def __init__(
        self, dynamodb: DynamoDBClient, table: str, *, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._pause = pause

    def put(self, entry: Entry) -> bool:
        """Write the entry unless one of the same or a higher revision is there. True when it was written."""
        return self._put(entry.to_item(), **_unless_newer(entry.revision))

    def take_out(self, source_id: str, revision: int, at: str, decided_by: str) -> bool:
        """Replace an entry by the note that a person took the object out, unless a newer entry is there."""
        item = unfiled_item(source_id, revision, at, decided_by)
        return self._put(item, **_unless_newer(revision))

    def shared_with_others(self, entry: Entry) -> bool:
        """Whether the bytes of a document are filed under another patient as well. The index lags behind by a moment,
        so of two that arrive at once neither may see the other; `carefile reconcile` does."""
        found = self._dynamodb.query(
            TableName=self._table,
            IndexName=CONTENT_INDEX,
            KeyConditionExpression=f"{CONTENT_KEY} = :content",
            ExpressionAttributeValues={":content": {"S": entry.content_digest or ""}},
            Limit=_MOST_ALIKE,
        )
        patients = {patient_in(item) for item in found["Items"]} - {None}
        return entry.patient is not None and bool(patients - {entry.patient})

    def change_sessions(
        self, changes: Mapping[Place, Sequence[Change]]
    ) -> tuple[int, int, dict[Place, CarefileError]]:
        """Merge changes into the entries of many sessions, some side by side: how many were changed, how many can't be
        written, and why others could not be changed now. No entry depends on another."""
        changed = refused = 0
        failed: dict[Place, CarefileError] = {}
        with ThreadPoolExecutor(_SIDE_BY_SIDE) as pool:
            changing = {
                place: pool.submit(self.change_session, place, found) for place, found in changes.items()
            }
        for place, change in changing.items():
            try:
                changed += change.result()
            except EntryRefused:
                refused += 1
            except Exception as error:
                failed[place] = error if isinstance(error, CarefileError) else translated(error)
        return changed, refused, failed

    def change_session(self, place: Place, changes: Sequence[Change]) -> bool:
        """Merge changes of a session's objects into its entry. True when that changed it. EntryRefused when that can't
        be written: the item then says that it is not complete."""
        sources = {change.source_id for change in changes}
        for tried in range(_TRIES):
            if tried:
                self._pause(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**tried)))  # noqa: S311 - no secret
            item = self._get(place.key)
            item, known = self._sealed(item, entry_at(place, item))
            known = self._reading(known, known.holding(sources))
            entry = known.merged(changes)
            if entry == known:
                return False
            if entry.sealed.is_loose:
                parts = self._reading(entry, range(entry.parts)).held
                entry = entry.tightened(parts.values())
            if written := self._write(item, known, entry):
                self._sealed(*written)
                return True
        raise StillChanging(
            f"still-changing: the session's entry changed in each of {_TRIES} tries; it is tried again"
        )

    def _sealed(self, item: Item, entry: SessionEntry) -> tuple[Item, SessionEntry]:
        """Move what the item should not hold into parts. What others prevent is left to the next change."""
        while entry.overflow:
            known = self._reading(entry, entry.to_seal())
            written = self._write(item, known, known.sealing())
            if written is None:
                break
            item, entry = written
        return item, entry

    def _reading(self, entry: SessionEntry, parts: Collection[int]) -> SessionEntry:
        """The entry with these parts, as far as they are not at hand."""
        missing = sorted({*parts} - entry.held.keys())
        there = [entry.place.part(part) for part in missing if part < entry.parts]
        items: dict[str, Item] = {}
        for keys in _batches(there):
            request: Any = {
                self._table: {"Keys": [{KEY: {"S": key}} for key in keys], "ConsistentRead": True}
            }
            while request:
                found = self._dynamodb.batch_get_item(RequestItems=request)
                items |= {item[KEY]["S"]: dict(item) for item in found["Responses"].get(self._table, ())}
                request = found.get("UnprocessedKeys")
        more = {part: part_in(items.get(entry.place.part(part))) for part in missing}
        return replace(entry, held={**entry.held, **more})

    def _get(self, key: str) -> Item:
        found = self._dynamodb.get_item(TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True)
        return dict(found.get("Item", {}))

    def _write(
        self, known: Item, before: SessionEntry, after: SessionEntry
    ) -> tuple[Item, SessionEntry] | None:
        """Write a session's item, with the parts that changed in one transaction: the entry as it is now. None if the
        item is no longer the one that was read."""
        after = replace(after, turn=before.turn + 1) if after.parts else after
        item, parts = after.to_item(), after.part_items(before)
        condition = condition_on(known)
        if not fits(item, *parts.values()):
            if known and INCOMPLETE not in known:
                self._put(known | {INCOMPLETE: {"BOOL": True}}, **condition)
            raise EntryRefused
        request = self._request(after.place.key, item)
        (how, head), *_ = request.items()
        head |= condition
        if parts:
            each = [request, *(self._request(key, part) for key, part in parts.items())]
            done = self._conditionally(self._dynamodb.transact_write_items, TransactItems=each)
        else:
            alone = self._dynamodb.put_item if how == "Put" else self._dynamodb.delete_item
            done = self._conditionally(alone, **head)
        return (item or {}, after) if done else None

    def _request(self, key: str, item: Item | None) -> dict[str, Any]:
        """Replace an item, or delete it where there is none."""
        if item is None:
            return {"Delete": {"TableName": self._table, "Key": {KEY: {"S": key}}}}
        return {"Put": {"TableName": self._table, "Item": item}}

    def _put(self, item: Item, **condition: Any) -> bool:
        return self._conditionally(self._dynamodb.put_item, TableName=self._table, Item=item, **condition)

    def _conditionally(self, request: Any, **arguments: Any) -> bool:
        try:
            request(**arguments)
        except ClientError as error:
            codes = {error.response.get("Error", {}).get("Code")}
            codes |= {why.get("Code") for why in error.response.get("CancellationReasons", ())}
            if codes & _OVERTAKEN:
                return False
            if codes & {"ValidationException", "ValidationError", "ItemCollectionSizeLimitExceeded"}:
                raise EntryRefused from error
            raise
        return True


def _unless_newer(revision: int) -> dict[str, Any]:
    return {
        "ConditionExpression": f"attribute_not_exists({KEY}) OR revision < :known",
        "ExpressionAttributeValues": {":known": {"N": str(revision)}},
    }


def _batches(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(keys), _BATCH):
        yield keys[start : start + _BATCH]
