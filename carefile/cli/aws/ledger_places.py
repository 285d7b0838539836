"""The places that the ledger knows of a landing key, and making room where a key has had too many.

Invariants: a place that shows anything of the key stays; one is taken out only when every execution that could still
write there has ended: nothing was begun since the ledger was noted, twenty minutes ago or more, and a function runs for
fifteen at most. What is taken out is kept in items of its own, so that to forget a patient still finds it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import filed_object
from carefile.cli.aws.versions import Versions
from carefile.core.model import Source
from carefile.core.records.catalog import number_in, text_in
from carefile.core.records.ledger import KEY, archive_key, places_in

QUIET = timedelta(minutes=20)  # longer than any function runs
_ARCHIVED, _NOTED, _NOTED_AT = "archived", "noted_revision", "noted_at"
_THREADS = 16


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of a key: its places, and at which revision, since when, it was noted to be trimmed."""

    places: frozenset[str]
    revision: int
    archived: int
    noted: int | None
    noted_at: datetime | None

    @property
    def trimmable_at(self) -> datetime | None:
        """From when on it may be trimmed; None where it was not noted, or changed since."""
        return self.noted_at + QUIET if self.noted_at and self.noted == self.revision else None


class LedgerPlaces:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._dynamodb, self._table = connection.client("dynamodb"), connection.output("LedgerTableName")

    def known(self, source: Source) -> Known:
        item = self._get(source.source_id)
        at = text_in(item, _NOTED_AT)
        return Known(
            places_in(item),
            number_in(item, "revision"),
            number_in(item, _ARCHIVED),
            number_in(item, _NOTED) if _NOTED in item else None,
            datetime.fromisoformat(at) if at else None,
        )

    def shown(self, source: Source, places: frozenset[str]) -> frozenset[str]:
        """Those places that hold something of the key."""

        versions = Versions(self._connection)

        def shows(place: str) -> bool:
            keys = {one.key for one in versions.at(place) if one.is_latest and not one.is_marker}
            found = (filed_object(self._connection, key) for key in keys)
            return any(one is not None and one.source_id == source.source_id for one in found)

        listed = sorted(places)
        with ThreadPoolExecutor(_THREADS) as pool:
            return frozenset(
                place for place, held in zip(listed, pool.map(shows, listed), strict=True) if held
            )

    def note(self, source: Source, known: Known) -> bool:
        """Note the ledger's state, so that it can be trimmed once it was quiet. False where it changed meanwhile."""
        return self._conditionally(
            self._dynamodb.update_item,
            TableName=self._table,
            Key={KEY: {"S": source.source_id}},
            UpdateExpression=f"SET {_NOTED} = :revision, {_NOTED_AT} = :now",
            ConditionExpression="revision = :revision",
            ExpressionAttributeValues={
                ":revision": {"N": str(known.revision)},
                ":now": {"S": datetime.now(UTC).isoformat()},
            },
        )

    def trim(self, source: Source, known: Known, empty: frozenset[str]) -> bool:
        """Move these places out of the key's item. False where something was begun since it was noted."""
        number = known.archived + 1
        places = {"SS": sorted(empty)}
        key = {KEY: {"S": source.source_id}}
        return self._conditionally(
            self._dynamodb.transact_write_items,
            TransactItems=[
                {
                    "Update": {
                        "TableName": self._table,
                        "Key": key,
                        "UpdateExpression": f"DELETE destinations :places SET {_ARCHIVED} = :number "
                        f"REMOVE {_NOTED}, {_NOTED_AT}",
                        "ConditionExpression": f"revision = :revision AND {_NOTED} = :revision",
                        "ExpressionAttributeValues": {
                            ":places": places,
                            ":number": {"N": str(number)},
                            ":revision": {"N": str(known.revision)},
                        },
                    }
                },
                {
                    "Put": {
                        "TableName": self._table,
                        "Item": {KEY: {"S": archive_key(source.source_id, number)}, "destinations": places},
                        "ConditionExpression": f"attribute_not_exists({KEY})",
                    }
                },
            ],
        )

    def ever(self, source: Source) -> set[str]:
        """Every place that the key ever had, those that were taken out included."""
        return {place for key in self.keys(source) for place in places_in(self._get(key))}

    def keys(self, source: Source) -> Iterator[str]:
        """The ledger's items that hold the key's places, its own first."""
        yield source.source_id
        for number in range(1, number_in(self._get(source.source_id), _ARCHIVED) + 1):
            yield archive_key(source.source_id, number)

    def _get(self, key: str) -> dict[str, Any]:
        found = self._dynamodb.get_item(TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True)
        item: dict[str, Any] = found.get("Item", {})
        return item

    def _conditionally(self, request: Any, **arguments: Any) -> bool:
        try:
            request(**arguments)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code in ("ConditionalCheckFailedException", "TransactionCanceledException"):
                return False
            raise
        return True
