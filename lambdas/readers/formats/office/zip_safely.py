"""A ZIP opened without being unpacked: whether its content would fit, judged from its directory beforehand.

No member can give more bytes than its entry says, so a bound on the entries bounds what is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from typing import cast

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import NotThisFormatError
from lambdas.readers.draft import Draft
from lambdas.readers.limits import MAX_PARTS, MAX_UNPACKED, MAX_UNPACKED_XML
from lambdas.readers.source import Source

_NO_MEMORY = 2  # XML_ERR_NO_MEMORY of libxml2
# The names of ISO 29500's strict form, and those that the libraries know.
_STRICT = re.compile(rb"http://purl\.oclc\.org/ooxml/(\w+)/")
_USUAL = rb"http://schemas.openxmlformats.org/\1/2006/"
_WORD_KINDS = re.compile(
    rb"application/vnd\.(?:ms-word\.(?:document|template)\.macroEnabled(?:Template)?"
    rb"|openxmlformats-officedocument\.wordprocessingml\.template)\.main\+xml"
)
_WORD = b"application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"


def open_zip(source: Source) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(io.BytesIO(source.data))
    except Exception:
        raise NotThisFormatError from None


def open_office(source: Source, part: re.Pattern[str], draft: Draft) -> zipfile.ZipFile | None:
    """The package of an Office document with such a main part, in the usual names. None if it may not be read; the
    draft then says why.
    """
    package = open_zip(source)
    entries = package.infolist()
    names = {entry.filename for entry in entries}
    main = next((name for name in sorted(names) if part.fullmatch(name)), None)
    if "[Content_Types].xml" not in names or main is None:
        raise NotThisFormatError
    if any(entry.flag_bits & 1 for entry in entries):
        draft.reason = Reason.ENCRYPTED
        draft.warn("encrypted", "The document is protected by a password. Its content is not read.")
        return None
    everything = sum(entry.file_size for entry in entries)
    markup = sum(entry.file_size for entry in entries if entry.filename.endswith((".xml", ".rels")))
    if len(entries) > MAX_PARTS or everything > MAX_UNPACKED or markup > MAX_UNPACKED_XML:
        draft.reason = Reason.TOO_LARGE
        draft.warn("too-large", "Unpacked, the document would be too large to be read.")
        return None
    _describe_not_read(names, draft)
    try:
        kinds = package.read("[Content_Types].xml")
        is_usual = not _STRICT.search(package.read(main)) and not _WORD_KINDS.search(kinds)
        return package if is_usual else _in_usual_names(package)
    except Exception as error:  # of every kind, for a damaged package
        damaged(error, draft)
        return None


def _describe_not_read(names: set[str], draft: Draft) -> None:
    pictures = sum("/media/" in name for name in names)
    if pictures:
        how_many = "a picture" if pictures == 1 else f"{pictures} pictures"
        draft.warn("pictures", f"The document holds {how_many}. What they show is not read.")
    if any("/embeddings/" in name for name in names):
        draft.warn("embedded", "The document holds other documents. They are not read.")
    if any(name.endswith("vbaProject.bin") for name in names):
        draft.warn("macros", "The document holds macros. They are not run.")


def _in_usual_names(package: zipfile.ZipFile) -> zipfile.ZipFile:
    """The same package in names that the libraries know. What is no markup is left out: nobody reads it."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as written:
        for entry in package.infolist():
            data = b""
            if entry.filename.endswith((".xml", ".rels")):
                data = _WORD_KINDS.sub(_WORD, _STRICT.sub(_USUAL, package.read(entry)))
            written.writestr(entry.filename, data)
    return zipfile.ZipFile(file)


def data_of(package: zipfile.ZipFile) -> io.BytesIO:
    """The bytes of an opened package."""
    file = cast(io.BytesIO, package.fp)
    file.seek(0)
    return file


def damaged(error: Exception, draft: Draft) -> None:
    """Say so, unless it was memory that ran out."""
    if isinstance(error, MemoryError) or getattr(error, "code", None) == _NO_MEMORY:
        raise MemoryError from None
    draft.reason = Reason.DAMAGED
    draft.warn("damaged", "The document is damaged. Not all of its content could be read.")
