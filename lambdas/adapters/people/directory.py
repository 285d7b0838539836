"""The patient directory as functions read it: items and indexes, strongly consistent. They never write it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from carefile.core.patients.directory import MAX_MERGES, Listing, Wanted
from carefile.core.patients.entries import Identifier, PatientEntry
from carefile.core.records.patients import (
    KEY,
    OWNERS,
    PART,
    Key,
    birth_entry,
    entry_in,
    identifier_key,
    name_entry,
    number_entry,
    patient_key,
)
from lambdas.adapters.items import Items, read_items

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_CROWD = 200  # patients of one date or word: with more, it says too little
_ASK_AGAIN = 900  # seconds
_FEW = 20  # patients with one word of a name whose other words nobody has


class Directory:
    def __init__(self, dynamodb: DynamoDBClient, table: str) -> None:
        self._dynamodb = dynamodb
        self._table = table

        self._filled, self._asked_at = False, -math.inf

    def is_filled(self) -> bool:
        """Whether anybody is listed. DynamoDB counts a table's items every six hours, and charges nothing for it."""
        if not self._filled and time.monotonic() - self._asked_at > _ASK_AGAIN:
            self._asked_at = time.monotonic()
            table = self._dynamodb.describe_table(TableName=self._table)["Table"]
            self._filled = table.get("ItemCount", 0) > 0
        return self._filled

    def count(self) -> int:
        """How many patients are listed, as DynamoDB counted them last, in the index that holds nothing else."""
        table = self._dynamodb.describe_table(TableName=self._table)["Table"]
        return sum(index.get("ItemCount", 0) for index in table.get("GlobalSecondaryIndexes", ()))

    def keys(self, wanted: Wanted) -> dict[str, list[Key]]:
        """What `look_up` reads first, for whoever reads it with something else."""
        ids, identifiers = sorted(wanted.ids | wanted.numbers), sorted(wanted.identifiers)
        return {self._table: [*map(patient_key, ids), *map(identifier_key, identifiers)]}

    def look_up(self, wanted: Wanted, read: Items | None = None) -> Listing:
        """What is listed of what is wanted: one request, which was made if its answer is among what was `read`, one for
        each index that has to be asked, and one more for each step that leads from an index to its patients, or from a
        merged patient to the one they are now."""
        identifiers = {identifier_key(one)[KEY]["S"]: one for one in wanted.identifiers}
        asked = wanted.ids | wanted.numbers
        found = self._get(self.keys(wanted)[self._table]) if read is None else read.get(self._table, ())
        entries: dict[str, PatientEntry] = {}
        owners: dict[Identifier, frozenset[str]] = {}
        crowded: set[str] = set()
        following: set[str] = set()
        for step in range(MAX_MERGES):
            for item in found:
                if identifier := identifiers.get(item[KEY]["S"]):
                    owners[identifier] = frozenset(item.get(OWNERS, {}).get("SS", ()))
                    following |= owners[identifier]
                elif entry := entry_in(item):
                    entries[entry.id] = entry
                    following |= {entry.merged_into} if entry.merged_into is not None else set()
            if step == 0:
                candidates, crowded = self._candidates(wanted, entries)
                following |= candidates
            keys = list(map(patient_key, sorted(following - asked)))
            if not keys:
                break
            found = self._get(keys)
            asked |= following
        return Listing(entries, dict(_confirmed(owners, entries)), frozenset(crowded))

    def _candidates(self, wanted: Wanted, listed: Mapping[str, PatientEntry]) -> tuple[set[str], set[str]]:
        """Whom the indexes lead to, and what in them leads to too many."""
        found: set[str] = set()
        crowded: set[str] = set()
        for number in sorted(wanted.numbers - listed.keys()):
            found |= self._of_index(number_entry(number)) or set()
        for date in sorted(wanted.birth_dates):
            born = self._of_index(birth_entry(date))
            if born is None:
                crowded.add(date)
            found |= born or set()
        words = {word: self._of_index(name_entry(word)) for word in sorted(frozenset().union(*wanted.names))}
        crowded |= {word for word, patients in words.items() if patients is None}
        for name in wanted.names:
            named = Counter(one for word in name for one in words[word] or ())
            several = {one for one, times in named.items() if times >= 2 or len(name) == 1}
            few = min((them for word in name if (them := words[word])), key=len, default=set())
            found |= several or (few if len(few) <= _FEW else set())
        return found, crowded

    def _of_index(self, entry: str) -> set[str] | None:
        """The patients in an index; None where these are too many to look at."""
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="#entry = :entry",
            ExpressionAttributeNames={"#entry": KEY},
            ExpressionAttributeValues={":entry": {"S": entry}},
            ConsistentRead=True,
            Limit=_CROWD + 1,
        )
        return None if len(found["Items"]) > _CROWD else {item[PART]["S"] for item in found["Items"]}

    def _get(self, keys: Sequence[Key]) -> Sequence[dict[str, Any]]:
        return read_items(self._dynamodb, {self._table: keys})[self._table]


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
