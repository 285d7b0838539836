"""The page of a scan in a real browser: its text is selected where it stands on the picture, and both are printed."""

from __future__ import annotations

import io
from pathlib import Path

import pypdfium2
import pypdfium2.raw
import pytest
from playwright.sync_api import Browser

from carefile.core.documents.picture import Picture
from carefile.core.documents.recognition import Line, RecognisedPage, Word, recognition_of
from carefile.core.documents.scans import with_recognition
from carefile.page.render import PageHeader, render
from lambdas.readers import Content, read
from tests.readers.browser import needs_chromium
from tests.scans.paper import page, tiff

pytestmark = [pytest.mark.prove, needs_chromium, pytest.mark.timeout(120)]
HEADER = PageHeader(
    "fax", "document", "Juan_Perez_123", "2026-11-20T10:00:00Z", "s3://landing/fax.tiff", "v1"
)
_WIDE, _HIGH = 850, 1100


def word(text: str, left: int, top: int) -> Word:
    return Word(text, (left, top, left + 12 * len(text), top + 20), 95)


LINES = (
    Line((word("Patient:", 100, 100), word("Juan", 400, 100), word("Pérez", 460, 100))),
    Line((word("MRN:", 100, 140), word("4711-03", 400, 140))),
)


def result_page() -> str:
    scan, file = page(dpi=100), io.BytesIO()
    scan.convert("L").resize((_WIDE, _HIGH)).save(file, "JPEG")
    data = tiff([scan])
    extraction = read(Content(data, len(data)), name="fax.tiff", declared_type=None)
    recognised = recognition_of("tesseract", "5", ("eng",), [RecognisedPage(1, _WIDE, _HIGH, 0, LINES)])
    shown = {1: Picture(file.getvalue(), "image/jpeg", _WIDE, _HIGH, "Page 1")}
    return render(with_recognition(extraction, recognised, shown), HEADER)


def test_the_text_is_selected_on_the_picture_line_by_line(browser: Browser) -> None:
    tab = browser.new_page(viewport={"width": 1000, "height": 1400})
    tab.set_content(result_page())
    first = tab.locator(".scan tspan", has_text="Patient:").bounding_box()
    last = tab.locator(".scan tspan", has_text="4711-03").bounding_box()
    picture = tab.locator(".scan image").bounding_box()
    assert first
    assert last
    assert picture

    tab.mouse.move(first["x"] + 1, first["y"] + first["height"] / 2)
    tab.mouse.down()
    tab.mouse.move(last["x"] + last["width"] - 1, last["y"] + last["height"] / 2, steps=8)
    tab.mouse.up()

    assert tab.evaluate("getSelection().toString()") == "Patient: Juan Pérez\nMRN: 4711-03"
    scale = picture["width"] / _WIDE
    assert abs(last["x"] - picture["x"] - 400 * scale) < 3
    assert abs(last["width"] - 12 * len("4711-03") * scale) < 3


def test_the_picture_is_printed_and_the_text_with_it(browser: Browser, tmp_path: Path) -> None:
    tab = browser.new_page()
    tab.set_content(result_page())
    printed = pypdfium2.PdfDocument(tab.pdf(path=tmp_path / "printed.pdf", format="A4"))

    text = "".join(sheet.get_textpage().get_text_range() for sheet in printed)
    pictures = [
        thing for sheet in printed for thing in sheet.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])
    ]
    assert "Patient: Juan Pérez" in text
    assert "MRN: 4711-03" in text
    (picture,) = pictures
    left, bottom, right, top = picture.get_bounds()
    assert right - left > 350, "points; a sheet of A4 has 595 by 842"
    assert top - bottom > 450
    assert len(printed) <= 4
