"""A ZIP opened without being unpacked: whether what is in it would fit, told from its directory beforehand.

No member can give more bytes than its entry says, so a bound on the entries bounds what is unpacked.
"""

from __future__ import annotations

import io
import zipfile

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import NotThisFormatError, Source
from lambdas.readers.draft import Draft
from lambdas.readers.limits import MAX_PARTS, MAX_UNPACKED, MAX_UNPACKED_XML

_NO_MEMORY = 2  # XML_ERR_NO_MEMORY of libxml2


def open_zip(source: Source) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(source.data))
    except Exception:
        raise NotThisFormatError from None


def open_office(source: Source, part: str, draft: Draft) -> bool:
    """Whether an Office document with this main part may be read. If it is too large for that, the draft says so."""
    package = open_zip(source)
    entries = package.infolist()
    names = {entry.filename for entry in entries}
    if "[Content_Types].xml" not in names or part not in names:
        raise NotThisFormatError
    if any(entry.flag_bits & 1 for entry in entries):
        draft.reason = Reason.ENCRYPTED
        draft.warn("encrypted", "The document is protected by a password. Its content is not read.")
        return False
    everything = sum(entry.file_size for entry in entries)
    markup = sum(entry.file_size for entry in entries if entry.filename.endswith((".xml", ".rels")))
    if len(entries) > MAX_PARTS or everything > MAX_UNPACKED or markup > MAX_UNPACKED_XML:
        draft.reason = Reason.TOO_LARGE
        draft.warn("too-large", "Unpacked, the document would be too large to be read.")
        return False
    return True


def damaged(error: Exception, draft: Draft) -> None:
    """Say so, unless it was memory that ran out."""
    if isinstance(error, MemoryError) or getattr(error, "code", None) == _NO_MEMORY:
        raise MemoryError from None
    draft.reason = Reason.DAMAGED
    draft.warn("damaged", "The document is damaged. Not all of its content could be read.")
