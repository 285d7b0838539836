"""Catalog entries: one per source object, with the latest place it was filed at, and one per session."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from heapq import merge
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.core.model import Kind
from carefile.core.records.catalog import (
    CONTENT_INDEX,
    CONTENT_KEY,
    INDEX_KEYS,
    KEY,
    PATIENT_INDEX,
    Entry,
    Item,
    is_tombstone,
    is_unfiled,
    patient_ref_key,
    text_in,
)
from carefile.core.records.session_entries import Place, SessionSummary, entry_at, is_session_key

__all__ = ["Entries", "Entry", "Position", "SessionSummary", "record_of"]
_BATCH = 100  # DynamoDB, BatchGetItem


@dataclass(frozen=True, slots=True)
class Position:
    """Where something stands in the listing of a patient."""

    listed_at: str
    key: str


class Entries:
    def __init__(self, connection: Connection) -> None:
        self._client = connection.client("dynamodb")
        self._table = connection.catalog_table

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
            return self._listed(patient_ref_key(patient))
        both = self.waiting(), self.nobodys()
        return merge(*both, key=lambda found: found.cataloged_at, reverse=True)

    def waiting(self) -> Iterator[Entry | SessionSummary]:
        """Yield what waits for a person to decide whose it is, newest first, page by page: `reason` says why, and
        `cataloged_at` since when."""
        return self._listed(patient_ref_key(None))

    def nobodys(self) -> Iterator[Entry | SessionSummary]:
        """Yield what a person decided to be no patient's, newest first, page by page."""
        return self._listed(patient_ref_key(None, nobodys=True))

    def _listed(self, listed: str) -> Iterator[Entry | SessionSummary]:
        who, _ = INDEX_KEYS
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=PATIENT_INDEX,
            KeyConditionExpression=f"{who} = :who",
            ExpressionAttributeValues={":who": {"S": listed}},
            ScanIndexForward=False,
        )
        for page in pages:
            yield from filter(None, self._found_in(page["Items"]))

    def page_of_patient(
        self, patient: str | None, *, after: Position | None, most: int, newest_first: bool
    ) -> tuple[list[tuple[Position, Entry | SessionSummary]], bool]:
        """Return the next documents and sessions of a patient (None: the unknown patient's), each with its position,
        and whether there may be more. One Query, and one read for sessions that need their whole item."""
        who, when = INDEX_KEYS
        key = patient_ref_key(patient)
        start = (
            {"ExclusiveStartKey": {who: {"S": key}, when: {"S": after.listed_at}, KEY: {"S": after.key}}}
            if after
            else {}
        )
        page = self._client.query(
            TableName=self._table,
            IndexName=PATIENT_INDEX,
            KeyConditionExpression=f"{who} = :who",
            ExpressionAttributeValues={":who": {"S": key}},
            ScanIndexForward=not newest_first,
            Limit=most,
            **start,
        )
        items = page["Items"]
        found = zip(items, self._found_in(items), strict=True)
        listed = [(Position(item[when]["S"], item[KEY]["S"]), one) for item, one in found if one]
        return listed, "LastEvaluatedKey" in page

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
        present = entry_at(place, self._get(place.key)).present
        return sorted(self.get_many(list(present)).values(), key=lambda entry: entry.key)

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
