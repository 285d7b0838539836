"""The catalog's table: one item per source, of its highest revision, and one item per session.

A session's item is replaced as a whole, on condition that nobody replaced it since it was read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from carefile.core.records.session_entries import INCOMPLETE, Change, Place, entry_at, fits
from lambdas.adapters.boundary import translated

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_MOST_ALIKE = 100  # entries of one content to look at
_TRIES = 8  # several shards of the stream may hold objects of one session


class EntryRefused(Exception):
    """The entry can't be written as it is, now or later: it is too large, or DynamoDB refuses it."""


class Catalog:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def put(self, entry: Entry) -> bool:
        """Write the entry unless one of the same or a higher revision is there. True when it was written."""
        return self._put(
            entry.to_item(), f"attribute_not_exists({KEY}) OR revision < :known", {"N": str(entry.revision)}
        )

    def take_out(self, source_id: str, revision: int, at: str, decided_by: str) -> bool:
        """Replace an entry by the note that a person took the object out, unless a newer entry is there."""
        item = unfiled_item(source_id, revision, at, decided_by)
        return self._put(item, f"attribute_not_exists({KEY}) OR revision < :known", {"N": str(revision)})

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
        """Merge changes into the items of many sessions: how many were changed, how many can't be written, and why
        others could not be changed now."""
        changed = refused = 0
        failed: dict[Place, CarefileError] = {}
        for place, found in changes.items():
            try:
                changed += self.change_session(place, found)
            except EntryRefused:
                refused += 1
            except Exception as error:
                failed[place] = error if isinstance(error, CarefileError) else translated(error)
        return changed, refused, failed

    def change_session(self, place: Place, changes: Sequence[Change]) -> bool:
        """Merge changes of a session's objects into its item. True when that changed it. EntryRefused when that can't
        be written: the item then says that it is not complete."""
        for _ in range(_TRIES):
            item = self._get(place.key)
            known = entry_at(place, item)
            entry = known.merged(changes)
            if entry.seen == known.seen:
                return False
            new = entry.to_item()
            if not fits(new):
                if item and INCOMPLETE not in item:
                    self._put(item | {INCOMPLETE: {"BOOL": True}}, "seen = :known", item["seen"])
                raise EntryRefused
            if self._replace(place.key, item, new):
                return True
        raise StillChanging(
            f"still-changing: the session's entry changed in each of {_TRIES} tries; it is tried again"
        )

    def _get(self, key: str) -> Item:
        found = self._dynamodb.get_item(TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True)
        return dict(found.get("Item", {}))

    def _replace(self, key: str, known: Item, item: Item | None) -> bool:
        """Replace the item. False if it is no longer the one that was read."""
        if item is not None and not known:
            return self._put(item, f"attribute_not_exists({KEY})", None)
        if item is not None:
            return self._put(item, "seen = :known", known["seen"])
        return self._conditionally(
            self._dynamodb.delete_item,
            Key={KEY: {"S": key}},
            ConditionExpression="seen = :known",
            ExpressionAttributeValues={":known": known["seen"]},
        )

    def _put(self, item: Item, condition: str, known: dict[str, Any] | None) -> bool:
        values = {"ExpressionAttributeValues": {":known": known}} if known else {}
        return self._conditionally(
            self._dynamodb.put_item, Item=item, ConditionExpression=condition, **values
        )

    def _conditionally(self, request: Any, **arguments: Any) -> bool:
        try:
            request(TableName=self._table, **arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ConditionalCheckFailedException":
                return False
            if code == "ValidationException":
                raise EntryRefused from error
            raise
        return True
