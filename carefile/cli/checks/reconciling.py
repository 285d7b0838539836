"""Compare the landing bucket, the processed bucket and the catalog, page by page.

Three passes, each in constant memory and with a few dozen concurrent requests:
    landing     every current version: does the catalog show it, and does its tag agree? And uploads hidden by a delete
                marker or an empty version: do their tags record how their intakes ended?
    processed   every object: does its source's catalog entry point here, and are its tags right?
    catalog     every entry: does its object exist, in that version? Are a document's bytes filed from another key too?
Objects younger than the grace period may still be in progress and are skipped. Nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from typing import Any, TypeVar

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.objects import FiledObject, filed_object, tags
from carefile.cli.rule_table import rules_of
from carefile.core.filing.layout import MANIFEST
from carefile.core.filing.tagging import MANIFEST_KIND, STATUS_TAG, PipelineStatus, layout_tags, manifest_tags
from carefile.core.model import Kind, Patient, Source

_ONE_MOVE = timedelta(days=1)
_THREADS = 24
_BATCH = 240
_FIXED = ("kind", "patient-status")
T = TypeVar("T")
R = TypeVar("R")


class Fault(StrEnum):
    """`missed`: uploaded, never filed. `failed`: its intake failed. `stale`: an older version is filed. `lost`: in the
    catalog, but missing from S3. `orphaned`: filed in a place that the catalog does not show. `uncataloged`: filed, but
    its source has no catalog entry. `mistagged`: its tags are wrong. `foreign`: no intake wrote it. `moved`: its upload
    was deleted, and the same bytes are filed from another key. `shared`: the same bytes are filed under another
    patient, which may be right."""

    MISSED = "missed"
    FAILED = "failed"
    STALE = "stale"
    LOST = "lost"
    ORPHANED = "orphaned"
    UNCATALOGED = "uncataloged"
    MISTAGGED = "mistagged"
    FOREIGN = "foreign"
    MOVED = "moved"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Finding:
    """An inconsistency. `source` is the landing key to submit again, if known; `hidden_version` its upload whose intake
    has to end, if that is not the filed one; `tags` the correct tags, if the present ones are wrong."""

    fault: Fault
    bucket: str
    key: str
    why: str
    source: Source | None = None
    tags: dict[str, str] | None = None
    hidden_version: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "fault": self.fault.value,
            "bucket": self.bucket,
            "key": self.key,
            "why": self.why,
            "source": {"bucket": self.source.bucket, "key": self.source.key} if self.source else None,
        }


@dataclass(frozen=True, slots=True)
class _Landed:
    source: Source
    version_id: str | None
    size: int
    hidden: bool = False


class Reconciler:
    """`passed` is called with the number of objects and entries compared; `ignored` counts leftovers of tools, `alike`
    documents with the same bytes as another one of their patient."""

    def __init__(
        self, connection: Connection, grace: datetime, *, look_at_tags: bool, passed: Callable[[int], None]
    ) -> None:
        self._connection = connection
        self._entries = Entries(connection)
        self._grace, self._look_at_tags, self._passed = grace, look_at_tags, passed
        self._rules = rules_of(connection)
        self.ignored = self.alike = 0
        self._s3 = connection.client("s3")

    def count(self) -> int:
        """Count the objects and entries to compare, by listing only."""
        landed, self.ignored = sum(1 for _ in self._landed()), 0
        return landed + sum(1 for _ in self._layout_keys()) + sum(1 for _ in self._entries.all())

    def findings(self) -> Iterator[Finding]:
        with ThreadPoolExecutor(_THREADS) as pool:
            for walk in (self._of_landing, self._of_processed, self._of_catalog):
                yield from walk(pool)

    # landing → catalog

    def _of_landing(self, pool: ThreadPoolExecutor) -> Iterator[Finding]:
        for batch in _batches(self._landed()):
            entries = self._entries.get_many([item.source.source_id for item in batch])
            found = pool.map(lambda item, known=entries: self._landing(item, known), batch)
            yield from (item for item in found if item)
            self._passed(len(batch))

    def _landed(self) -> Iterator[_Landed]:
        """Yield every current version that the pipeline would ingest, and what a delete marker or an empty version
        hides: empty versions down to the newest that is not, except those younger than the grace period."""
        connection = self._connection
        hiding: set[str] = set()
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=connection.landing):
            markers = [item for item in page.get("DeleteMarkers", ()) if item["IsLatest"]]
            hiding |= {item["Key"] for item in markers if item["LastModified"] <= self._grace}
            for item in page.get("Versions", ()):
                key, version_id = item["Key"], item.get("VersionId")
                if key.endswith("/") or connection.layout.holds(key):
                    continue
                if self._rules.ignores(key):
                    self.ignored += bool(item["IsLatest"])
                    continue
                if item["IsLatest"]:
                    if item["LastModified"] > self._grace:
                        continue
                    if not item["Size"]:
                        hiding.add(key)
                elif key not in hiding:
                    continue
                yield _Landed(
                    Source(connection.landing, key),
                    None if version_id == "null" else version_id,
                    item["Size"],
                    hidden=not item["IsLatest"],
                )
                if not item["IsLatest"] and item["Size"]:
                    hiding.remove(key)
            hiding &= {page.get("NextKeyMarker")}

    def _landing(self, item: _Landed, entries: dict[str, Entry]) -> Finding | None:
        source, entry = item.source, entries.get(item.source.source_id)
        where = (source.bucket, source.key)
        if item.hidden:
            return self._hidden(item, entry)
        if entry and (item.version_id is None or entry.landing_version == item.version_id):
            if not self._look_at_tags:
                return None
            status = (tags(self._connection, *where, item.version_id) or {}).get(STATUS_TAG)
            if status in (None, PipelineStatus.CATALOGED.value, PipelineStatus.SUPERSEDED.value):
                untagged = status is None
                why = "filed, but its pipeline-status tag is missing"
                return Finding(Fault.MISTAGGED, *where, why, source) if untagged else None
            return Finding(Fault.MISTAGGED, *where, f"filed, but tagged {status}", source)
        status = (tags(self._connection, *where, item.version_id) or {}).get(STATUS_TAG)
        if entry is None and self._taken_out(source, status):
            return None
        if status == PipelineStatus.FAILED.value:
            empty = ": it is empty and will be rejected; upload it again" if item.size == 0 else ""
            return Finding(Fault.FAILED, *where, f"its intake failed{empty}", None if empty else source)
        if item.size == 0:
            why = "empty, and its rejection was never recorded"
            return Finding(Fault.MISSED, *where, why, source, hidden_version=item.version_id)
        if entry is None and status == PipelineStatus.CATALOGED.value:
            return Finding(
                Fault.UNCATALOGED, *where, "filed according to its tag, but not in the catalog", source
            )
        if entry:
            return Finding(Fault.STALE, *where, f"the older version {entry.landing_version} is filed", source)
        return Finding(Fault.MISSED, *where, "uploaded, but never filed", source)

    def _hidden(self, item: _Landed, entry: Entry | None) -> Finding | None:
        """Check an upload that was deleted, or followed by an empty one: it is filed, or its tag records how its intake
        ended. A `cataloged` tag may have come along with a copy."""
        where = (item.source.bucket, item.source.key)
        shown = entry is not None and entry.landing_version == item.version_id
        if shown and not self._look_at_tags:
            return None
        present = tags(self._connection, *where, item.version_id)
        if present is None:
            return None  # deleted since it was listed
        status = present.get(STATUS_TAG)
        if status is not None and (shown or status != PipelineStatus.CATALOGED.value):
            return None
        if item.size and entry is None and self._taken_out(item.source, status):
            return None
        fault, why = Fault.MISSED, "uploaded, since deleted or emptied, and its outcome was never recorded"
        if shown:
            fault, why = Fault.MISTAGGED, "filed, but its pipeline-status tag is missing"
        return Finding(fault, *where, why, item.source, hidden_version=item.version_id)

    def _taken_out(self, source: Source, status: str | None) -> bool:
        """Return whether an intake of this upload has ended, and a person took the object out of the layout."""
        ended = status in (PipelineStatus.UNFILED.value, PipelineStatus.CATALOGED.value)
        return ended and self._entries.taken_out_by(source.source_id) is not None

    # processed → catalog

    def _of_processed(self, pool: ThreadPoolExecutor) -> Iterator[Finding]:
        for batch in _batches(self._layout_keys()):
            filed = [item for item in pool.map(self._filed, batch) if item]
            entries = self._entries.get_many([item.source_id or self._itself(item) for item in filed])
            found = pool.map(lambda item, known=entries: self._processed(item, known), filed)
            yield from (item for item in found if item)
            self._passed(len(batch))

    def _layout_keys(self) -> Iterator[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._connection.processed, Prefix=self._connection.layout.prefix
        )
        for page in pages:
            for item in page.get("Contents", ()):
                if item["LastModified"] <= self._grace:
                    yield item["Key"]

    def _itself(self, filed: FiledObject) -> str:
        """Return the source id of an adopted object: it is its own source."""
        return Source(self._connection.processed, filed.key).source_id

    def _filed(self, key: str) -> FiledObject | None:
        return filed_object(self._connection, key)

    def _processed(self, filed: FiledObject, entries: dict[str, Entry]) -> Finding | None:
        where = (self._connection.processed, filed.key)
        if filed.source_id is None:
            # A folder's claim carries no stamp: it represents a session, or an abandoned folder.
            claim = filed.key.rpartition("/")[2] == MANIFEST
            adopted = entries.get(self._itself(filed))
            if claim:
                return self._of_claim(filed) if self._look_at_tags else None
            if adopted and adopted.landing_version in (None, filed.version_id):
                return None
            return Finding(Fault.FOREIGN, *where, "no intake wrote it; `carefile adopt` catalogs it in place")
        entry = entries.get(filed.source_id)
        if entry is None:
            return Finding(Fault.UNCATALOGED, *where, "filed, but its source is not in the catalog")
        source = Source(entry.landing_bucket, entry.landing_key)
        here = filed.key == entry.key if entry.kind == Kind.SESSION else filed.key.startswith(entry.prefix)
        if not here:
            return Finding(Fault.ORPHANED, *where, f"the catalog shows its source in {entry.prefix}", source)
        if entry.landing_version and filed.version != entry.landing_version:
            return Finding(Fault.STALE, *where, f"of version {filed.version}, not the cataloged one", source)
        return self._tags_of(filed, entry) if self._look_at_tags else None

    def _of_claim(self, filed: FiledObject) -> Finding | None:
        """Check that no lifecycle rule about documents or sessions takes a folder's claim away: adoption once gave it
        the kind of what it claims."""
        where = (self._connection.processed, filed.key)
        present = tags(self._connection, *where)
        if present is None or present.get("kind") == MANIFEST_KIND:
            return None
        return Finding(Fault.MISTAGGED, *where, "wrong tags: kind", tags=present | {"kind": MANIFEST_KIND})

    def _tags_of(self, filed: FiledObject, entry: Entry) -> Finding | None:
        where = (self._connection.processed, filed.key)
        present = tags(self._connection, *where)
        if present is None:
            return None
        due = layout_tags(Kind(entry.kind), Patient(entry.patient), b"-")
        if filed.role == "manifest":
            due = manifest_tags(due)
        wrong = [name for name in _FIXED if present.get(name) != due[name]]
        pseudonym = present.get("patient-ref")
        if pseudonym is None or (pseudonym == "unknown") != (entry.patient is None):
            wrong.append("patient-ref")
        if not wrong:
            return None
        correct = present | {name: due[name] for name in _FIXED}
        if entry.patient is None:
            correct["patient-ref"] = due["patient-ref"]
        can = entry.patient is None or "patient-ref" not in wrong
        why = f"wrong tags: {', '.join(wrong)}"
        return Finding(Fault.MISTAGGED, *where, why, tags=correct if can else None)

    # catalog → processed

    def _of_catalog(self, pool: ThreadPoolExecutor) -> Iterator[Finding]:
        for batch in _batches(self._entries.all()):
            yield from (item for item in pool.map(self._cataloged, batch) if item)
            for entry, others in zip(batch, pool.map(self._others_alike, batch), strict=True):
                if others:
                    yield from self._alike(entry, others)
            self._passed(len(batch))

    def _cataloged(self, entry: Entry) -> Finding | None:
        if datetime.fromisoformat(entry.cataloged_at) > self._grace or filed_object(
            self._connection, entry.key
        ):
            return None
        source = Source(entry.landing_bucket, entry.landing_key)
        return Finding(Fault.LOST, entry.bucket, entry.key, "in the catalog, but missing from S3", source)

    def _others_alike(self, entry: Entry) -> list[Entry]:
        young = datetime.fromisoformat(entry.cataloged_at) > self._grace
        return [] if young else self._entries.same_bytes(entry)

    def _alike(self, entry: Entry, others: list[Entry]) -> Iterator[Finding]:
        deleted = self._deleted_at(entry)
        moved = next((other for other in others if deleted and _soon(other, deleted)), None)
        strangers = [other for other in others if {other.patient, entry.patient}.isdisjoint({None})]
        strangers = [other for other in strangers if other.patient != entry.patient]
        where = (entry.landing_bucket, entry.landing_key)
        if moved:
            why = f"its upload was deleted, and the same bytes are filed from {moved.landing_key}"
            yield Finding(Fault.MOVED, *where, f"{why}")
        elif strangers:
            why = f"the same bytes are filed under {strangers[0].patient}, from {strangers[0].landing_key}"
            yield Finding(Fault.SHARED, *where, why)
        else:
            self.alike += 1

    def _deleted_at(self, entry: Entry) -> datetime | None:
        """Return when an upload was deleted; None if it is there, or expired from a bucket without versions."""
        page = self._s3.list_object_versions(Bucket=entry.landing_bucket, Prefix=entry.landing_key, MaxKeys=1)
        markers = [it for it in page.get("DeleteMarkers", ()) if it["Key"] == entry.landing_key]
        found: datetime | None = markers[0]["LastModified"] if markers and markers[0]["IsLatest"] else None
        return found


def _soon(other: Entry, deleted: datetime) -> bool:
    """Return whether a deletion followed that upload as in one move. Later ones are rather of a lifecycle rule."""
    return timedelta(0) <= deleted - datetime.fromisoformat(other.modified) <= _ONE_MOVE


def _batches(items: Iterable[T]) -> Iterator[list[T]]:
    source = iter(items)
    while batch := list(islice(source, _BATCH)):
        yield batch
