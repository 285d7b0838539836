"""Compare the catalog with S3 and reconstruct its entries from S3 alone: from manifests, stamps, tags and sizes.

Two passes, page by page, in constant memory. The first, over the catalog: does S3 hold what each entry shows, and does
each session's entry match its objects' entries? The second, over the layout: does the catalog have an entry for each
object? Session entries follow automatically from the entries that a restore writes. Nothing here changes anything.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields, replace
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.objects import head, is_gone
from carefile.cli.checks.adopted import entry_in_place
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import manifest_key
from carefile.core.filing.stamps import ROLE, stamp_in
from carefile.core.messages.events import iso_8601
from carefile.core.model import Source
from carefile.core.records.catalog import Item
from carefile.core.records.recovery import (
    Standing,
    entry_of_document,
    entry_of_session_object,
    equal_but_for_the_execution,
)
from carefile.core.records.session_entries import Place, Seen, facts_of, is_session_key

_THREADS = 24
_BATCH = 240
_FOLDERS = 4096
_NOT_IN_S3 = frozenset({"execution", "cataloged_at"})
T = TypeVar("T")


class Difference(StrEnum):
    """`missing`: an object without a catalog entry. `older`: the catalog shows an older revision. `different`: the same
    revision with different facts. `unsupported`: an entry whose object S3 does not hold. `session`: a session's entry
    does not match its objects' entries. `unexplained`: filed or adopted, but its entry cannot be reconstructed."""

    MISSING = "missing"
    OLDER = "older"
    DIFFERENT = "different"
    UNSUPPORTED = "unsupported"
    SESSION = "session"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference, and its fix: an entry to write or delete, or changes for a session's entry."""

    difference: Difference
    bucket: str
    key: str
    why: str
    entry: Entry | None = None
    changes: tuple[Item, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {
            "difference": self.difference.value,
            "bucket": self.bucket,
            "key": self.key,
            "why": self.why,
            "source_id": self.entry.source_id if self.entry else None,
        }


class Comparison:
    """`passed` is called with the number of entries and objects compared. Entries cataloged after `grace` are skipped
    if related changes may still be in progress."""

    def __init__(
        self, connection: Connection, rules: RuleTable, grace: datetime, passed: Callable[[int], None]
    ) -> None:
        self._connection, self._rules = connection, rules
        self._entries = Entries(connection)
        self._grace, self._passed = grace, passed
        self._s3 = connection.client("s3")
        self._manifest = lru_cache(maxsize=_FOLDERS)(self._read_manifest)

    def findings(self) -> Iterator[Finding]:
        with ThreadPoolExecutor(_THREADS) as pool:
            for items in self._entries.pages():
                entries = [
                    Entry.of_item(item) for item in items if not is_session_key(item["source_id"]["S"])
                ]
                yield from (found for found in pool.map(self._unsupported, entries) if found)
                yield from self._missed_by_sessions([entry for entry in entries if entry.is_session])
                yield from self._wrong_in_sessions(items)
                self._passed(len(items))
            for batch in _batches(self._keys()):
                folders = {key: self._folder(key) for key in batch}
                names = list(dict.fromkeys(folders.values()))
                manifests = dict(zip(names, pool.map(self._manifest, map(manifest_key, names)), strict=True))
                pairs = [(key, folders[key], manifests[folders[key]]) for key in batch]
                rebuilt = [found for found in pool.map(lambda it: self._rebuild(*it), pairs) if found]
                entries = [found for found in rebuilt if isinstance(found, Entry)]
                known = self._entries.get_many([entry.source_id for entry in entries])
                yield from (found for found in rebuilt if isinstance(found, Finding))
                yield from (found for one in entries if (found := _compare(one, known.get(one.source_id))))
                self._passed(len(batch))

    # catalog → S3

    def _unsupported(self, entry: Entry) -> Finding | None:
        if self._is_young(entry):
            return None
        found = head(self._connection, entry.bucket, entry.key)
        stamp = stamp_in(found.get("Metadata", {})) if found else None
        if found and (stamp is None or stamp.source_id == entry.source_id):
            return None
        why = "its object does not exist" if found is None else "its place holds another source's object"
        return Finding(Difference.UNSUPPORTED, entry.bucket, entry.key, why, entry)

    def _missed_by_sessions(self, entries: list[Entry]) -> Iterator[Finding]:
        """Find sessions whose entry lacks an object or shows it out of date."""
        settled = [entry for entry in entries if not self._is_young(entry)]
        places = {entry.source_id: Place(entry.bucket, entry.prefix) for entry in settled}
        items = self._entries.items([place.key for place in places.values()])
        sources: dict[Place, list[str]] = {}
        for source_id, place in places.items():
            sources.setdefault(place, []).append(source_id)
        seen = {
            place: self._entries.seen_of(place, items.get(place.key), its) for place, its in sources.items()
        }
        missed: dict[Place, list[Entry]] = {}
        for entry in settled:
            place = places[entry.source_id]
            if seen[place].get(entry.source_id) != Seen(entry.revision, facts_of(entry)):
                missed.setdefault(place, []).append(entry)
        for place, found in missed.items():
            changes = tuple(_change(entry, "OldImage") for entry in found)
            changes += tuple(_change(entry, "NewImage") for entry in found)
            why = f"its entry lacks {len(found)} of its objects, or shows them out of date"
            yield Finding(Difference.SESSION, place.bucket, place.prefix, why, changes=changes)

    def _wrong_in_sessions(self, items: list[Item]) -> Iterator[Finding]:
        """Find sessions whose entry counts objects that do not belong to them."""
        for item in items:
            if not is_session_key(item["source_id"]["S"]) or "prefix" not in item:
                continue
            place = Place(item["bucket"]["S"], item["prefix"]["S"])
            present = [source for source, seen in self._entries.seen_in(place).items() if seen.facts]
            entries = self._entries.get_many(present)
            wrong = [source for source in present if not self._belongs(entries.get(source), place)]
            if wrong:
                changes = tuple(_forgotten(source, place) for source in wrong)
                why = f"its entry counts {len(wrong)} objects that do not belong to it"
                yield Finding(Difference.SESSION, place.bucket, place.prefix, why, changes=changes)

    def _belongs(self, entry: Entry | None, place: Place) -> bool:
        if entry is None:
            return False
        return self._is_young(entry) or (entry.is_session and Place(entry.bucket, entry.prefix) == place)

    def _is_young(self, entry: Entry) -> bool:
        return datetime.fromisoformat(entry.cataloged_at) > self._grace

    # S3 → catalog

    def _keys(self) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._connection.processed, Prefix=self._connection.layout.prefix
        )
        for page in pages:
            yield from (item["Key"] for item in page.get("Contents", ()))

    def _folder(self, key: str) -> str:
        layout = self._connection.layout
        standing = layout.standing(key)
        return standing.folder if standing else layout.session_folder_of(key) or f"{key.rpartition('/')[0]}/"

    def _rebuild(self, key: str, folder: str, manifest: dict[str, Any] | None) -> Entry | Finding | None:
        """Reconstruct an object's entry from S3. None for objects that represent no source: a claim, a document's
        artifact, or what no intake wrote."""
        is_manifest = key == manifest_key(folder)
        is_session = self._connection.layout.session_folder_of(key) is not None
        if manifest is not None and manifest.get("adopted"):
            return None if is_manifest else self._adopted(key)
        if not is_manifest and not is_session:
            return None
        found = head(self._connection, self._connection.processed, key)
        stamp = stamp_in(found.get("Metadata", {})) if found else None
        if found is None or stamp is None:
            return None
        standing = Standing(
            self._connection.processed, key, found["ContentLength"], iso_8601(found["LastModified"]), stamp
        )
        if found["Metadata"].get(ROLE) == "manifest":
            entry = entry_of_document(standing, manifest) if manifest else None
        else:
            entry = entry_of_session_object(standing, folder, manifest) if manifest and is_session else None
        return entry or Finding(
            Difference.UNEXPLAINED,
            standing.bucket,
            key,
            "its stamp and its folder's manifest do not identify its source",
        )

    def _adopted(self, key: str) -> Entry | Finding | None:
        """Reconstruct an adopted object's entry. Without an adoption tag or an entry it may never have been adopted."""
        source = Source(self._connection.processed, key)
        entry = entry_in_place(self._connection, self._rules, source)
        if entry or self._entries.get(source.source_id):
            return entry
        why = "no intake wrote it, and it is not marked as adopted: `carefile adopt` catalogs it"
        return Finding(Difference.UNEXPLAINED, source.bucket, key, why)

    def _read_manifest(self, key: str) -> dict[str, Any] | None:
        try:
            body = self._s3.get_object(Bucket=self._connection.processed, Key=key)["Body"].read()
            manifest = json.loads(body)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        except ValueError:
            return None
        return manifest if isinstance(manifest, dict) else None


def _compare(rebuilt: Entry, known: Entry | None) -> Finding | None:
    where = (rebuilt.bucket, rebuilt.key)
    if known is None:
        return Finding(Difference.MISSING, *where, "the catalog has no entry for its source", rebuilt)
    if known.revision < rebuilt.revision:
        why = f"the catalog shows revision {known.revision}, S3 holds revision {rebuilt.revision}"
        return Finding(Difference.OLDER, *where, why, rebuilt)
    if known.revision > rebuilt.revision or equal_but_for_the_execution(known, rebuilt):
        return None  # leftovers of older revisions are the reconciliation's concern
    names = [
        field.name for field in fields(Entry) if getattr(known, field.name) != getattr(rebuilt, field.name)
    ]
    why = f"the catalog differs in {', '.join(name for name in names if name not in _NOT_IN_S3)}"
    kept = replace(rebuilt, execution=known.execution, cataloged_at=known.cataloged_at)
    return Finding(Difference.DIFFERENT, *where, why, kept)


def _change(entry: Entry, image: str) -> Item:
    return {"dynamodb": {image: entry.to_item()}}


def _forgotten(source_id: str, place: Place) -> Item:
    texts = {"source_id": source_id, "kind": "session", "bucket": place.bucket, "prefix": place.prefix}
    return {"dynamodb": {"OldImage": {name: {"S": value} for name, value in texts.items()}}}


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(islice(source, _BATCH)):
        yield batch
