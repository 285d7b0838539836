"""Which documents have pages that are pictures, and how their record changes once these are read.

Judged by what the readers report, so a document is looked at once. What was recognised joins the text of the record and
nothing else: whose the document is was decided without it, and stays so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from carefile.core.documents.extraction import Block, Extraction, ReadingWarning, Reason, Status, TextBlock
from carefile.core.documents.picture import Picture
from carefile.core.documents.recognition import PENDING, RecognisedPage, Recognition

# Of a format, the codes of warnings that say that it shows what is not read.
_UNREAD: Mapping[str, frozenset[str]] = {
    "pdf": frozenset({"scanned"}),
    "png": frozenset({"picture"}),
    "jpeg": frozenset({"picture"}),
    "tiff": frozenset({"picture"}),
    "heic": frozenset({"unsupported"}),  # which only what reads scans can decode
    "heif": frozenset({"unsupported"}),
    "docx": frozenset({"pictures"}),
    "dicom": frozenset({"picture", "attachment"}),
}
_DOCUMENTS = ("secondary capture", "encapsulated pdf")  # DICOM images that are documents; others show a body
_OF_PICTURES = (
    Reason.NO_TEXT.value,
    Reason.UNSUPPORTED.value,
)  # that nothing but its pictures was left unread
RECOGNISED = "recognised"
_SECTION = "Recognised text"
_LEFT = (
    "The recognised text speaks for another patient than the one that the document is filed under, which was only read "
    "again. It stays where it was until a person decides whose it is."
)
_FIRST_PAGE = "first-page"  # that only this one is shown, which is so no more


def shows_text(extraction: Extraction) -> bool:
    """Whether pages of the document are pictures that an engine may read."""
    unread = _UNREAD.get(extraction.document.format, frozenset())
    if not unread & {warning.code for warning in extraction.warnings}:
        return False
    return extraction.document.format != "dicom" or _is_document(extraction)


def _is_document(extraction: Extraction) -> bool:
    kinds = (
        value.lower()
        for entity in extraction.entities
        if entity.type == "Image"
        for name, value in entity.attributes
        if name == "kind"
    )
    return any(kind.startswith(known) for kind in kinds for known in _DOCUMENTS)


def awaiting(extraction: Extraction) -> Extraction:
    """The record of a document whose pictures are still to be read."""
    return replace(extraction, recognition=PENDING)


def with_recognition(
    extraction: Extraction, recognition: Recognition, shown: Mapping[int, Picture]
) -> Extraction:
    """Merge the recognised text into the record, in its place among the other pages."""
    unread = _UNREAD.get(extraction.document.format, frozenset())
    recognised = [block_of(page) for page in recognition.pages if page.text]
    content: tuple[Block, ...] = (*extraction.content, *recognised)
    if all(block.page is not None for block in content):
        content = tuple(sorted(content, key=lambda block: block.page or 0))
    warnings = [it for it in extraction.warnings if it.code not in unread and it.code != _FIRST_PAGE]
    reason: str | None = extraction.reason
    if recognition.failed:
        reason = reason if reason and reason not in _OF_PICTURES else Reason.FAILED.value
    elif reason in _OF_PICTURES:
        reason = None
    got_something = bool(content or extraction.entities)
    unfinished = Status.PARTLY_READ if got_something else Status.NOT_READ
    return replace(
        extraction,
        status=Status.READ if reason is None else unfinished,
        reason=reason,
        content=content,
        warnings=(*_said_of(recognition), *warnings),
        recognition=recognition,
        shown=shown,
    )


def block_of(page: RecognisedPage) -> TextBlock:
    """What a page's recognised text is in the record."""
    return TextBlock(page.text, None if page.place else page.page, page.place or _SECTION)


def _said_of(recognition: Recognition) -> list[ReadingWarning]:
    total, failed = len(recognition.pages), recognition.failed
    said = []
    if read := total - len(failed):
        of_what = "1 page" if read == 1 else f"{read} pages"
        said.append(
            ReadingWarning(
                RECOGNISED,
                f"The text of {of_what} was recognised from pictures and may be wrong. Doubtful words are marked.",
            )
        )
    if not recognition.is_evidence:
        said.append(ReadingWarning("owner-would-change", _LEFT))
    for page in failed:
        said.append(ReadingWarning("page-not-read", f"Page {page.page} could not be read: {page.failed}."))
    return said[:50]
