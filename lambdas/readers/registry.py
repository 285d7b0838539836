"""The formats that can be read, and the one way in: `read`.

Readers are asked in order; the first that recognises the content and does not withdraw reads it. What none
reads is recorded as not read, with the media type that its content shows.
"""

from __future__ import annotations

from carefile.core.deciding.patient_fields import PatientFields
from carefile.core.documents.extraction import Extraction, Reason
from lambdas.readers.base import Content, NotThisFormatError, Reader, Source
from lambdas.readers.content_encoding import unpacked
from lambdas.readers.draft import Draft
from lambdas.readers.formats.cda import reader as cda
from lambdas.readers.formats.dicom import reader as dicom
from lambdas.readers.formats.email import reader as email_message
from lambdas.readers.formats.fhir import reader as fhir
from lambdas.readers.formats.hl7v2 import reader as hl7v2
from lambdas.readers.formats.html import reader as html
from lambdas.readers.formats.images import reader as images
from lambdas.readers.formats.json import reader as json_document
from lambdas.readers.formats.office import docx, ole, xlsx, zip_archive
from lambdas.readers.formats.pdf import reader as pdf
from lambdas.readers.formats.text import csv_table, plain_text, rtf
from lambdas.readers.formats.xml import reader as xml_document
from lambdas.readers.isolation import OutOfTimeError, read_isolated
from lambdas.readers.limits import MAX_READ_HERE
from lambdas.readers.media_types import detect

READERS: tuple[Reader, ...] = (
    pdf.READER,
    dicom.READER,
    *images.READERS,
    docx.READER,
    xlsx.READER,
    zip_archive.READER,
    ole.READER,
    rtf.READER,
    html.READER,
    email_message.READER,
    fhir.READER,
    hl7v2.READER,
    cda.READER,
    xml_document.READER,
    json_document.READER,
    csv_table.READER,
    plain_text.READER,
)


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
    for reader in READERS:
        if _recognises(reader, source):
            if reader.needs_whole and source.is_cut:
                return _too_large(reader, source)
            is_isolated = reader.isolated or len(source.data) > MAX_READ_HERE
            try:
                return read_isolated(reader, source) if is_isolated else read_with(reader, source)
            except NotThisFormatError:
                continue
    return _not_read(source)


def read_with(reader: Reader, source: Source) -> Extraction:
    """Read with one reader, in this process. Raises nothing but `NotThisFormatError`."""
    draft = Draft(reader.format, reader.media_type, source.fields)
    try:
        reader.read(source, draft)
        return draft.finish(source)
    except NotThisFormatError:
        raise
    # Nothing of the exception is shown: its text may quote the document.
    except OutOfTimeError:
        draft.give_up(Reason.TOO_SLOW, "Reading the document took too long. It is not read to its end.")
    except MemoryError:
        draft.give_up(Reason.TOO_COMPLEX, "The document needs more memory to be read than is allowed.")
    except Exception:
        draft.give_up(
            Reason.FAILED, "The document could not be read to its end. It may be damaged.", "reader-failed"
        )
    return draft.finish(source)  # now that the exception is gone, and what it held with it


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
