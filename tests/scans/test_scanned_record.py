"""The record and the page of a document whose pictures were read: what they hold, and what they never decide."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import docx
import jsonschema
import pytest
from PIL import Image

from carefile.core.documents.extraction import Extraction, Status
from carefile.core.documents.picture import Picture
from carefile.core.documents.readers import VERSIONS
from carefile.core.documents.recognition import (
    Line,
    RecognisedPage,
    Recognition,
    Word,
    recognition_of,
)
from carefile.core.documents.scans import awaiting, shows_text, with_recognition
from carefile.page.render import PageHeader, render
from lambdas.readers import Content, read
from tests.readers.dicoms import dicom_of
from tests.scans.paper import LETTER, page, pdf, png, tiff

SCHEMA = json.loads((Path(__file__).parents[2] / "schemas/extracted_data.v3.json").read_text("utf-8"))
HEADER = PageHeader("fax", "document", "unknown", "2026-11-20T10:00:00Z", "s3://landing/fax.tiff", "v1")
DOUBTFUL, SURE = Word("O815<b>", (40, 2, 90, 12), 40), Word("4711", (1, 2, 30, 12), 96)


def extracted(data: bytes, name: str) -> Extraction:
    return read(Content(data, len(data)), name=name, declared_type=None)


def recognised(*pages: RecognisedPage) -> Recognition:
    return recognition_of("tesseract", "5.5.4", ("eng",), pages)


def one(number: int, *words: Word) -> RecognisedPage:
    return RecognisedPage(number, 100, 200, 0, (Line(words or (SURE, DOUBTFUL)),))


def picture() -> Picture:
    file = io.BytesIO()
    Image.new("L", (10, 20), 200).save(file, "JPEG")
    return Picture(file.getvalue(), "image/jpeg", 10, 20, "Page 1")


def docx_with_picture() -> bytes:
    letter, file = docx.Document(), io.BytesIO()
    letter.add_paragraph("See below.")
    letter.add_picture(io.BytesIO(png(page(dpi=50))))
    letter.save(file)
    return file.getvalue()


def capture(kind: str) -> bytes:
    return dicom_of(SOPClassUID=kind, Rows=4, Columns=4, BitsAllocated=16, PatientID="P1")


@pytest.mark.parametrize(
    ("data", "name", "expected"),
    [
        (tiff([page(dpi=50)]), "fax.tiff", True),
        (png(page(dpi=50)), "photo.png", True),
        (pdf([page(dpi=50)]), "scan.pdf", True),
        (pdf([LETTER, page(dpi=50)]), "mixed.pdf", True),
        (pdf([page(dpi=50)], label="Fax 12:03 page 1/1"), "fax.pdf", True),
        (pdf([LETTER]), "letter.pdf", False),
        (docx_with_picture(), "letter.docx", True),
        (b"nothing but text", "note.txt", False),
        (png(page(dpi=50))[:60], "broken.png", False),
        (capture("1.2.840.10008.5.1.4.1.1.7"), "capture.dcm", True),
        (capture("1.2.840.10008.5.1.4.1.1.1"), "chest.dcm", False),
    ],
)
def test_a_document_is_to_be_read_where_a_page_of_it_is_a_picture(
    data: bytes, name: str, expected: bool
) -> None:
    assert shows_text(extracted(data, name)) is expected


def test_a_record_without_a_reading_has_none_and_says_who_read_it() -> None:
    found = extracted(tiff([page(dpi=50)]), "fax.tiff").to_json()

    assert found["reader"] == {"name": "tiff", "version": VERSIONS["tiff"]}
    assert "reading" not in found


@pytest.mark.parametrize("is_read", [True, False])
def test_a_record_with_a_reading_is_valid_and_holds_all_of_v1(is_read: bool) -> None:
    before = extracted(pdf([LETTER, page(dpi=50)]), "mixed.pdf")
    after = with_recognition(before, recognised(one(2)), {}) if is_read else awaiting(before)

    written = json.loads(after.to_bytes())

    jsonschema.validate(written, SCHEMA)
    assert written.keys() == before.to_json().keys() | {"reading"}
    assert written["document"] == before.to_json()["document"]
    assert written["patient"] == before.to_json()["patient"]


def test_recognised_text_stands_in_its_place_and_the_record_is_complete() -> None:
    before = extracted(pdf([LETTER, page(dpi=50), f"{LETTER} again"]), "mixed.pdf")

    after = with_recognition(before, recognised(one(2)), {})

    assert [block.page for block in after.content] == [1, 2, 3]
    assert "4711" in json.dumps(after.to_json()["content"][1])
    assert (after.status, after.reason) == (Status.READ, None)
    assert {warning.code for warning in after.warnings} == {"recognised"}


def test_a_page_that_failed_is_reported_and_the_record_is_not_complete() -> None:
    before = extracted(tiff([page(dpi=50), page(dpi=50)]), "fax.tiff")

    some = with_recognition(before, recognised(one(1), RecognisedPage(2, failed="too-slow")), {})
    none = with_recognition(before, recognised(RecognisedPage(1, failed="damaged")), {})

    assert (some.status, some.reason) == (Status.PARTLY_READ, "failed")
    assert "Page 2 could not be read: too-slow." in {warning.message for warning in some.warnings}
    assert none.status is Status.NOT_READ
    assert none.recognition is not None
    assert none.recognition.summary.to_json() == {
        "status": "failed",
        "engine": "tesseract 5.5.4",
        "reason": "damaged",
    }


def test_nothing_recognised_names_a_patient() -> None:
    before = extracted(pdf([page(dpi=50)]), "scan.pdf")

    after = with_recognition(before, recognised(one(1, Word("MRN", (0, 0, 9, 9), 99), SURE)), {})

    assert after.patient_candidates == before.patient_candidates == ()
    assert after.candidates_complete == before.candidates_complete


def test_the_page_shows_each_picture_with_its_text_in_place_and_marks_doubtful_words() -> None:
    before = extracted(tiff([page(dpi=50)]), "fax.tiff")

    shown = render(with_recognition(before, recognised(one(1)), {1: picture()}), HEADER)

    assert shown.count("<svg") == 1
    assert shown.count("data:image/jpeg;base64,") == 1
    assert re.search(r'<text><tspan x="1" y="12"[^>]*>4711</tspan> <tspan', shown)
    assert shown.count('<rect class="doubt"') == 1
    assert "<mark>O815&lt;b&gt;</mark>" in shown
    assert "<b>" not in shown
    assert "style=" not in shown
    assert "img-src data:" in shown


def test_the_text_beside_a_picture_is_shown_once() -> None:
    before = extracted(pdf([LETTER, page(dpi=50)]), "mixed.pdf")

    shown = render(with_recognition(before, recognised(one(2, SURE)), {}), HEADER)

    assert shown.count("4711</div>") + shown.count("4711\n</div>") == 1
    assert shown.index("Page 1") < shown.index("Page 2")


def test_a_page_that_failed_and_one_without_text_say_so() -> None:
    before = extracted(tiff([page(dpi=50)]), "fax.tiff")
    pages = recognised(RecognisedPage(1, failed="damaged"), RecognisedPage(2, 100, 200))

    shown = render(with_recognition(before, pages, {}), HEADER)

    assert "This page could not be read." in shown
    assert "No text was found on this page." in shown


def test_the_page_of_a_document_that_waits_says_so() -> None:
    shown = render(awaiting(extracted(tiff([page(dpi=50)]), "fax.tiff")), HEADER)

    assert "Pictures are still being read" in shown
