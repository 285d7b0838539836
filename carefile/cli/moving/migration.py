"""Comparing every original of a migration with what was filed of it: whose it is, and byte for byte.

Verified is only what is filed under the patient whom the original's key names, or to whom a person assigned the
session, and holds the same bytes.

What was verified is appended to a file as it goes, so a comparison that was killed goes on where it was.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.listing import Place
from carefile.cli.moving.checksums import Checksums
from carefile.cli.moving.old_layout import patient_named
from carefile.cli.private_files import alone, opened
from carefile.core.deciding.classification import session_tree
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import Owner
from carefile.core.model import Patient, Source
from carefile.core.records.catalog import KEY, text_in

OBJECTS = "objects.jsonl"
_PROGRESS = "compared.jsonl"
_THREADS = 16
_BATCH = 240
_SESSIONS = 4096
# Where these are what they were, nothing has to be compared again.
_SAME = (
    "bucket",
    "version_id",
    "etag",
    "size",
    "filed_key",
    "filed_version_id",
    "patient",
    "session",
)
Line = dict[str, Any]


class Whose:
    """Whether what is filed of an original is filed as whose it is."""

    def __init__(self, connection: Connection, bucket: str, rules: RuleTable) -> None:
        self._layout, self._rules, self._bucket = connection.layout, rules, bucket
        self._dynamodb, self._ledger = connection.client("dynamodb"), connection.output("LedgerTableName")
        self._assigned = lru_cache(maxsize=_SESSIONS)(self._read_assigned)

    def why_not(self, key: str, patient: str | None) -> str | None:
        """Why the patient as whose it is, or would be, filed is not the one whom the key names. A key that names nobody
        contradicts no other evidence."""
        named = patient_named(key, self._rules)
        if named is None or patient == named:
            return None
        if patient is None:
            return f"its key names {named}, and it is nobody's: `carefile assign` decides"
        tree = session_tree(key, self._rules)
        if tree is not None and self._assigned(tree) == patient:
            return None
        return f"its key names {named}, and it is {patient}'s"

    def is_under(self, entry: Entry) -> bool:
        """Whether the object of an entry is in the sessions of the patient whom the entry names."""
        return entry.key.startswith(self._layout.session_prefix(Patient(entry.patient)))

    def _read_assigned(self, tree: str) -> str | None:
        owner = Owner(self._bucket, tree, tree=True)
        found = self._dynamodb.get_item(
            TableName=self._ledger, Key={KEY: {"S": owner.owner_id}}, ConsistentRead=True
        )
        return text_in(found.get("Item", {}), "assigned")


class Comparison:
    """`folder` holds the lines of what was compared; those of them that still hold are not compared again."""

    def __init__(self, connection: Connection, place: Place, folder: Path, rules: RuleTable) -> None:
        self._s3, self._entries = connection.client("s3"), Entries(connection)
        self._checksums = Checksums(self._s3)
        self._processed, self._place = connection.processed, place
        self._whose = Whose(connection, place.bucket, rules)
        self._lines, self._progress = folder / OBJECTS, folder / _PROGRESS

    def run(self, passed: Callable[[int], None]) -> Iterator[Line]:
        """The line of every original, in the order of their keys."""
        kept = (*read_lines(self._lines), *read_lines(self._progress))
        known = {line["key"]: line for line in kept if line["verified"]}
        whole = self._lines.with_name(f"{self._lines.name}.part")
        with (
            opened(self._progress, append=True) as progress,
            alone(progress),
            opened(whole) as out,
            ThreadPoolExecutor(_THREADS) as pool,
        ):
            progress.write("\n")  # ends what may have been torn
            source = originals(self._s3, self._place)
            while batch := list(islice(source, _BATCH)):
                ids = [Source(self._place.bucket, item["Key"]).source_id for item in batch]
                entries = self._entries.get_many(ids)

                def look(pair: tuple[dict[str, Any], str], of: dict[str, Entry] = entries) -> Line:
                    item, source_id = pair
                    return self._line(item, of.get(source_id), known.get(item["Key"]))

                for line in pool.map(look, zip(batch, ids, strict=True)):
                    text = json.dumps(line, ensure_ascii=False) + "\n"
                    out.write(text)
                    if line["verified"] and line is not known.get(line["key"]):
                        progress.write(text)
                        progress.flush()
                    yield line
                passed(len(batch))
        whole.replace(self._lines)
        self._progress.unlink()

    def _line(self, item: dict[str, Any], entry: Entry | None, before: Line | None) -> Line:
        line: Line = {
            "bucket": self._place.bucket,
            "key": item["Key"],
            "version_id": item["VersionId"],
            "etag": item["ETag"].strip('"'),
            "size": item["Size"],
            "verified": False,
            "filed_key": entry.key if entry else None,
            "patient": entry.patient if entry else None,
            "session": entry.prefix if entry else None,
        }
        why = _unfiled(entry, item)
        if why or entry is None:
            return line | {"why": why}
        if why := self._whose.why_not(item["Key"], entry.patient):
            return line | {"why": why}
        if not self._whose.is_under(entry):
            return line | {"why": "it is filed in a folder that is not that patient's"}
        filed = self._checksums.stored(self._processed, entry.key)
        if filed is None:
            return line | {"why": "the catalog shows it, and it is not there"}
        line["filed_version_id"] = filed.version_id
        if before and all(before.get(name) == line[name] for name in _SAME):
            return before
        if filed.size != item["Size"]:
            return line | {"why": f"its size is {filed.size}, not {item['Size']}"}
        original = self._checksums.stored(self._place.bucket, item["Key"], item["VersionId"])
        if original is None:
            return line | {"why": "the original is gone"}
        compared = self._checksums.compare(original, filed)
        return line | {
            "compared_by": compared.by,
            "checksum": compared.checksum,
            "verified": compared.same,
            "why": None if compared.same else "its bytes are not those of the original",
        }


def originals(s3: Any, place: Place) -> Iterator[dict[str, Any]]:
    """Every current version under the place, but for folder markers."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=place.bucket, Prefix=place.prefix):
        for item in page.get("Versions", ()):
            if item["IsLatest"] and not item["Key"].endswith("/"):
                yield item


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file that may have been torn where its writer was stopped."""
    if path.exists():
        with path.open(encoding="utf-8", errors="replace") as lines:
            for text in lines:
                try:
                    line = json.loads(text)
                except ValueError:
                    continue
                if isinstance(line, dict):
                    yield line


def _unfiled(entry: Entry | None, item: dict[str, Any]) -> str | None:
    if item["Size"] == 0:
        return "it is empty, and nothing of it can be filed: write it again or delete it"
    if entry is None:
        return "it is not filed"
    if item["VersionId"] != "null" and entry.landing_version != item["VersionId"]:
        return "an older version of it is filed"
    return None if entry.is_session else "it is not filed as part of a session"
