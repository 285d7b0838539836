"""Every page of a document that is drawn has the places of its words, whether it has text or was recognised."""

from __future__ import annotations

from carefile.cli.inbox.records import _pictures
from carefile.core.documents.extraction import DocumentFacts, Extraction, Status, TextBlock
from carefile.core.documents.picture import Picture
from carefile.core.documents.recognition import Line, RecognisedPage, Word, recognition_of
from carefile.page.render import PageHeader, render

HEADER = PageHeader("mixed", "document", "unknown", "2026-11-20T10:00:00Z", "s3://landing/mixed.pdf", "v1")
FIRST = Picture(b"jpeg", "image/jpeg", 100, 200, "The first page", words=(("Juan", (1, 2, 30, 12)),))
LATER = Picture(b"jpeg", "image/jpeg", 10, 20, "Page 2")


def scan(number: int, text: str) -> RecognisedPage:
    return RecognisedPage(number, 10, 20, 0, (Line((Word(text, (1, 1, 9, 9), 90),)),))


def drawn(*scans: RecognisedPage) -> list[tuple[int, list[str]]]:
    record = Extraction(
        DocumentFacts("mixed", 1, 1, "pdf", "application/pdf"),
        Status.READ,
        content=(TextBlock("Juan is referred to you.", page=1),),
        picture=FIRST,
        recognition=recognition_of("tesseract", "5", ("eng",), scans) if scans else None,
        shown={page.page: LATER for page in scans},
    )
    html, pages = render(record, HEADER), {page.page: page for page in scans}
    return [(one.page, [text for text, _ in one.words]) for one in _pictures(html, pages)]


def test_a_page_with_text_of_its_own_is_drawn_before_those_that_were_recognised() -> None:
    assert drawn(scan(2, "Pérez"), scan(3, "García")) == [(1, ["Juan"]), (2, ["Pérez"]), (3, ["García"])]


def test_a_first_page_that_was_recognised_is_drawn_once() -> None:
    assert drawn(scan(1, "Juan"), scan(2, "Pérez")) == [(1, ["Juan"]), (2, ["Pérez"])]


def test_a_document_without_recognised_pages_shows_its_first() -> None:
    assert drawn() == [(1, ["Juan"])]
