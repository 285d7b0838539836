"""The places that the ledger holds for a landing key, and removing empty ones when it is full.

Invariants: a place that holds anything of the key stays. A place is removed only when every execution that could still
write there has ended: no intake has started since the ledger's state was recorded at least twenty minutes ago, and a
function runs for at most fifteen. Removed places are archived in items of their own, so `forget` still finds them.
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
from carefile.core.records.ledger import FORGOTTEN_AT, KEY, archive_key, places_in

QUIET = timedelta(minutes=20)  # longer than any function runs
_ARCHIVED, _NOTED, _NOTED_AT = "archived", "noted_revision", "noted_at"
_THREADS = 16


@dataclass(frozen=True, slots=True)
class Known:
    """The ledger's state for a key: its places, and the revision and time recorded for trimming."""

    places: frozenset[str]
    revision: int
    archived: int
    noted: int | None
    noted_at: datetime | None

    @property
    def trimmable_at(self) -> datetime | None:
        """The earliest time to trim; None if the state was not recorded, or changed since."""
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

    def occupied(self, source: Source, places: frozenset[str]) -> frozenset[str]:
        """Return the places that hold something of the key."""

        versions = Versions(self._connection)

        def holds(place: str) -> bool:
            keys = {one.key for one in versions.at(place) if one.is_latest and not one.is_marker}
            found = (filed_object(self._connection, key) for key in keys)
            return any(one is not None and one.source_id == source.source_id for one in found)

        listed = sorted(places)
        with ThreadPoolExecutor(_THREADS) as pool:
            return frozenset(
                place for place, held in zip(listed, pool.map(holds, listed), strict=True) if held
            )

    def note(self, source: Source, known: Known) -> bool:
        """Record the ledger's state for a later trim. False if it has changed in the meantime."""
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
        """Archive these places outside the key's item. False if an intake started since the state was recorded."""
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
        """Return every place the key ever had, archived ones included."""
        return self._ever(source.source_id)

    def outlived(self, source_id: str, key: str) -> bool:
        """Whether a source, or a session, was forgotten, and no place of the layout that it has had since holds a
        key."""
        return FORGOTTEN_AT in self._get(source_id) and not any(map(key.startswith, self._ever(source_id)))

    def keys(self, source: Source) -> Iterator[str]:
        """Yield the keys of the ledger items that hold the places, the current one first."""
        return self._keys(source.source_id)

    def _ever(self, source_id: str) -> set[str]:
        return {place for key in self._keys(source_id) for place in places_in(self._get(key))}

    def _keys(self, source_id: str) -> Iterator[str]:
        yield source_id
        for number in range(1, number_in(self._get(source_id), _ARCHIVED) + 1):
            yield archive_key(source_id, number)

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
