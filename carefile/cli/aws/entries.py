"""Catalog entries: one per source object, with the latest place it was filed at, and one per session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.patient_index import PatientIndex, Position
from carefile.core.model import Kind
from carefile.core.records.catalog import (
    CONTENT_INDEX,
    CONTENT_KEY,
    KEY,
    Entry,
    Item,
    is_tombstone,
    is_unfiled,
    listed_under,
    text_in,
)
from carefile.core.records.session_entries import (
    Place,
    Seen,
    SessionSummary,
    entry_at,
    is_session_key,
    part_in,
)

__all__ = ["Entries", "Entry", "Position", "SessionSummary", "record_of"]
_BATCH = 100  # DynamoDB, BatchGetItem


class Entries:
    def __init__(self, connection: Connection) -> None:
        self._client = connection.client("dynamodb")
        self._table = connection.catalog_table
        self._index = PatientIndex(self._client, self._table)

    def get(self, source_id: str) -> Entry | None:
        item = self._get(source_id)
        return Entry.of_item(item) if item else None

    def get_many(self, source_ids: Sequence[str]) -> dict[str, Entry]:
        """Return the existing entries by source."""
        return {key: Entry.of_item(item) for key, item in self.items(source_ids).items()}

    def items(self, keys: Sequence[str]) -> dict[str, Item]:
        """Return the existing items by key, of sources and of sessions."""
        items: dict[str, Item] = {}
        each = list(dict.fromkeys(keys))
        for start in range(0, len(each), _BATCH):
            batch = [{KEY: {"S": key}} for key in each[start : start + _BATCH]]
            request: Any = {self._table: {"Keys": batch, "ConsistentRead": True}}
            while request:
                found = self._client.batch_get_item(RequestItems=request)
                there = (item for item in found["Responses"].get(self._table, ()) if not is_tombstone(item))
                items |= {item[KEY]["S"]: item for item in there}
                request = found.get("UnprocessedKeys")
        return items

    def of_patient(self, patient: str | None) -> Iterator[Entry | SessionSummary]:
        """Yield a patient's documents and sessions (None: the unknown patient's), newest first, page by page."""
        if patient is not None:
            return self._listed(listed_under(patient))
        return self._listed(listed_under(None) + listed_under(None, nobodys=True))

    def waiting(self) -> Iterator[Entry | SessionSummary]:
        """Yield what waits for a person to decide whose it is, newest first, page by page: `reason` says why, and
        `cataloged_at` since when."""
        return self._listed(listed_under(None))

    def nobodys(self) -> Iterator[Entry | SessionSummary]:
        """Yield what a person decided to be no patient's, newest first, page by page."""
        return self._listed(listed_under(None, nobodys=True))

    def _listed(self, partitions: Sequence[str]) -> Iterator[Entry | SessionSummary]:
        items = self._index.items(partitions, most=_BATCH, newest_first=True)
        while batch := list(islice(items, _BATCH)):
            yield from filter(None, self._found_in(batch))

    def page_of_patient(
        self, patient: str | None, *, after: Position | None, most: int, newest_first: bool
    ) -> tuple[list[tuple[Position, Entry | SessionSummary]], bool]:
        """Return the next documents and sessions of a patient (None: what waits for a person), each with its position,
        and whether there are more. Sessions that need their whole item take one read more."""
        partitions = listed_under(patient)
        listing = self._index.items(partitions, most=most, newest_first=newest_first, after=after)
        items = list(islice(listing, most))
        found = zip(items, self._found_in(items), strict=True)
        return [(Position.of(item), one) for item, one in found if one], next(listing, None) is not None

    def taken_out_by(self, source_id: str) -> str | None:
        """Return who took a source out of the layout, where that is the last that happened to it."""
        found = self._client.get_item(TableName=self._table, Key={KEY: {"S": source_id}}, ConsistentRead=True)
        item = found.get("Item", {})
        return text_in(item, "decided_by") if is_unfiled(item) else None

    def same_bytes(self, entry: Entry) -> list[Entry]:
        """Return the entries of other documents with the same bytes, sorted by landing key."""
        if entry.content_digest is None:
            return []
        return [one for one in self.of_content(entry.content_digest) if one.source_id != entry.source_id]

    def of_content(self, content_digest: str) -> list[Entry]:
        """Return the entries of documents whose bytes have this digest, sorted by landing key."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=CONTENT_INDEX,
            KeyConditionExpression=f"{CONTENT_KEY} = :content",
            ExpressionAttributeValues={":content": {"S": content_digest}},
        )
        found = self.get_many([item[KEY]["S"] for page in pages for item in page["Items"]]).values()
        # The index lags behind by a moment, the entries do not.
        same = [one for one in found if one.content_digest == content_digest]
        return sorted(same, key=lambda one: (one.landing_key, one.landing_bucket))

    def sessions_of(self, patient: str | None) -> Iterator[SessionSummary]:
        """Yield a patient's sessions (None: the unknown patient's), newest first."""
        return (found for found in self.of_patient(patient) if isinstance(found, SessionSummary))

    def session(self, place: Place) -> SessionSummary | None:
        item = self._get(place.key)
        return SessionSummary.of_item(item) if item else None

    def in_session(self, place: Place) -> list[Entry]:
        """Return the entries of a session's objects, sorted by key."""
        present = [source_id for source_id, seen in self.seen_in(place).items() if seen.facts]
        return sorted(self.get_many(present).values(), key=lambda entry: entry.key)

    def seen_in(self, place: Place) -> dict[str, Seen]:
        """Return what a session's entry holds of its objects, in its item and its parts."""
        known = entry_at(place, self._get(place.key))
        if not known.parts:
            return dict(known.seen)
        parts = self.items([place.part(number) for number in range(known.parts)]).values()
        # An object may move between item and parts as they are read; it is in one that was read before or after.
        found: dict[str, Seen] = {}
        for seen in (known.seen, *map(part_in, parts), entry_at(place, self._get(place.key)).seen):
            newer = (one for one in seen if one not in found or found[one].revision < seen[one].revision)
            found |= {one: seen[one] for one in newer}
        return found

    def seen_of(self, place: Place, item: Item | None, source_ids: Sequence[str]) -> dict[str, Seen]:
        """Return what a session's entry holds of some of its objects. `item` is the session's."""
        known = entry_at(place, item)
        parts = self.items([place.part(number) for number in known.holding(source_ids)]).values()
        found = {one: row for part in parts for one, row in part_in(part).items()} | dict(known.seen)
        return {one: found[one] for one in source_ids if one in found}

    def all(self) -> Iterator[Entry]:
        """Yield the entry of every source, unordered, page by page."""
        for items in self.pages():
            for item in items:
                if not is_session_key(item[KEY]["S"]):
                    yield Entry.of_item(item)

    def pages(self) -> Iterator[list[Item]]:
        """Yield pages of all items, of sources and of sessions, unordered."""
        for page in self._client.get_paginator("scan").paginate(TableName=self._table, ConsistentRead=True):
            yield [item for item in page["Items"] if not is_tombstone(item)]

    def _found_in(self, items: Sequence[Item]) -> Iterator[Entry | SessionSummary | None]:
        """Yield what each item of the index stands for; None for a session that has no object left."""
        # The index does not project the number of snapshots, which sessions without messages need.
        whole = self.items([item[KEY]["S"] for item in items if _has_no_message(item)])
        for item in items:
            key = item[KEY]["S"]
            yield SessionSummary.of_item(whole.get(key, item)) if is_session_key(key) else Entry.of_item(item)

    def _get(self, key: str) -> dict[str, Any] | None:
        found = self._client.get_item(TableName=self._table, Key={KEY: {"S": key}}, ConsistentRead=True)
        item: dict[str, Any] | None = found.get("Item")
        return None if item is None or is_tombstone(item) else item


def _has_no_message(item: Item) -> bool:
    return is_session_key(item[KEY]["S"]) and item.get("messages", {}).get("N") == "0"


def record_of(found: Entry | SessionSummary) -> dict[str, Any]:
    """Convert an entry to its JSON form."""
    if isinstance(found, SessionSummary):
        return {"kind": Kind.SESSION.value, **asdict(found)}
    return {
        "key": found.landing_key,
        "kind": found.kind,
        "patient": found.patient,
        "reason": found.reason,
        "session_id": found.session_id,
        "landing_bucket": found.landing_bucket,
        "landing_version": found.landing_version,
        "bucket": found.bucket,
        "prefix": found.prefix,
        "filed_key": found.key,
        "size": found.size,
        "revision": found.revision,
        "modified": found.modified,
        "cataloged_at": found.cataloged_at,
        "execution": found.execution,
        "source_id": found.source_id,
        **({CONTENT_KEY: found.content_digest} if found.content_digest else {}),
        **({"decision": found.decision.to_json()} if found.decision else {}),
        **({"is_nobodys": True} if found.is_nobodys else {}),
        **({"suggested": list(found.suggested)} if found.suggested else {}),
    }
