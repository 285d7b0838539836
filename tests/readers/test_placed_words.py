"""Words of a PDF with their places on the picture of its page: where ink is, however the page is turned or cropped."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from reportlab.pdfgen import canvas

from carefile.core.documents.picture import MAX_WORDS, Picture
from lambdas.readers.formats.pdf.reader import READER
from lambdas.readers.source import Content, Source

Page = Callable[[canvas.Canvas], None]


def picture(*pages: Page) -> Picture:
    file = io.BytesIO()
    paper = canvas.Canvas(file, pagesize=(595, 842), invariant=1)
    for page in pages:
        page(paper)
        paper.showPage()
    paper.save()
    data = file.getvalue()
    assert READER.picture
    found = READER.picture(Source(Content(data, len(data)), "x.pdf", "application/pdf"))
    assert found
    return found


def letter(paper: canvas.Canvas) -> None:
    paper.setFont("Helvetica", 14)
    paper.drawString(60, 500, "Patient: Juan Pérez García")
    paper.drawString(60, 470, "Born: 03/04/1961")


def turned(degrees: int) -> Page:
    def page(paper: canvas.Canvas) -> None:
        paper.setPageRotation(degrees)
        letter(paper)

    return page


def cropped(paper: canvas.Canvas) -> None:
    paper.setCropBox((40, 400, 400, 600))
    letter(paper)


def ink(found: Picture, box: tuple[int, int, int, int]) -> float:
    """How much of a box is dark."""
    grey = Image.open(io.BytesIO(found.data)).convert("L").crop(box)
    values = list(grey.tobytes())
    return sum(value < 128 for value in values) / len(values)


@pytest.mark.parametrize(
    "page", [letter, turned(90), turned(180), turned(270), cropped], ids=["plain", "90", "180", "270", "crop"]
)
def test_each_word_has_ink_in_its_box_and_none_around_it(page: Page) -> None:
    found = picture(page)
    words = dict(found.words)
    assert words.keys() == {"Patient:", "Juan", "Pérez", "García", "Born:", "03/04/1961"}
    for left, top, right, bottom in words.values():
        assert 0 <= left < right <= found.width
        assert 0 <= top < bottom <= found.height
        assert ink(found, (left, top, right, bottom)) > 0.08
    left = min(box[0] for box in words.values())
    top = min(box[1] for box in words.values())
    right = max(box[2] for box in words.values())
    bottom = max(box[3] for box in words.values())
    total = ink(found, (0, 0, found.width, found.height)) * found.width * found.height
    within = ink(found, (left, top, right, bottom)) * (right - left) * (bottom - top)
    assert within > 0.97 * total


def test_what_is_cropped_away_has_no_place() -> None:
    def page(paper: canvas.Canvas) -> None:
        paper.setCropBox((40, 400, 400, 600))
        letter(paper)
        paper.drawString(60, 100, "hidden")

    assert "hidden" not in dict(picture(page).words)


def test_a_page_full_of_words_has_the_places_of_the_first() -> None:
    def page(paper: canvas.Canvas) -> None:
        paper.setFont("Helvetica", 3)
        for line in range(160):
            paper.drawString(20, 820 - 5 * line, " ".join(f"w{line}.{word}" for word in range(20)))

    assert len(picture(page).words) == MAX_WORDS


def test_a_page_without_text_has_no_places() -> None:
    assert picture(lambda paper: paper.rect(10, 10, 50, 50, fill=1)).words == ()
