"""The record of decisions: adds one to the chain of its day, once, in one transaction with the chain's new head.

Who finds that another writer was faster reads the head again, so a chain never forks.
"""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.errors import StillChanging
from carefile.core.messages.events import iso_8601
from carefile.core.records.decisions import (
    DAY,
    DAYS,
    DECISIONS,
    HEAD,
    NOTE,
    NOTES,
    NUMBER,
    PLACES,
    Head,
    Record,
    about_key,
    id_key,
    payload_text,
    place_of,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TRIES = 12
_LONGEST_PAUSE = 1.0
_ALREADY, _CONTENDED = "already", "contended"
_RETRIED = frozenset({"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"})
_REFUSED = "ConditionalCheckFailed"


class Decisions:
    def __init__(
        self,
        dynamodb: DynamoDBClient,
        table: str,
        now: Callable[[], datetime],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._dynamodb, self._table = dynamodb, table
        self._now, self._pause = now, pause

    def record(self, id_: str, kind: str, payload: Mapping[str, object], about: str | None = None) -> bool:
        """Add a decision or a note to today's chain, to be found by what it is `about`. False if it was recorded
        before."""
        text, salt = payload_text(payload), secrets.token_hex(16)
        for attempt in range(_TRIES):
            if self._get(id_key(id_), "-"):
                return False
            done = self._append(id_, kind, text, salt, about)
            if done is None:
                return True
            if done == _ALREADY:
                return False
            self._pause(random.uniform(0, min(_LONGEST_PAUSE, 0.02 * 2**attempt)))  # noqa: S311 - no secret
        raise StillChanging(
            f"still-changing: the record of decisions changed in each of {_TRIES} tries; it is tried again"
        )

    def _append(self, id_: str, kind: str, text: str, salt: str, about: str | None) -> str | None:
        """None if it was added; otherwise what stood in the way."""
        at = iso_8601(self._now())
        head, is_new = self._head(at[:10])
        record = head.next(kind, at, text, salt)
        values: dict[str, Any] = {":records": {"N": str(record.number)}, ":hash": {"S": record.hash}}
        known = "attribute_not_exists(#hash)"
        if not is_new:
            known, values[":known"] = "#hash = :known", {"S": head.hash}
        marker = {DAY: {"S": id_key(id_)}, NUMBER: {"S": "-"}, "recorded_at": {"S": at}}
        writes: list[dict[str, Any]] = [
            self._put(marker),
            self._put(record.to_item()),
            {
                "Update": {
                    "TableName": self._table,
                    "Key": {DAY: {"S": head.day}, NUMBER: {"S": HEAD}},
                    "UpdateExpression": "SET #records = :records, #hash = :hash",
                    "ConditionExpression": known,
                    "ExpressionAttributeNames": {"#hash": "hash", "#records": "records"},
                    "ExpressionAttributeValues": values,
                }
            },
            *([self._put(head.opening())] if is_new else []),
            *([self._refer(about, record)] if about else []),
        ]
        try:
            self._dynamodb.transact_write_items(TransactItems=writes)  # type: ignore[arg-type]
        except ClientError as error:
            reasons = [str(it.get("Code")) for it in error.response.get("CancellationReasons", ())]
            if reasons and reasons[0] == _REFUSED:
                return _ALREADY
            if any(reason == _REFUSED or reason in _RETRIED for reason in reasons):
                return _CONTENDED
            raise
        return None

    def _head(self, day: str) -> tuple[Head, bool]:
        """The end of a day's chain, and whether the day has yet to be opened."""
        head = self._get(day, HEAD)
        if head:
            return Head.of_items(day, {}, head), False
        before = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="#day = :days AND #number < :day",
            ExpressionAttributeNames={"#day": DAY, "#number": NUMBER},
            ExpressionAttributeValues={":days": {"S": DAYS}, ":day": {"S": day}},
            ConsistentRead=True,
            ScanIndexForward=False,
            Limit=1,
        )["Items"]
        after = before[0][NUMBER]["S"] if before else ""
        end = self._get(after, HEAD).get("hash", {}).get("S", "") if after else ""
        return Head(day, after_day=after, after_hash=end), True

    def _put(self, item: dict[str, Any]) -> dict[str, Any]:
        return {
            "Put": {
                "TableName": self._table,
                "Item": item,
                "ConditionExpression": "attribute_not_exists(#day)",
                "ExpressionAttributeNames": {"#day": DAY},
            }
        }

    def _refer(self, about: str, record: Record) -> dict[str, Any]:
        """The write by which a record is found."""
        which, place = NOTES if record.type == NOTE else DECISIONS, place_of(record.day, record.number)
        return {
            "Update": {
                "TableName": self._table,
                "Key": {DAY: {"S": about_key(about)}, NUMBER: {"S": which}},
                "UpdateExpression": "SET #places = list_append(if_not_exists(#places, :none), :place)",
                "ExpressionAttributeNames": {"#places": PLACES},
                "ExpressionAttributeValues": {":none": {"L": []}, ":place": {"L": [{"S": place}]}},
            }
        }

    def _get(self, day: str, number: str) -> dict[str, Any]:
        found = self._dynamodb.get_item(
            TableName=self._table, Key={DAY: {"S": day}, NUMBER: {"S": number}}, ConsistentRead=True
        )
        return dict(found.get("Item", {}))
