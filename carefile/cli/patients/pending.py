"""What names a patient and is not filed as theirs yet: decisions that moved nothing, and uploads that were never filed.

The ledger knows its items by digests alone, so whose a decision is about is found by a walk over the landing buckets.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby, islice

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.objects import head, tags
from carefile.cli.aws.versions import Version, Versions
from carefile.core.deciding.classification import classify, session_tree
from carefile.core.deciding.identity import identity
from carefile.core.deciding.metadata import PATIENT_METADATA, metadata_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import Owner
from carefile.core.filing.stamps import stamp_in
from carefile.core.filing.tagging import STATUS_TAG, PipelineStatus
from carefile.core.model import Source
from carefile.core.records.catalog import KEY, Item, text_in
from carefile.core.records.ledger import (
    RELEASED,
    REPLACED,
    decisions_naming,
    hints_name,
    without_hint_of,
)

_BATCH, _THREADS = 100, 16
_WORD = 5  # characters of an id; a shorter one is also a year, or a page


@dataclass(frozen=True, slots=True)
class Upload:
    """A landing key with its versions, the newest first, its catalog's entry, and the session that it is part of.
    `early`: of its older versions, those that would have been filed as the patient's by key and metadata."""

    source: Source
    versions: list[Version]
    entry: Entry | None
    session: str | None
    early: frozenset[str] = frozenset()

    @property
    def newest(self) -> Version | None:
        """The newest version that an intake would file."""
        return next((one for one in self.versions if one.size), None)

    def is_anothers(self, patient: str) -> bool:
        """Whether it is filed as another patient's."""
        return self.entry is not None and self.entry.patient not in (None, patient)


class Decisions:
    """The ledger's items that name the patient."""

    def __init__(self, connection: Connection, patient: str) -> None:
        self._patient = patient
        self._about: dict[str, frozenset[str]] = {}
        self.assigned: set[str] = set()
        self.taken: set[str] = set()
        self.overruled: set[str] = set()
        pages = connection.client("dynamodb").get_paginator("scan")
        for page in pages.paginate(TableName=connection.output("LedgerTableName"), ConsistentRead=True):
            for item in page["Items"]:
                self._note(item)

    def _note(self, item: Item) -> None:
        key = item[KEY]["S"]
        if names := decisions_naming(item, self._patient):
            self._about[key] = frozenset(names)
        if text_in(item, "assigned") == self._patient:
            self.assigned.add(key)
        if any(self._patient in item.get(name, {}).get("SS", ()) for name in (REPLACED, RELEASED)):
            self.taken.add(key)
        if without_hint_of(item, self._patient):
            self.overruled.add(key)

    @property
    def subjects(self) -> set[str]:
        """What is said to be the patient's, by the ledger's keys."""
        return self._about.keys() | self.assigned

    def about(self, upload: Upload) -> set[str]:
        """The versions of an upload that were said to be the patient's."""
        names = self._about.get(upload.source.source_id, frozenset())
        return {one.name for one in upload.versions if not one.is_marker and hints_name(one.name) in names}


class Uploads:
    """Every key of the landing buckets that the pipeline would take in."""

    def __init__(self, connection: Connection, rules: RuleTable, patient: str) -> None:
        self._connection, self._rules, self._patient = connection, rules, patient
        self._versions, self._entries = Versions(connection), Entries(connection)

    def __iter__(self) -> Iterator[Upload]:
        for bucket in self._connection.accepted_buckets:
            found = groupby(self._versions.below(bucket, ""), lambda one: one.key)
            groups = (
                (Source(bucket, key), list(versions)) for key, versions in found if self._is_upload(key)
            )
            while batch := list(islice(groups, _BATCH)):
                entries = self._entries.get_many([source.source_id for source, _ in batch])
                early = self._early([one for _, versions in batch for one in versions])
                for source, versions in batch:
                    named = frozenset(one.name for one in versions if one in early)
                    yield Upload(
                        source, versions, entries.get(source.source_id), self._session(source), named
                    )

    def _early(self, versions: list[Version]) -> set[Version]:
        older = [one for one in versions if one.size and not one.is_latest]
        with ThreadPoolExecutor(_THREADS) as pool:
            return {one for one, named in zip(older, pool.map(self._is_theirs, older), strict=True) if named}

    def _is_theirs(self, version: Version) -> bool:
        """Whether key and metadata of a version say that it is the patient's, and nothing in them contradicts."""
        metadata = (self._versions.head(version) or {}).get("Metadata", {})
        return classify(version.key, metadata.items(), self._rules).patient.id == self._patient

    def _is_upload(self, key: str) -> bool:
        return not (key.endswith("/") or self._connection.layout.holds(key) or self._rules.ignores(key))

    def _session(self, source: Source) -> str | None:
        tree = session_tree(source.key, self._rules)
        return Owner(source.bucket, tree, tree=True).owner_id if tree else None

    def is_taken_out(self, version: Version) -> bool:
        """Whether a version is not filed because a person took it out of the layout."""
        if self._entries.taken_out_by(Source(version.bucket, version.key).source_id) is None:
            return False
        found = tags(self._connection, version.bucket, version.key, version.version_id) or {}
        return found.get(STATUS_TAG) in (PipelineStatus.UNFILED, PipelineStatus.CATALOGED)

    def is_filed(self, upload: Upload) -> bool:
        """Whether the newest version is the one that the catalog shows."""
        newest, entry = upload.newest, upload.entry
        if newest is None or entry is None:
            return False
        if entry.landing_version is not None:
            return newest.version_id == entry.landing_version
        if newest.version_id != "null" or newest.modified != entry.modified:
            return False
        # What was overwritten within the same second is distinguished only by what was filed of it.
        filed = (head(self._connection, entry.bucket, entry.key) or {}).get("Metadata", {})
        stamp = stamp_in(filed)
        return (
            stamp is not None and stamp.version == newest.name and self._is_in(filed) is self.is_named(newest)
        )

    def is_named(self, version: Version) -> bool:
        """Whether the metadata of a version name the patient."""
        return self._is_in((self._versions.head(version) or {}).get("Metadata", {}))

    def _is_in(self, metadata: dict[str, str]) -> bool:
        values = [
            metadata_text(value) for name, value in metadata.items() if name.lower() in PATIENT_METADATA
        ]
        return identity(self._patient) in map(identity, values)


def is_in(key: str, patient: str) -> bool:
    """Whether a key holds a patient's id: as a segment, or, if it is not so short that it may mean anything, as a word
    of one."""
    forms = {patient, *(unicodedata.normalize(form, patient) for form in ("NFC", "NFD"))}
    if len(patient) < _WORD:
        return not forms.isdisjoint(key.split("/"))
    return any(re.search(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])", key) for form in forms)
