"""The catalog's entries: one a source object, the newest place it was filed at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carefile.connection import Connection

PATIENT_INDEX = "by-patient"
_UNKNOWN = "UNKNOWN"
_PATIENT = "PATIENT#"
_BATCH = 100  # DynamoDB, BatchGetItem


@dataclass(frozen=True, slots=True)
class Entry:
    source_id: str
    patient: str | None
    reason: str | None
    kind: str
    session_id: str | None
    landing_bucket: str
    landing_key: str
    landing_version: str | None
    bucket: str
    prefix: str
    key: str
    execution: str
    cataloged_at: str
    size: int
    revision: int

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.landing_key,
            "kind": self.kind,
            "patient": self.patient,
            "reason": self.reason,
            "session_id": self.session_id,
            "landing_bucket": self.landing_bucket,
            "landing_version": self.landing_version,
            "bucket": self.bucket,
            "prefix": self.prefix,
            "filed_key": self.key,
            "size": self.size,
            "revision": self.revision,
            "cataloged_at": self.cataloged_at,
            "execution": self.execution,
            "source_id": self.source_id,
        }


class Entries:
    def __init__(self, connection: Connection) -> None:
        self._client = connection.client("dynamodb")
        self._table = connection.catalog_table

    def get(self, source_id: str) -> Entry | None:
        found = self._client.get_item(
            TableName=self._table, Key={"source_id": {"S": source_id}}, ConsistentRead=True
        )
        return entry_of(found["Item"]) if "Item" in found else None

    def get_many(self, source_ids: Sequence[str]) -> dict[str, Entry]:
        """The entries that there are, by source."""
        entries: dict[str, Entry] = {}
        each = list(dict.fromkeys(source_ids))
        for start in range(0, len(each), _BATCH):
            keys = [{"source_id": {"S": item}} for item in each[start : start + _BATCH]]
            asked: Any = {self._table: {"Keys": keys, "ConsistentRead": True}}
            while asked:
                found = self._client.batch_get_item(RequestItems=asked)
                for item in found["Responses"].get(self._table, ()):
                    entry = entry_of(item)
                    entries[entry.source_id] = entry
                asked = found.get("UnprocessedKeys")
        return entries

    def of_patient(self, patient: str | None) -> Iterator[Entry]:
        """All of a patient's entries, or of nobody known (None), newest first, page by page."""
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            IndexName=PATIENT_INDEX,
            KeyConditionExpression="patient_ref_key = :who",
            ExpressionAttributeValues={
                ":who": {"S": _UNKNOWN if patient is None else f"{_PATIENT}{patient}"}
            },
            ScanIndexForward=False,
        )
        for page in pages:
            yield from map(entry_of, page["Items"])

    def all(self) -> Iterator[Entry]:
        """Every entry, in no order, page by page."""
        for page in self._client.get_paginator("scan").paginate(TableName=self._table):
            yield from map(entry_of, page["Items"])


def entry_of(item: Mapping[str, Any]) -> Entry:
    def text(name: str) -> str | None:
        found: str | None = item.get(name, {}).get("S")
        return found

    who = text("patient_ref_key") or _UNKNOWN
    return Entry(
        source_id=item["source_id"]["S"],
        patient=who.removeprefix(_PATIENT) if who.startswith(_PATIENT) else None,
        reason=text("reason"),
        kind=text("kind") or "",
        session_id=text("session_id"),
        landing_bucket=text("landing_bucket") or "",
        landing_key=text("landing_key") or "",
        landing_version=text("landing_version"),
        bucket=text("bucket") or "",
        prefix=text("prefix") or "",
        key=text("key") or "",
        execution=text("execution") or "",
        cataloged_at=text("cataloged_at") or "",
        size=int(item.get("size", {}).get("N", 0)),
        revision=int(item.get("revision", {}).get("N", 0)),
    )
