"""The user metadata of an object as text: what its writer meant, or a refusal if it is not text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from email.errors import MessageError
from email.header import decode_header, make_header

from carefile.core.errors import RejectedObject

PATIENT_METADATA = ("patient-id", "patient_id")
_ENCODED = re.compile(r"=\?[^?]+\?[bBqQ]\?")
# What mail is written in. Python decodes far more by such a name, escapes and puzzles (rot13) among it.
_CHARSETS = re.compile(
    r"us-ascii|utf-8|iso-8859-\d{1,2}|windows-\d{3,4}|cp\d{3,4}|koi8-[ru]|gb2312|gbk|gb18030|big5|euc-(jp|kr)"
    r"|ks_c_5601-1987|shift_jis|iso-2022-(jp|kr)|tis-620",
    re.IGNORECASE,
)
_NO_TEXT = frozenset({"Cc", "Cs"})  # control characters, halves of a character


def metadata_text(value: str) -> str:
    """A metadata value as its writer meant it: S3 returns what is not ASCII in the form of RFC 2047. What cannot be
    decoded stays as it is."""
    if not _ENCODED.search(value):
        return value
    try:
        parts = decode_header(value)
        if any(charset and not _CHARSETS.fullmatch(charset) for _, charset in parts):
            return value
        return str(make_header(parts))
    except (MessageError, LookupError, ValueError):
        return value


def require_text(metadata: Iterable[tuple[str, str]]) -> None:
    """Refuse an object whose patient id is not text: it could be neither stored nor shown."""
    for name, value in metadata:
        if name.lower() in PATIENT_METADATA and not _is_text(metadata_text(value)):
            raise RejectedObject(
                "malformed-metadata: the metadata that names the patient holds control characters or halves of "
                "characters; upload the object again with the id as text"
            )


def _is_text(value: str) -> bool:
    return not any(unicodedata.category(character) in _NO_TEXT for character in value)
