"""Forecast what an intake would do with existing objects: classify them by the pipeline's rules, writing nothing.

Takes one HEAD per object, and one GET for each folder that would be new. A document's content is not read, so a patient
named only there is not forecast; where patients are listed, the directory is asked about those whom key and metadata
name. Objects filed elsewhere than the current rules say, as after an upgrade, would move; those that an operator has
decided about stay. Memory is constant except for two numbers per folder.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.filed import Filed
from carefile.cli.aws.listing import Item
from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.deciding.metadata import require_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import RejectedObject
from carefile.core.filing.layout import manifest_key, owner_of
from carefile.core.messages.events import owner_in
from carefile.core.messages.head import is_archived
from carefile.core.model import Classification, Source
from carefile.core.patients.directory import Listing

ARCHIVED = "it is archived: restore it first"
_THREADS = 24
_BATCH = 480


class Would(StrEnum):
    """`file`: would be filed in the folder shown. `stay`: this version is already filed. `again`: an older version is
    filed. `move`: filed, but in another patient or folder than the current rules say. `fail`: cannot be ingested.
    `pass over`: a folder marker, the layout itself, or a leftover of a tool."""

    FILE = "file"
    STAY = "stay"
    AGAIN = "again"
    MOVE = "move"
    FAIL = "fail"
    SKIP = "pass over"


@dataclass(frozen=True, slots=True)
class Forecast:
    """`collides`: another source has the folder's plain name, or would get it first, so this one gets a suffix. `was`:
    the patient and folder before the move."""

    key: str
    size: int
    would: Would
    kind: str | None = None
    patient: str | None = None
    reason: str | None = None
    folder: str | None = None
    collides: bool = False
    why: str | None = None
    was: dict[str, str | None] | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "size": self.size,
            "would": self.would.value,
            "kind": self.kind,
            "patient": self.patient,
            "reason": self.reason,
            "folder": self.folder,
            "collides": self.collides,
            "why": self.why,
            "was": self.was,
        }


class Forecaster:
    def __init__(self, connection: Connection, bucket: str, rules: RuleTable) -> None:
        self._bucket, self._rules = bucket, rules
        self._layout, self._processed = connection.layout, connection.processed
        self._s3, self._entries = connection.client("s3"), Entries(connection)
        self._owners: dict[int, int] = {}
        self._filed = Filed(connection)
        self._patients = Patients(connection) if connection.patients_are_listed else None

    def of(self, items: Iterable[Item]) -> Iterator[Forecast]:
        """Yield one forecast per item, in order."""
        source = iter(items)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(source, _BATCH)):
                entries = self._entries.get_many([self._source(item).source_id for item in batch])
                heads = list(pool.map(self._head, batch))
                listing = self._listing(batch, heads)
                for item, head in zip(batch, heads, strict=True):
                    yield self._forecast(item, head, entries.get(self._source(item).source_id), listing)

    def _listing(self, batch: Sequence[Item], heads: Sequence[dict[str, Any] | None]) -> Listing | None:
        """Whom the directory lists of those whom these objects name, where it is in use."""
        if self._patients is None:
            return None
        named = (
            to_look_up(item.key, head.get("Metadata", {}).items(), self._rules).ids
            for item, head in zip(batch, heads, strict=True)
            if head is not None
        )
        return self._patients.listing(frozenset().union(*named))

    def _source(self, item: Item) -> Source:
        return Source(self._bucket, item.key)

    def _head(self, item: Item) -> dict[str, Any] | None:
        if self._no_upload(item.key):
            return None
        try:
            found: dict[str, Any] = self._s3.head_object(Bucket=self._bucket, Key=item.key)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        return found

    def _no_upload(self, key: str) -> bool:
        return key.endswith("/") or self._layout.holds(key) or self._rules.ignores(key)

    def _forecast(
        self, item: Item, head: dict[str, Any] | None, entry: Entry | None, listing: Listing | None
    ) -> Forecast:
        if self._no_upload(item.key):
            why = "a folder marker" if item.key.endswith("/") else "a leftover of a tool, ignored"
            return Forecast(
                item.key, item.size, Would.SKIP, why="the layout" if self._layout.holds(item.key) else why
            )
        if head is None:
            return Forecast(item.key, item.size, Would.FAIL, why="it was deleted meanwhile")
        item = replace(item, size=head["ContentLength"])  # a list may be old, or give no sizes
        if item.size == 0:
            return Forecast(item.key, item.size, Would.FAIL, why="it is empty")
        metadata = tuple(head.get("Metadata", {}).items())
        try:
            require_text(metadata)
        except RejectedObject:
            return Forecast(item.key, item.size, Would.FAIL, why="its metadata is no text")
        found = classify(item.key, metadata, self._rules, directory=listing)
        version = head.get("VersionId")
        if entry:
            same = entry.landing_version == version if version not in (None, "null") else True
            would = Would.STAY if same else Would.AGAIN
            readable = would is Would.STAY or not is_archived(head)
            if readable and self._filed.stays(found, self._source(item), entry):
                return self._forecast_of(
                    item, found, would, entry.prefix, entry.patient, entry.reason, collides=False
                )
        if is_archived(head):
            return Forecast(item.key, item.size, Would.FAIL, why=ARCHIVED)
        folder, collides = self._folder(found, self._source(item))
        reason = found.patient.reason.value if found.patient.reason else None
        would = Would.MOVE if entry else Would.FILE
        made = self._forecast_of(item, found, would, folder, found.patient.id, reason, collides=collides)
        return replace(made, was={"patient": entry.patient, "folder": entry.prefix}) if entry else made

    def _forecast_of(
        self,
        item: Item,
        found: Classification,
        would: Would,
        folder: str,
        patient: str | None,
        reason: str | None,
        *,
        collides: bool,
    ) -> Forecast:
        return Forecast(item.key, item.size, would, found.kind.value, patient, reason, folder, collides)

    def _folder(self, found: Classification, source: Source) -> tuple[str, bool]:
        """Return the first folder that no other source has or would get first, and whether it has a suffix."""
        owner, folder = hash(owner_of(found, source).owner_id), ""
        for number, folder in enumerate(self._layout.earlier_folders(found, source)):
            if (claimed := self._claimed_by(folder)) is None:
                break
            if hash(claimed) == owner:
                return folder, number > 0
        for number, folder in enumerate(self._layout.folders(found, source)):
            if hash(folder) not in self._owners:
                claimed = self._claimed_by(folder)
                self._owners[hash(folder)] = owner if claimed is None else hash(claimed)
            if self._owners[hash(folder)] == owner:
                return folder, number > 0
        return folder, True

    def _claimed_by(self, folder: str) -> str | None:
        """Return the owner id of an existing folder."""
        try:
            found = self._s3.get_object(Bucket=self._processed, Key=manifest_key(folder))
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
                return None
            raise
        try:
            return owner_in(json.loads(found["Body"].read())) or "somebody else"
        except (ValueError, AttributeError):
            return "somebody else"
