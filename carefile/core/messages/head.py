"""What S3's HEAD answers about an object, as an observation: one form for the functions and the command."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from carefile.core.model import PROOF, Observation, Source

_UNVERSIONED = "null"
# What S3 stores for an upload that names no type.
_NO_TYPE = "binary/octet-stream"
# The classes of which S3 hands out nothing but what was restored; Intelligent-Tiering reports its archives by name.
_ARCHIVES = frozenset({"GLACIER", "DEEP_ARCHIVE"})
_RESTORED = 'ongoing-request="false"'
_CHECKSUMS = ((PROOF, "ChecksumSHA256", 32), ("crc64nvme:", "ChecksumCRC64NVME", 8))
# The system metadata that a copy carries along.
_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")


def observed(source: Source, head: Mapping[str, Any]) -> Observation:
    """The version that HEAD shows, from boto3's answer."""
    etag, modified = head["ETag"].strip('"'), moment(head["LastModified"])
    version_id = head.get("VersionId")
    tag_count = head.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("x-amz-tagging-count", "0")
    return Observation(
        source=source,
        version=version_name(version_id, etag, modified),
        version_id=None if version_id == _UNVERSIONED else version_id,
        etag=etag,
        size=head["ContentLength"],
        content_type=_as_sent(head.get("ContentType", _NO_TYPE)),
        last_modified=modified,
        metadata=tuple(sorted(head.get("Metadata", {}).items())),
        headers=tuple((name, _as_sent(str(head[name]))) for name in _HEADERS if head.get(name)),
        tag_count=int(tag_count),
        archived=is_archived(head),
    )


def _as_sent(header: str) -> str:
    """The text of a header that was sent as UTF-8.

    HTTP clients read headers as Latin-1, and boto3 sends them as UTF-8, so a copy would carry something else.
    """
    try:
        return header.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return header


def content_digest(answer: Mapping[str, Any]) -> str | None:
    """The digest of an object's content in an answer of S3; None where it holds none of all bytes, only one of parts.

    Only SHA-256 proves that two contents are the same. CRC-64, which S3 has for every large object, is distinguished by
    its name; the ETag says nothing where KMS encrypts.
    """
    if answer.get("ChecksumType") == "COMPOSITE":
        return None
    for algorithm, member, size in _CHECKSUMS:
        try:
            value = base64.b64decode(answer.get(member, ""), validate=True)
        except binascii.Error:
            continue  # of parts: their number is behind it
        if len(value) == size:
            return algorithm + value.hex()
    return None


def proves(digest: str | None) -> bool:
    """Whether equal digests of this kind prove equal bytes."""
    return digest is not None and digest.startswith(PROOF)


def is_archived(head: Mapping[str, Any]) -> bool:
    """Whether S3 returns nothing of it until it is restored."""
    if head.get("ArchiveStatus"):
        return True
    return head.get("StorageClass") in _ARCHIVES and _RESTORED not in head.get("Restore", "")


def version_name(version_id: str | None, etag: str, modified: str) -> str:
    """What a version is compared by: S3's own id; without one, as where versioning is off or suspended, ETag and
    modification time."""
    if version_id and version_id != _UNVERSIONED:
        return version_id
    return f"{etag.strip(chr(34))}@{modified}"


def moment(modified: Any) -> str:
    """A LastModified to the second, as HEAD gives it, also where a listing knows more."""
    return f"{modified:%Y-%m-%dT%H:%M:%SZ}"
