"""The patient directory as functions read it: single items, strongly consistent. They never write it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from carefile.core.errors import StorageThrottled
from carefile.core.patients.directory import MAX_MERGES, Listing, Wanted
from carefile.core.patients.entries import Identifier, PatientEntry
from carefile.core.records.patients import KEY, OWNERS, Key, entry_in, identifier_key, patient_key

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_BATCH = 100  # DynamoDB, BatchGetItem: up to 100 items


class Directory:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

    def look_up(self, wanted: Wanted) -> Listing:
        """What is listed of these ids and identifiers: one request, and one more for each step that leads from an
        identifier to its patient, or from a merged patient to the one they are now."""
        identifiers = {identifier_key(one)[KEY]["S"]: one for one in wanted.identifiers}
        keys = [*map(patient_key, sorted(wanted.ids)), *map(identifier_key, sorted(wanted.identifiers))]
        entries: dict[str, PatientEntry] = {}
        owners: dict[Identifier, frozenset[str]] = {}
        asked = set(wanted.ids)
        for _ in range(MAX_MERGES):
            following: set[str] = set()
            for item in self._get(keys):
                if identifier := identifiers.get(item[KEY]["S"]):
                    owners[identifier] = frozenset(item.get(OWNERS, {}).get("SS", ()))
                    following |= owners[identifier]
                elif entry := entry_in(item):
                    entries[entry.id] = entry
                    following |= {entry.merged_into} if entry.merged_into is not None else set()
            keys = list(map(patient_key, sorted(following - asked)))
            if not keys:
                break
            asked |= following
        return Listing(entries, dict(_confirmed(owners, entries)))

    def _get(self, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(keys), _BATCH):
            batch = keys[start : start + _BATCH]
            found = self._dynamodb.batch_get_item(
                RequestItems={self._table: {"Keys": batch, "ConsistentRead": True}}
            )
            if found.get("UnprocessedKeys"):
                raise StorageThrottled(
                    "Unprocessed from BatchGetItem: the patient directory did not answer for every item"
                )
            yield from map(dict, found["Responses"].get(self._table, []))


def _confirmed(
    owners: dict[Identifier, frozenset[str]], entries: dict[str, PatientEntry]
) -> Iterator[tuple[Identifier, frozenset[str]]]:
    """Yield each identifier with the patients whose own entries confirm it."""
    for identifier, patients in owners.items():
        yield (
            identifier,
            frozenset(
                one for one in patients if (entry := entries.get(one)) and identifier in entry.identifiers
            ),
        )
