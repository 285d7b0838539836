"""PDF: the text of each page, form fields, metadata and the first page as a picture, through PDFium.

Encrypted and scanned documents are named as such.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from carefile.core.documents.extraction import Reason
from carefile.core.documents.picture import Picture
from carefile.core.documents.vocabulary import FACTS
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.pdf.fields import fields_of
from lambdas.readers.formats.pdf.layout import page_text
from lambdas.readers.formats.pdf.pictured import is_pictured
from lambdas.readers.formats.pdf.words import words_of
from lambdas.readers.limits import MAX_PAGES, MAX_PICTURE_SIDE
from lambdas.readers.pictures import picture_of
from lambdas.readers.source import Source
from lambdas.readers.table_patient import describe_form

if TYPE_CHECKING:
    import pypdfium2

_PASSWORD_ERROR = 4  # FPDF_ERR_PASSWORD
_UNKNOWN_HANDLER_ERROR = 5  # FPDF_ERR_SECURITY
_METADATA = {
    "Title": "title",
    "Author": "author",
    "Subject": "subject",
    "Keywords": "keywords",
    "Creator": "creator",
    "Producer": "producer",
    "CreationDate": "created",
    "ModDate": "modified",
}
_DATE = re.compile(r"D:(\d{4})(\d{2})?(\d{2})?(\d{2})?(\d{2})?(\d{2})?(?:(Z)|([+-]\d{2})'?(\d{2})?'?)?")


def _recognises(source: Source) -> bool:
    # Readers of the format allow other bytes before the header.
    return b"%PDF-" in source.data[:1024]


def _read(source: Source, draft: Draft) -> None:
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(source.data)
    except pypdfium2.PdfiumError as error:
        _refuse(getattr(error, "err_code", None), source, draft)
        return
    draft.pages = len(document)
    for name, value in document.get_metadata_dict(skip_empty=True).items():
        draft.fact(_METADATA.get(name, name), _date(value) if name.endswith("Date") else value)
    if document.get_formtype():
        document.init_forms()
    _read_pages(document, draft)


def _refuse(code: int | None, source: Source, draft: Draft) -> None:
    if code in (_PASSWORD_ERROR, _UNKNOWN_HANDLER_ERROR):
        draft.reason = Reason.ENCRYPTED
        draft.warn("encrypted", "The document is protected by a password. Its content is not read.")
        return
    if not source.data.startswith(b"%PDF-"):
        raise NotThisFormatError
    draft.reason = Reason.DAMAGED
    draft.warn("damaged", "The document is damaged. Its content cannot be read.")


def _read_pages(document: pypdfium2.PdfDocument, draft: Draft) -> None:
    import pypdfium2

    pages = min(len(document), MAX_PAGES)
    blank = pictured = labelled = unreadable = 0
    for index in range(pages):
        if draft.is_full:
            draft.text("-")  # one character too many: the draft says what it leaves out
            break
        try:
            page = document[index]
            text = page_text(page.get_textpage(), is_turned=bool(page.get_rotation()))
            fields = fields_of(document, page)
            is_picture = is_pictured(page, text)
            pictured += is_picture
            labelled += is_picture and bool(text.strip())
            if text.strip() or fields:
                draft.text(text, page=index + 1)
                if fields:
                    draft.table(fields, FACTS, page=index + 1, section="Form fields")
                    describe_form(fields, f"form on page {index + 1}", draft)
            elif not is_picture:
                blank += 1
            page.close()
        except pypdfium2.PdfiumError:
            unreadable += 1
    if len(document) > MAX_PAGES:
        draft.cut("pages", "The document has more pages than are read.", MAX_PAGES, len(document))
    if unreadable:
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", f"{unreadable} of {pages} pages cannot be read.")
    elif blank + pictured - labelled == pages:
        draft.reason = Reason.NO_TEXT
    if pictured:
        text = "with little or no text" if labelled else "without text"
        draft.warn("scanned", f"{pictured} of {pages} pages are pictures {text}. They were probably scanned.")
    elif draft.reason is Reason.NO_TEXT:
        draft.warn("no-text", "The document holds no text.")


def _date(value: str) -> str:
    """A PDF date in ISO 8601, as precise as it is given. What is no date stays as it is."""
    match = _DATE.match(value)
    if match is None:
        return value
    year, month, day, hour, minute, second, zulu, offset, offset_minutes = match.groups()
    date = "-".join(part for part in (year, month, day) if part)
    if not (month and day and hour and minute):
        return date
    zone = "Z" if zulu else f"{offset}:{offset_minutes or '00'}" if offset else ""
    return f"{date}T{hour}:{minute}:{second or '00'}{zone}"


def _picture(source: Source) -> Picture | None:
    """The first page, None of a document that does not open."""
    import pypdfium2

    try:
        document = pypdfium2.PdfDocument(source.data)
        if document.get_formtype():
            document.init_forms()
        page = document[0]
    except pypdfium2.PdfiumError:
        return None
    longest = max(*page.get_size(), 1)
    image = page.render(scale=MAX_PICTURE_SIDE / longest).to_pil()
    picture = picture_of(image, "The first page" if len(document) > 1 else "The page")
    try:
        return replace(picture, words=words_of(page, picture.width, picture.height))
    except pypdfium2.PdfiumError:
        return picture


READER = Reader(
    "pdf", "application/pdf", _recognises, _read, isolated=True, needs_whole=True, picture=_picture
)
