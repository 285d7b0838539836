"""An upload whose bytes are compressed by its `Content-Encoding`: what a browser would make of it, within our limits.

The original's own bytes stay as they are; only what is read is unpacked, never more than `MAX_READ` bytes.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace

from carefile.core.documents.extraction import Extraction, ReadingWarning, Reason, Status
from lambdas.readers.limits import MAX_READ
from lambdas.readers.source import Content

_SAYS_NOTHING = ("", "identity", "aws-chunked")  # the last is S3's own, of how an upload came in
_GZIP = ("gzip", "x-gzip")
_MAGIC = b"\x1f\x8b\x08"
_OF_ZLIB = 31  # window bits: with the header and the sum of gzip


@dataclass(frozen=True, slots=True)
class Unpacked:
    """`content` is to be read; `stored` are the bytes of the upload."""

    stored: Content
    content: Content
    warning: ReadingWarning | None = None
    is_damaged: bool = False

    def describe(self, extraction: Extraction) -> Extraction:
        """The record of the upload, where what was read is the record of what is in it."""
        if self.content is self.stored and self.warning is None:
            return extraction
        facts = extraction.document
        if self.content is not self.stored:
            about = (("content encoding", "gzip"), ("unpacked", f"{len(self.content.data)} bytes"))
            facts = replace(
                facts,
                size=max(self.stored.size, len(self.stored.data)),
                bytes_read=min(len(self.stored.data), MAX_READ),
                metadata=(*facts.metadata, *about),
            )
        warnings = (*extraction.warnings, self.warning) if self.warning else extraction.warnings
        extraction = replace(extraction, document=facts, warnings=warnings)
        if not self.is_damaged:
            return extraction
        got_something = extraction.content or extraction.entities
        return replace(
            extraction,
            status=Status.PARTLY_READ if got_something else Status.NOT_READ,
            reason=extraction.reason or Reason.DAMAGED.value,
            candidates_complete=False,
        )


def unpacked(content: Content) -> Unpacked:
    """The content as it is to be read. What is not compressed after all is read as it is."""
    names = [
        name for part in content.encoding.split(",") if (name := part.strip().lower()) not in _SAYS_NOTHING
    ]
    if not names:
        return Unpacked(content, content)
    if len(names) > 1 or names[0] not in _GZIP:
        message = "The file is stored in a compressed form that is not read here."
        return Unpacked(content, content, ReadingWarning("content-encoding", message))
    if not content.data.startswith(_MAGIC):
        return Unpacked(content, content)
    data, is_whole, is_damaged = _gunzipped(content.data[:MAX_READ])
    is_damaged = is_damaged and not content.is_cut
    size = len(data) if is_whole or is_damaged else max(_claimed_size(content), len(data) + 1)
    warning = None
    if is_damaged:
        warning = ReadingWarning(
            "damaged", "The compressed file is damaged. It is read as far as it can be unpacked."
        )
    return Unpacked(content, Content(data, size), warning, is_damaged=is_damaged)


def _gunzipped(packed: bytes) -> tuple[bytes, bool, bool]:
    """What is unpacked, whether that is all, and whether the rest is damaged. Of several members, all."""
    data = bytearray()
    while packed.startswith(_MAGIC) and len(data) < MAX_READ:
        member = zlib.decompressobj(_OF_ZLIB)
        try:
            data += member.decompress(packed, MAX_READ - len(data))
        except zlib.error:
            return bytes(data), False, True
        if not member.eof:
            return bytes(data), False, len(data) < MAX_READ
        packed = member.unused_data
    return bytes(data), not packed.startswith(_MAGIC), False


def _claimed_size(content: Content) -> int:
    """The size that a gzip file ends with: of the last member, and no proof."""
    return 0 if content.is_cut else int.from_bytes(content.data[-4:], "little")
