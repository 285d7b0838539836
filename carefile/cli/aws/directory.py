"""The table `Patients`: who is listed, found by id, number, name or date of birth; stating and forgetting.

Invariants: an index item is written before the entry that it leads to and taken away before it is no longer true, so
every index item of a patient can be named from the entry alone; a tombstone is never replaced.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.core.deciding.identity import identity
from carefile.core.patients.dates import birth_date, dates_in
from carefile.core.patients.directory import MAX_MERGES, Listing
from carefile.core.patients.entries import Change, PatientEntry, Statement, change_between
from carefile.core.patients.names import name_words
from carefile.core.patients.near import near_misses
from carefile.core.records import patients as items
from carefile.core.records.patients import KEY, PART, Key

_READ, _WRITTEN = 100, 25  # DynamoDB, BatchGetItem and BatchWriteItem
_TRIES = 8
_FOUND = 200  # of one search


class Patients:
    def __init__(self, connection: Connection) -> None:
        self._dynamodb = connection.client("dynamodb")
        self._table = connection.output("PatientsTableName")

    # Who is listed

    def get(self, patient_id: str) -> PatientEntry | None:
        return self.get_many([patient_id])[0].get(identity(patient_id))

    def get_many(self, patient_ids: Iterable[str]) -> tuple[dict[str, PatientEntry], set[str]]:
        """The listed ones of these ids, and those whose patients were forgotten."""
        keys = {items.patient_key(one)[KEY]["S"]: one for one in map(identity, patient_ids)}
        found: dict[str, PatientEntry] = {}
        forgotten: set[str] = set()
        for item in self._get([items.patient_key(one) for one in keys.values()]):
            entry = items.entry_in(item)
            if entry is not None:
                found[entry.id] = entry
            elif items.FORGOTTEN_AT in item:
                forgotten.add(keys[item[KEY]["S"]])
        return found, forgotten

    def near(self, patient_id: str) -> list[PatientEntry]:
        """The listed patients whose id is one slip of the hand away."""
        found, _ = self.get_many(near_misses(identity(patient_id)))
        return [found[one] for one in sorted(found)]

    def any_is_listed(self, values: Iterable[str]) -> bool:
        """Whether one of these is the id, or a further identifier, of a listed patient."""
        ids = list(values)
        return bool(self.get_many(ids)[0]) or any(self._part_of(items.number_entry(one)) for one in ids)

    def are_one(self, values: Iterable[str]) -> bool:
        """Whether these, as ids or further identifiers, lead to several ids that one patient has now by merges."""
        ids = list(values)
        asked = {*map(identity, ids), *(one for it in ids for one in self._part_of(items.number_entry(it)))}
        listing = self.listing(asked)
        named = asked & listing.entries.keys()
        return len(named) > 1 and len({listing.clinic_id(one) for one in named}) == 1

    def listing(self, patient_ids: Iterable[str]) -> Listing:
        """What is listed of these ids, and of whom they were merged into."""
        entries, following = dict[str, PatientEntry](), set(patient_ids)
        for _ in range(MAX_MERGES):
            entries |= self.get_many(following)[0]
            merged = {one.merged_into for one in entries.values() if one.merged_into is not None}
            following = merged - entries.keys()
            if not following:
                break
        return Listing(entries)

    def all(self) -> Iterator[PatientEntry]:
        """Everybody, unordered, page by page."""
        pages = self._dynamodb.get_paginator("scan").paginate(
            TableName=self._table, FilterExpression="attribute_exists(patient_id)", ConsistentRead=True
        )
        for page in pages:
            yield from filter(None, map(items.entry_in, page["Items"]))

    def merged_into(self, patient_id: str) -> set[str]:
        """The ids that mean this patient by merges, of which one may lead to the next."""
        merged = {one.id: one.merged_into for one in self.all() if one.merged_into is not None}
        found, following = set[str](), {patient_id}
        while following := {one for one, into in merged.items() if into in following} - found:
            found |= following
        return found - {patient_id}

    def search(self, text: str) -> list[PatientEntry]:
        """Whoever has this id or number, or the names and the date of birth that stand in the text."""
        exact = [text, *self._part_of(items.number_entry(text))]
        found, _ = self.get_many(exact)
        if found:
            return [found[one] for one in sorted(found)]
        whole = birth_date(text)
        dates = {whole} if whole else dates_in(text)
        words = set(name_words(text))
        candidates: set[str] = set()
        if dates:
            for date in sorted(dates):
                candidates.update(self._part_of(items.birth_entry(date)))
        elif words:
            candidates.update(self._part_of(items.name_entry(max(words, key=len))))
        entries, _ = self.get_many(candidates)
        return [
            entry
            for _, entry in sorted(entries.items())
            if words <= {word for name in entry.names for word in name_words(name.in_full)}
        ]

    # Stating

    def state(
        self, patient_id: str, source: str, statement: Statement, known: PatientEntry | None
    ) -> tuple[Change, PatientEntry | None]:
        """Record what a source states of a patient, as far as that is new."""
        for _ in range(_TRIES):
            stated = (known or PatientEntry(patient_id)).stating(source, statement)
            if known is not None and stated == known:
                return Change.SAME, known
            self._index(items.index_change(known, stated))
            if self._put(stated, known):
                return change_between(known, stated), stated
            entries, forgotten = self.get_many([patient_id])
            known = entries.get(patient_id)
            if forgotten:
                self._index(items.unindexing(stated))
                return Change.FORGOTTEN, None
        raise RuntimeError("the entry changes faster than it can be written")

    def forget(self, patient_id: str, at: str) -> bool:
        """Leave nothing of a patient but a tombstone, which names nobody. Whether there was an entry.

        The entry of whoever was merged into the patient names the id: forget them as well, as `Person` does.
        """
        entry = self.get(patient_id)
        if entry is not None:
            self._index(items.unindexing(entry))
        done = self._dynamodb.put_item(
            TableName=self._table, Item=items.tombstone(identity(patient_id), at), ReturnValues="ALL_OLD"
        )
        return "patient_id" in done.get("Attributes", {})

    def _put(self, entry: PatientEntry, known: PatientEntry | None) -> bool:
        try:
            self._dynamodb.put_item(TableName=self._table, **items.replacing(entry, known))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _index(self, change: items.IndexChange) -> None:
        for start in range(0, len(change.writes), _WRITTEN):
            request: Any = {self._table: change.writes[start : start + _WRITTEN]}
            while request:
                request = self._dynamodb.batch_write_item(RequestItems=request).get("UnprocessedItems")
        for update in change.updates:
            self._dynamodb.update_item(TableName=self._table, **update)

    def _part_of(self, entry: str) -> list[str]:
        found = self._dynamodb.query(
            TableName=self._table,
            KeyConditionExpression="#entry = :entry",
            ExpressionAttributeNames={"#entry": KEY},
            ExpressionAttributeValues={":entry": {"S": entry}},
            Limit=_FOUND,
        )
        return [item[PART]["S"] for item in found["Items"]]

    def _get(self, keys: Sequence[Key]) -> Iterator[dict[str, Any]]:
        for start in range(0, len(keys), _READ):
            request: Any = {self._table: {"Keys": list(keys[start : start + _READ]), "ConsistentRead": True}}
            while request:
                found = self._dynamodb.batch_get_item(RequestItems=request)
                yield from found["Responses"].get(self._table, ())
                request = found.get("UnprocessedKeys")
