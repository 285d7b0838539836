"""ZIP: what is in it, as a list. Nothing is unpacked, and of a large archive the beginning is not enough."""

from __future__ import annotations

from collections.abc import Iterator
from zipfile import ZipInfo

from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.office.zip_safely import open_zip
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source

_LISTED = {"zip", "docx", "xlsx"}  # the last two where their own readers found them to be none


def _recognises(source: Source) -> bool:
    return source.head.startswith(b"PK") and detect(source)[0] in _LISTED


def _read(source: Source, draft: Draft) -> None:
    entries = [entry for entry in open_zip(source).infolist() if not entry.is_dir()]
    draft.fact("files", str(len(entries)))
    draft.fact("unpacked size", f"{sum(entry.file_size for entry in entries)} bytes")
    if any(entry.flag_bits & 1 for entry in entries):
        draft.warn("encrypted", "Files in the archive are protected by a password.")
    draft.warn("listed", "The files in the archive are listed here. They are not unpacked or read.")
    draft.table(_rows(entries), ("Name", "Bytes", "Changed"))


def _rows(entries: list[ZipInfo]) -> Iterator[tuple[str, str, str]]:
    for entry in entries:
        year, month, day, hour, minute, _ = entry.date_time
        changed = f"{year}-{month:02}-{day:02} {hour:02}:{minute:02}"
        yield entry.filename, str(entry.file_size), changed


READER = Reader("zip", "application/zip", _recognises, _read, isolated=True, needs_whole=True)
