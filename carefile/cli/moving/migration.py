"""Compare every original of a migration with its filed copy: the patient, and byte for byte.

An object is verified only if it is filed under the patient that the original's key names, or that an operator assigned
the session to, and holds the same bytes.

Verified objects are appended to a file as the comparison proceeds, so that one that was killed can resume.
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
from carefile.cli.private_files import exclusive, open_private
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
# If these are unchanged, an object does not have to be compared again.
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
    """Checks that an original is filed under its patient."""

    def __init__(self, connection: Connection, bucket: str, rules: RuleTable) -> None:
        self._layout, self._rules, self._bucket = connection.layout, rules, bucket
        self._dynamodb, self._ledger = connection.client("dynamodb"), connection.output("LedgerTableName")
        self._assigned = lru_cache(maxsize=_SESSIONS)(self._read_assigned)

    def why_not(self, key: str, patient: str | None) -> str | None:
        """Explain why the patient it is, or would be, filed under is not the one that the key names. A key that names
        no patient contradicts no other evidence."""
        named = patient_named(key, self._rules)
        if named is None or patient == named:
            return None
        if patient is None:
            return f"its key names {named}, but it is filed as unknown: decide with `carefile assign`"
        tree = session_tree(key, self._rules)
        if tree is not None and self._assigned(tree) == patient:
            return None
        return f"its key names {named}, but it is filed under {patient}"

    def is_under(self, entry: Entry) -> bool:
        """Return whether an entry's object is among the sessions of the patient that the entry names."""
        return entry.key.startswith(self._layout.session_prefix(Patient(entry.patient)))

    def _read_assigned(self, tree: str) -> str | None:
        owner = Owner(self._bucket, tree, tree=True)
        found = self._dynamodb.get_item(
            TableName=self._ledger, Key={KEY: {"S": owner.owner_id}}, ConsistentRead=True
        )
        return text_in(found.get("Item", {}), "assigned")


class Comparison:
    """`folder` holds the lines of earlier comparisons; objects whose line still holds are not compared again."""

    def __init__(self, connection: Connection, place: Place, folder: Path, rules: RuleTable) -> None:
        self._s3, self._entries = connection.client("s3"), Entries(connection)
        self._checksums = Checksums(self._s3)
        self._processed, self._place = connection.processed, place
        self._whose = Whose(connection, place.bucket, rules)
        self._lines, self._progress = folder / OBJECTS, folder / _PROGRESS

    def run(self, passed: Callable[[int], None]) -> Iterator[Line]:
        """Compare every original and yield its line, in key order."""
        kept = (*read_lines(self._lines), *read_lines(self._progress))
        known = {line["key"]: line for line in kept if line["verified"]}
        whole = self._lines.with_name(f"{self._lines.name}.part")
        with (
            open_private(self._progress, append=True) as progress,
            exclusive(progress),
            open_private(whole) as out,
            ThreadPoolExecutor(_THREADS) as pool,
        ):
            progress.write("\n")  # ends a line that an interruption may have cut off
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
            return line | {"why": "it is filed in a folder of another patient"}
        filed = self._checksums.stored(self._processed, entry.key)
        if filed is None:
            return line | {"why": "it is in the catalog, but missing from S3"}
        line["filed_version_id"] = filed.version_id
        if before and all(before.get(name) == line[name] for name in _SAME):
            return before
        if filed.size != item["Size"]:
            return line | {"why": f"its size is {filed.size} bytes instead of {item['Size']}"}
        original = self._checksums.stored(self._place.bucket, item["Key"], item["VersionId"])
        if original is None:
            return line | {"why": "the original is gone"}
        compared = self._checksums.compare(original, filed)
        return line | {
            "compared_by": compared.by,
            "checksum": compared.checksum,
            "verified": compared.same,
            "why": None if compared.same else "its bytes differ from the original",
        }


def originals(s3: Any, place: Place) -> Iterator[dict[str, Any]]:
    """Yield every current version under the place, except folder markers."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=place.bucket, Prefix=place.prefix):
        for item in page.get("Versions", ()):
            if item["IsLatest"] and not item["Key"].endswith("/"):
                yield item


def read_lines(path: Path) -> Iterator[Line]:
    """Read the lines of a file whose last one may be incomplete."""
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
        return "it is empty and cannot be filed: upload it again or delete it"
    if entry is None:
        return "it is not filed"
    if item["VersionId"] != "null" and entry.landing_version != item["VersionId"]:
        return "an older version is filed"
    return None if entry.is_session else "it is not filed as part of a session"
