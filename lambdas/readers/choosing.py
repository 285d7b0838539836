"""The one way in: `read`.

Readers are asked in the order of the registry; the first that recognises the content and does not withdraw reads it.
What none reads is recorded as not read, with the media type that its content shows.
"""

from __future__ import annotations

from dataclasses import replace

from carefile.core.deciding.patient_fields import PatientFields
from carefile.core.documents.extraction import Extraction, Reason
from carefile.core.documents.readers import VERSIONS
from lambdas.readers import registry
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.content_encoding import unpacked
from lambdas.readers.draft import Draft
from lambdas.readers.isolation import read_isolated
from lambdas.readers.limits import MAX_READ_HERE
from lambdas.readers.media_types import detect
from lambdas.readers.reading import read_with
from lambdas.readers.source import Content, Source


def read(
    content: Content, *, name: str, declared_type: str | None, fields: PatientFields | None = None
) -> Extraction:
    """Everything that can be read out of the document. Never raises, whatever the bytes.

    `content` holds the first bytes of the object, at most `MAX_READ` of them are used, and its whole size;
    `name` is its file name; `declared_type` the content type that it was uploaded with; `fields` are the names under
    which a patient's id stands in tables, JSON and forms. Equal input gives an equal result.
    """
    opened = unpacked(content)
    return opened.describe(_read(Source(opened.content, name, declared_type, fields)))


def _read(source: Source) -> Extraction:
    for reader in registry.READERS:
        if _recognises(reader, source):
            if reader.needs_whole and source.is_cut:
                return _made_by(reader, _too_large(reader, source))
            is_isolated = reader.isolated or len(source.data) > MAX_READ_HERE
            try:
                found = read_isolated(reader, source) if is_isolated else read_with(reader, source)
                return _made_by(reader, found)
            except NotThisFormatError:
                continue
    return _not_read(source)


def _made_by(reader: Reader, found: Extraction) -> Extraction:
    return replace(found, reader=reader.format, reader_version=VERSIONS[reader.format])


def _recognises(reader: Reader, source: Source) -> bool:
    try:
        return reader.recognises(source)
    except Exception:
        return False


def _not_read(source: Source) -> Extraction:
    if source.size == 0:
        draft = Draft("empty", "application/x-empty", reason=Reason.EMPTY)
        draft.warn("empty", "The file is empty.")
        return draft.finish(source)
    format_, media_type = detect(source)
    draft = Draft(format_, media_type, reason=Reason.UNSUPPORTED)
    draft.warn("unsupported", "Files of this type are filed as they are. Their content is not read.")
    return draft.finish(source)


def _too_large(reader: Reader, source: Source) -> Extraction:
    draft = Draft(reader.format, reader.media_type, reason=Reason.TOO_LARGE)
    draft.warn("too-large", "A document of this type can be read only whole, and this one is too large.")
    draft.cut("bytes", "The document is larger than is read.", len(source.data), source.size)
    return draft.finish(source)
