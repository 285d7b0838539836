"""Comparing every original of a migration with what was filed of it, byte for byte or by S3's own checksums.

The ETag of a multipart or KMS-encrypted object is no checksum, so ETags are never compared. Where both objects carry
the same kind of checksum of the whole object, these are; otherwise both are read and hashed. What was compared is kept
in a file, one line an object, so that an interrupted comparison goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from carefile.connection import Connection
from carefile.entries import Entries, Entry
from carefile.listing import Place
from lambdas.core.model import Kind, Source

_THREADS = 16
_BATCH = 240
_CHECKSUMS = ("ChecksumSHA256", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumCRC32C", "ChecksumCRC32")
Line = dict[str, Any]


class Comparison:
    """`lines` is the file of what was compared; those of it that still hold are not compared again."""

    def __init__(self, connection: Connection, place: Place, lines: Path) -> None:
        self._s3, self._entries = connection.client("s3"), Entries(connection)
        self._processed, self._place, self._lines = connection.processed, place, lines

    def run(self, passed: Callable[[int], None]) -> Iterator[Line]:
        """The line of every original, in the order of their keys."""
        known = {line["key"]: line for line in read_lines(self._lines) if line["verified"]}
        fresh = self._lines.with_suffix(".part")
        with ThreadPoolExecutor(_THREADS) as pool, fresh.open("w", encoding="utf-8") as out:
            try:
                source = originals(self._s3, self._place)
                while batch := list(islice(source, _BATCH)):
                    ids = [Source(self._place.bucket, item["Key"]).source_id for item in batch]
                    entries = self._entries.get_many(ids)

                    def look(pair: tuple[dict[str, Any], str], of: dict[str, Entry] = entries) -> Line:
                        item, source_id = pair
                        return self._line(item, of.get(source_id), known.get(item["Key"]))

                    for line in pool.map(look, zip(batch, ids, strict=True)):
                        out.write(json.dumps(line, ensure_ascii=False) + "\n")
                        yield line
                    out.flush()
                    passed(len(batch))
            except BaseException:
                self._keep(fresh, known)
                raise
        fresh.replace(self._lines)

    def _keep(self, part: Path, known: dict[str, Line]) -> None:
        """What was compared before the interruption, now or earlier."""
        merged = known | {line["key"]: line for line in read_lines(part) if line["verified"]}
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in merged.values())
        self._lines.write_text(text, encoding="utf-8")

    def _line(self, item: dict[str, Any], entry: Entry | None, before: Line | None) -> Line:
        line: Line = {
            "key": item["Key"],
            "version_id": item["VersionId"],
            "size": item["Size"],
            "verified": False,
            "filed_key": entry.key if entry else None,
            "patient": entry.patient if entry else None,
            "session": entry.prefix if entry else None,
        }
        why = _unfiled(entry, item["VersionId"])
        if why or entry is None:
            return line | {"why": why}
        filed = self._head(self._processed, entry.key)
        if filed is None:
            return line | {"why": "the catalog shows it, and it is not there"}
        line["filed_version_id"] = filed.get("VersionId")
        same = ("version_id", "filed_key", "filed_version_id")
        if before and all(before.get(name) == line[name] for name in same):
            return before
        if filed["ContentLength"] != item["Size"]:
            return line | {"why": f"its size is {filed['ContentLength']}, not {item['Size']}"}
        original = self._head(self._place.bucket, item["Key"], item["VersionId"])
        if original is None:
            return line | {"why": "the original is gone"}
        by, one, other = self._checksums(item, original, entry.key, filed)
        return line | {
            "compared_by": by,
            "checksum": one,
            "verified": one == other,
            "why": None if one == other else "its bytes are not those of the original",
        }

    def _checksums(
        self, item: dict[str, Any], original: dict[str, Any], key: str, filed: dict[str, Any]
    ) -> tuple[str, str, str]:
        whole = all(head.get("ChecksumType") != "COMPOSITE" for head in (original, filed))
        for name in _CHECKSUMS:
            if whole and original.get(name) and filed.get(name):
                return name.removeprefix("Checksum"), original[name], filed[name]
        one = self._hash(self._place.bucket, item["Key"], item["VersionId"])
        return "SHA-256 of the bytes", one, self._hash(self._processed, key, filed.get("VersionId"))

    def _hash(self, bucket: str, key: str, version_id: str | None) -> str:
        found = self._s3.get_object(Bucket=bucket, Key=key, **_named(version_id))
        digest = hashlib.sha256()
        for chunk in found["Body"].iter_chunks(1024 * 1024):
            digest.update(chunk)
        return digest.hexdigest()

    def _head(self, bucket: str, key: str, version_id: str | None = None) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._s3.head_object(
                Bucket=bucket, Key=key, ChecksumMode="ENABLED", **_named(version_id)
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in (
                "404",
                "NoSuchKey",
                "NoSuchVersion",
                "NotFound",
            ):
                return None
            raise
        return found


def originals(s3: Any, place: Place) -> Iterator[dict[str, Any]]:
    """Every current version under the place, but for folder markers."""
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=place.bucket, Prefix=place.prefix):
        for item in page.get("Versions", ()):
            if item["IsLatest"] and not item["Key"].endswith("/"):
                yield item


def read_lines(path: Path) -> Iterator[Line]:
    """The lines of a file that may have been torn at its end."""
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)


def _unfiled(entry: Entry | None, version_id: str) -> str | None:
    if entry is None:
        return "it is not filed"
    if version_id != "null" and entry.landing_version != version_id:
        return "an older version of it is filed"
    return None if entry.kind == Kind.SESSION.value else "it is not filed as part of a session"


def _named(version_id: str | None) -> dict[str, str]:
    return {"VersionId": version_id} if version_id and version_id != "null" else {}
