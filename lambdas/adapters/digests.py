"""Digests of an object's content: as S3 has computed them, or, where it has none that compares, of the bytes.

Only SHA-256 over all bytes proves that two contents are the same. CRC-64, which S3 has for every large object, is told
apart by its name and never compared with it; the ETag says nothing where KMS encrypts.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from carefile.core.model import PROOF

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_MEMBERS = ((PROOF, "ChecksumSHA256", 32), ("crc64nvme:", "ChecksumCRC64NVME", 8))
_CHUNK = 1024 * 1024


def told(answer: Mapping[str, Any]) -> str | None:
    """The digest in an answer of S3; None where it holds none over the whole content, only one of its parts."""
    if answer.get("ChecksumType") == "COMPOSITE":
        return None
    for algorithm, member, size in _MEMBERS:
        try:
            value = base64.b64decode(answer.get(member, ""), validate=True)
        except binascii.Error:
            continue  # of parts: their number is behind it
        if len(value) == size:
            return algorithm + value.hex()
    return None


def computed(s3: S3Client, **which: Any) -> str:
    """SHA-256 over the bytes of an object, read as they come. Raises what S3 answers."""
    body = s3.get_object(**which)["Body"]
    found = hashlib.sha256()
    while chunk := body.read(_CHUNK):
        found.update(chunk)
    return PROOF + found.hexdigest()


def proves(digest: str | None) -> bool:
    """Whether equal digests of this kind prove equal bytes."""
    return digest is not None and digest.startswith(PROOF)
