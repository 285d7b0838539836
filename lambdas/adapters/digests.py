"""The digest of bytes that S3 has none of that compares (`carefile/core/messages/head.py` says which do)."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from carefile.core.model import PROOF

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CHUNK = 1024 * 1024


def computed(s3: S3Client, **which: Any) -> str:
    """Compute SHA-256 over the bytes of an object as a stream. Errors of S3 are raised."""
    body = s3.get_object(**which)["Body"]
    found = hashlib.sha256()
    while chunk := body.read(_CHUNK):
        found.update(chunk)
    return PROOF + found.hexdigest()
