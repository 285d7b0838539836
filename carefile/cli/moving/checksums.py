"""Compare the bytes of two S3 objects, by S3's checksums or by reading both.

The ETag of a multipart or KMS-encrypted object is not a checksum, so ETags are never compared. If both objects have the
same kind of full-object checksum, those are compared; otherwise both are read and hashed.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.objects import is_gone

_CHECKSUMS = ("ChecksumSHA256", "ChecksumCRC64NVME", "ChecksumSHA1", "ChecksumCRC32C", "ChecksumCRC32")


@dataclass(frozen=True, slots=True)
class Stored:
    """A version of an object as HEAD returns it."""

    bucket: str
    key: str
    version_id: str | None
    size: int
    head: dict[str, Any]

    @property
    def whole(self) -> bool:
        return self.head.get("ChecksumType") != "COMPOSITE"


@dataclass(frozen=True, slots=True)
class Compared:
    by: str
    checksum: str
    same: bool


class Checksums:
    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def stored(self, bucket: str, key: str, version_id: str | None = None) -> Stored | None:
        """HEAD a version, by default the current one; None if there is none."""
        try:
            found = self._s3.head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED", **_named(version_id))
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return Stored(bucket, key, found.get("VersionId"), found["ContentLength"], found)

    def compare(self, one: Stored, other: Stored) -> Compared:
        for name in _CHECKSUMS:
            if one.whole and other.whole and one.head.get(name) and other.head.get(name):
                return Compared(
                    name.removeprefix("Checksum"), one.head[name], one.head[name] == other.head[name]
                )
        first = self._hash(one)
        return Compared("SHA-256 of the bytes", first, first == self._hash(other))

    def _hash(self, stored: Stored) -> str:
        found = self._s3.get_object(Bucket=stored.bucket, Key=stored.key, **_named(stored.version_id))
        digest = hashlib.sha256()
        for chunk in found["Body"].iter_chunks(1024 * 1024):
            digest.update(chunk)
        return digest.hexdigest()


def _named(version_id: str | None) -> dict[str, str]:
    return {"VersionId": version_id} if version_id and version_id != "null" else {}
