"""DICOM: what is told of it, whose it is, and that pixels and private elements are never looked at."""

from __future__ import annotations

import io
import struct
import sys
import zlib
from array import array
from typing import Any

import pydicom
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from carefile.core.documents.extraction import Extraction, Heading, Status, TextBlock
from carefile.core.documents.picture import Picture
from lambdas.readers import Content, read
from lambdas.readers.formats.dicom import reader as dicom
from lambdas.readers.limits import MAX_PICTURE, MAX_PICTURE_SIDE, MAX_READ
from lambdas.readers.reading import read_with
from lambdas.readers.source import Source
from tests.readers.dicoms import EXAMPLE, data_set, dicom_of, report
from tests.readers.reading import codes, facts_of, found, read_bytes, speaking
from tests.readers.schema import assert_is_fit


def read_here(data: bytes, name: str = "x.dcm", size: int | None = None) -> Extraction:
    """Without a process of its own, which is what takes the time."""
    source = Source(Content(data, size or len(data)), name, None)
    assert dicom.READER.recognises(source)
    extraction = read_with(dicom.READER, source)
    assert_is_fit(extraction)
    assert "reader-failed" not in codes(extraction)
    return extraction


def test_a_file_is_told_by_its_content_and_read_in_a_process_of_its_own() -> None:
    extraction = read_bytes(dicom_of(**EXAMPLE), "letter.pdf", "application/pdf")
    assert (extraction.document.format, extraction.status) == ("dicom", Status.READ)
    assert found(extraction) == [("4711", "SANTELMO")]


def bare(data: bytes) -> bytes:
    """The elements alone, without the file's own: as modalities without files store them."""
    data_set = pydicom.dcmread(io.BytesIO(data))
    file = DicomBytesIO()
    file.is_little_endian, file.is_implicit_VR = True, True
    write_dataset(file, Dataset(data_set))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        dicom_of(preamble=False, **EXAMPLE),
        dicom_of(preamble=False, **EXAMPLE)[12:],
        bare(dicom_of(**EXAMPLE)),
        dicom_of(preamble=False, deflated=True, **EXAMPLE),
    ],
    ids=["no-preamble", "no-group-length", "elements", "deflated"],
)
def test_one_without_preamble_or_name_is_known_by_its_elements(data: bytes) -> None:
    extraction = read_here(data, "IM0001")
    assert found(extraction) == [("4711", "SANTELMO")]


@pytest.mark.parametrize(
    "data",
    [
        b"\x02\x00\x00\x00",
        b"\x08\x00\x05\x00" * 50,
        b"\x02\x00\x00\x00UL\x04\x00" + b"\x00" * 200,
        b"\x08\x00\x05\x00CS\xff\xff" + b"a" * 400,
        bytes(range(256)),
        dicom_of(preamble=False, **EXAMPLE)[:40],
    ],
)
def test_bytes_that_only_begin_alike_are_no_dicom(data: bytes) -> None:
    assert not dicom.READER.recognises(Source(Content(data, len(data)), "IM0001", None))


@pytest.mark.parametrize(
    ("charset", "written", "shown"),
    [
        ("ISO_IR 192", "Yamada^Tarou=山田^太郎=やまだ^たろう", "Tarou Yamada (山田 太郎, やまだ たろう)"),
        (
            ["", "ISO 2022 IR 87"],
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
            "Tarou Yamada (山田 太郎, やまだ たろう)",
        ),
        (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동", "Gildong Hong (洪 吉洞, 홍 길동)"),
        ("ISO_IR 192", "=山田^太郎", "山田 太郎"),
        ("ISO_IR 192", "Doe^Ann==", "Ann Doe"),
        ("ISO_IR 101", "Dvořák^Jan", "Jan Dvořák"),
    ],
)
def test_a_name_is_shown_in_each_of_its_scripts(charset, written: str, shown: str) -> None:
    extraction = read_here(
        dicom_of(SpecificCharacterSet=charset, PatientName=written, StudyInstanceUID="1.2")
    )
    assert facts_of(extraction, "Patient") == [{"name": shown}]


def test_a_character_set_that_is_not_known_is_told() -> None:
    data = dicom_of(SpecificCharacterSet="ISO_IR 192", PatientName="Doe^Ann").replace(
        b"ISO_IR 192", b"ISO_IR 777"
    )
    assert "character-set" in codes(read_here(data))


def image_of(pixels: bytes, **elements: Any) -> bytes:
    about = {"Rows": 2, "Columns": 2, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    return dicom_of(**{**about, "PixelRepresentation": 0, "Modality": "CT", **elements}, pixels=pixels)


def picture_of(data: bytes, size: int | None = None) -> Picture | None:
    assert dicom.READER.picture is not None
    return dicom.READER.picture(Source(Content(data, size or len(data)), "x", None))


def greys(data: bytes) -> list[int]:
    """The picture's pixels, large enough that a JPEG keeps them apart."""
    picture = picture_of(data)
    assert picture is not None
    image = Image.open(io.BytesIO(picture.data)).convert("L")
    width, height = image.size
    return [image.getpixel((x * width // 4, y * height // 4)) for y in (1, 3) for x in (1, 3)]


def blocks(values: list[int], kind: str) -> bytes:
    """Four squares, each of one value."""
    rows = [[values[0]] * 16 + [values[1]] * 16] * 16 + [[values[2]] * 16 + [values[3]] * 16] * 16
    return array(kind, [value for row in rows for value in row]).tobytes()


def squares(values: list[int], kind: str = "H", **elements: Any) -> bytes:
    return image_of(
        blocks(values, kind), Rows=32, Columns=32, BitsAllocated=8 * array(kind).itemsize, **elements
    )


WINDOW = {"WindowCenter": 0, "WindowWidth": 400}
HOUNSFIELD = {"RescaleSlope": 1, "RescaleIntercept": -1000, **WINDOW}


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (squares([0, 4095, 2048, 1024]), [0, 255, 127, 64]),
        (squares([0, 255, 128, 64], "B"), [0, 255, 128, 64]),
        (squares([0, 4095, 2048, 1024], PhotometricInterpretation="MONOCHROME1"), [255, 0, 127, 191]),
        (squares([0, 800, 1000, 1200], **HOUNSFIELD), [0, 0, 128, 255]),
        (squares([-1000, -200, 0, 200], "h", PixelRepresentation=1, **WINDOW), [0, 0, 128, 255]),
        (squares([0xFFF, 0, 1, 2], PixelRepresentation=1, BitsStored=12), [0, 85, 170, 255]),
        (squares([7, 7, 7, 7]), [0, 0, 0, 0]),
    ],
)  # fmt: skip
def test_a_picture_shows_the_window_that_the_image_asks_for(data: bytes, seen: list[int]) -> None:
    assert greys(data) == pytest.approx(seen, abs=6)


def test_colours_are_shown_whether_they_stand_together_or_apart() -> None:
    red = bytes([250, 10, 20])
    for pixels, planar in ((red * 1024, 0), (b"".join(bytes([c]) * 1024 for c in red), 1)):
        picture = picture_of(
            image_of(
                pixels, Rows=32, Columns=32, SamplesPerPixel=3, PhotometricInterpretation="RGB", BitsAllocated=8,
                PlanarConfiguration=planar,
            )
        )  # fmt: skip
        assert picture is not None
        assert Image.open(io.BytesIO(picture.data)).getpixel((5, 5)) == pytest.approx((250, 10, 20), abs=8)


def encoded(mode: str, raw: bytes, format_: str, **how: Any) -> bytes:
    file = io.BytesIO()
    Image.frombytes(mode, (32, 32), raw).save(file, format_, **how)
    return file.getvalue()


def run_lengths(raw: bytes) -> bytes:
    """One segment of literal runs a byte of each value, the higher one first."""
    segments = []
    for plane in (raw[1::2], raw[0::2]):
        runs = b"".join(bytes([127]) + plane[at : at + 128] for at in range(0, len(plane), 128))
        segments.append(runs)
    offsets = [2, 64, 64 + len(segments[0])]
    return struct.pack("<16I", *offsets, *[0] * 13) + b"".join(segments)


DEEP = blocks([0, 4095, 2048, 1024], "H")


@pytest.mark.parametrize(
    ("syntax", "pixels", "elements"),
    [
        (
            JPEGBaseline8Bit,
            encoded("L", blocks([0, 255, 128, 64], "B"), "JPEG", quality=95),
            {"BitsAllocated": 8},
        ),
        (JPEG2000Lossless, encoded("L", blocks([0, 255, 128, 64], "B"), "JPEG2000"), {"BitsAllocated": 8}),
        (JPEG2000Lossless, encoded("I;16", blocks([0, 65535, 32768, 16384], "H"), "JPEG2000"), {}),
        (RLELossless, run_lengths(DEEP), {"BitsStored": 16}),
    ],
    ids=["jpeg", "jpeg-2000", "jpeg-2000-deep", "run-lengths"],
)
def test_the_usual_compressions_are_shown(syntax: str, pixels: bytes, elements: dict[str, int]) -> None:
    assert greys(image_of(pixels, Rows=32, Columns=32, syntax=syntax, **elements)) == pytest.approx(
        [0, 255, 128, 64], abs=8
    )


def test_of_several_frames_the_first_is_shown() -> None:
    first, second = blocks([0, 4095, 2048, 1024], "H"), blocks([4095, 0, 0, 0], "H")
    data = image_of(first + second, Rows=32, Columns=32, NumberOfFrames=2)
    assert greys(data) == pytest.approx([0, 255, 127, 64], abs=6)
    picture = picture_of(data)
    assert picture is not None
    assert picture.alt == "The first of its frames"


def test_a_large_image_is_made_small() -> None:
    picture = picture_of(image_of(b"\x01\x00" * 3000 * 1500, Rows=1500, Columns=3000))
    assert picture is not None
    assert max(picture.width, picture.height) <= MAX_PICTURE_SIDE
    assert len(picture.data) <= MAX_PICTURE


@pytest.mark.parametrize(
    ("data", "size", "why"),
    [
        (image_of(b"xx" * 4, syntax=JPEGLSLossless), None, "compressed in a way"),
        (image_of(b"xx" * 4), 10**9, "too large"),
        (image_of(b"xx" * 4, Rows=60_000, Columns=60_000), None, "too many pixels"),
    ],
)
def test_an_image_without_a_picture_says_why(data: bytes, size: int | None, why: str) -> None:
    extraction = read_here(data, size=size)
    assert any(w.code == "no-picture" and why in w.message for w in extraction.warnings)
    assert picture_of(data, size) is None


def test_an_image_whose_pixels_are_damaged_says_so_and_keeps_its_record() -> None:
    extraction = read_bytes(image_of(b"xx", PatientID="4711"), "x.dcm")
    assert extraction.picture is None
    assert {w.message for w in extraction.warnings} == {"A picture of the document could not be made."}
    assert found(extraction) == [("4711", None)]


@pytest.mark.timeout(60)
def test_a_frame_that_is_far_larger_than_the_image_says_is_not_decoded() -> None:
    frame = bytearray(encoded("L", bytes(1024), "JPEG"))
    start = frame.index(b"\xff\xc0") + 5
    frame[start : start + 4] = struct.pack(">HH", 6_000, 5_000)
    data = image_of(bytes(frame), BitsAllocated=8, syntax=JPEGBaseline8Bit, PatientID="4711")
    with pytest.raises(ValueError, match="larger"):
        picture_of(data)
    assert codes(read_bytes(data, "x.dcm")) == {"no-picture"}


def test_an_image_in_a_process_of_its_own_has_its_picture() -> None:
    extraction = read_bytes(squares([0, 4095, 2048, 1024], PatientID="4711"))
    assert extraction.picture is not None
    assert not extraction.warnings


@pytest.mark.parametrize(
    ("elements", "is_told"),
    [({"Modality": "CT"}, False), ({"Modality": "US"}, True), ({"Modality": "US", "BurnedInAnnotation": "NO"}, False),
     ({"Modality": "CT", "BurnedInAnnotation": "YES"}, True)],
)  # fmt: skip
def test_text_in_the_picture_is_said_to_be_unread(elements: dict[str, str], is_told: bool) -> None:
    assert ("picture" in codes(read_here(image_of(b"xx" * 4, **elements)))) is is_told


@pytest.mark.parametrize("preamble", [True, False])
@pytest.mark.parametrize("deflated", [True, False])
def test_it_is_read_with_and_without_preamble_and_deflated(preamble: bool, deflated: bool) -> None:
    extraction = read_here(dicom_of(preamble=preamble, deflated=deflated, **EXAMPLE))
    (patient,) = facts_of(extraction, "Patient")
    assert patient["name"] == "Sra. María Inés López"
    assert (patient["birth date"], patient["age"]) == ("1984-02-11", "40 years")
    (study,) = facts_of(extraction, "Study")
    assert study["when"] == "2024-10-28T09:15:00"


def test_pixels_and_private_elements_are_passed_over() -> None:
    data = data_set(**EXAMPLE)
    data.private_block(0x0011, "SECRET", create=True).add_new(1, "LO", "a private word")
    elements = {element.keyword: element.value for element in data if element.keyword}
    extraction = read_here(dicom_of(**elements, pixels=b"PIXELS!!" * 4))
    assert b"PIXELS" not in extraction.to_bytes()
    assert b"private" not in extraction.to_bytes()


def test_of_a_large_file_the_beginning_is_enough() -> None:
    data = dicom_of(**EXAMPLE, pixels=b"\x00" * 100_000)
    extraction = read_here(data[:5000], size=MAX_READ * 10)
    assert extraction.status is Status.READ
    assert extraction.candidates_complete


@pytest.mark.parametrize(
    ("elements", "candidates"),
    [
        ({"PatientID": " 4711 "}, [("4711", None)]),
        ({"PatientID": ""}, []),
        ({"PatientID": "1", "IssuerOfPatientID": "H"}, [("1", "H")]),
        (
            {"PatientID": "1", "IssuerOfPatientIDQualifiersSequence": [data_set(UniversalEntityID="1.2.3")]},
            [("1", "1.2.3")],
        ),
        (
            {
                "PatientID": "1",
                "OtherPatientIDsSequence": [
                    data_set(PatientID="2", IssuerOfPatientID="I"),
                    data_set(PatientID="3"),
                ],
            },
            [("1", None), ("2", "I"), ("3", None)],
        ),
    ],
)
def test_the_patient_is_named_by_patient_id_and_what_else_they_are_called(elements, candidates) -> None:
    extraction = read_here(dicom_of(StudyInstanceUID="1.2", **elements))
    assert found(extraction) == candidates
    assert speaking(extraction) == {value for value, _ in candidates[:1]}


@pytest.mark.parametrize(
    ("elements", "who"),
    [
        ({"OtherPatientIDsSequence": [data_set(PatientID="2", IssuerOfPatientID="I")]}, {"2"}),
        ({"PatientID": "", "OtherPatientIDs": "2"}, {"2"}),
        (
            {
                "PatientID": "G",
                "GroupOfPatientsIdentificationSequence": [data_set(PatientID="1"), data_set(PatientID="2")],
            },
            {"G", "1", "2"},
        ),
        ({"PatientID": "G", "GroupOfPatientsIdentificationSequence": []}, {"G"}),
        ({"PatientID": "1\\2"}, {"1\\2"}),
    ],
)
def test_what_is_no_patient_s_own_id_is_told_and_decides_nothing(elements, who: set[str]) -> None:
    extraction = read_here(dicom_of(StudyInstanceUID="1.2", **elements))
    assert speaking(extraction) == who
    assert not extraction.candidates_complete


def test_a_file_cut_within_the_patient_does_not_decide() -> None:
    """Half an identifier is another patient's."""
    data = dicom_of(**EXAMPLE | {"PatientID": "4711-2024", "StudyInstanceUID": "1.2.3.4"})
    for end in range(data.index(b"4711-2024") + 1, data.index(b"4711-2024") + 30):
        extraction = read_here(data[:end])
        assert not extraction.candidates_complete or speaking(extraction) == {"4711-2024"}
    assert read_here(data).candidates_complete


def test_a_directory_names_all_its_patients_and_decides_nothing() -> None:
    records = [
        data_set(DirectoryRecordType="PATIENT", PatientID=number, PatientName="A^B") for number in ("1", "2")
    ]
    extraction = read_here(dicom_of(pixels=b"", DirectoryRecordSequence=records, StudyInstanceUID="1.2"))
    assert speaking(extraction) == {"1", "2"}
    assert not extraction.candidates_complete


def test_a_structured_report_is_told_in_its_order() -> None:
    assert read_here(report()).content == (
        Heading("CT report"),
        TextBlock("Observer: Dra. Ana Ruiz"),
        Heading("Findings", 2),
        TextBlock("Finding: Nodule, right upper lobe."),
        TextBlock("Diameter: 6.5 mm"),
        TextBlock("Margin: Smooth"),
    )


def test_a_report_says_what_it_is_sure_of() -> None:
    code = [data_set(CodeMeaning="Diameter")]
    values = [
        data_set(NumericValue=number, MeasurementUnitsCodeSequence=[data_set(CodeValue="mm")])
        for number in "67"
    ]
    items = [
        data_set(ValueType="NUM", ConceptNameCodeSequence=code, MeasuredValueSequence=values),
        data_set(ValueType="NUM", NumericValueQualifierCodeSequence=[data_set(CodeMeaning="Not a number")]),
        data_set(ValueType="IMAGE", ConceptNameCodeSequence=code),
    ]
    flags = {"CompletionFlag": "PARTIAL", "VerificationFlag": "UNVERIFIED", "PreliminaryFlag": "PRELIMINARY"}
    extraction = read_here(dicom_of(pixels=b"", ValueType="CONTAINER", ContentSequence=items, **flags))
    assert facts_of(extraction, "Report") == [
        {"completion": "PARTIAL", "verification": "UNVERIFIED", "preliminary": "PRELIMINARY"}
    ]
    texts = [block.text for block in extraction.content if isinstance(block, TextBlock)]
    assert texts == ["Diameter: 6 mm, 7 mm", "Not a number", "Diameter: (image)"]


def test_a_report_that_nests_without_end_is_cut() -> None:
    item = data_set(ValueType="TEXT", TextValue="deep")
    for _ in range(80):
        item = data_set(ValueType="CONTAINER", ContentSequence=[item])
    extraction = read_here(dicom_of(pixels=b"", ValueType="CONTAINER", ContentSequence=[item]))
    assert "levels" in {cut.what for cut in extraction.cuts}


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux bounds the memory of a process this way")
def test_one_that_unpacks_to_more_memory_than_there_is_is_not_read() -> None:
    head = dicom_of(deflated=True, pixels=b"", PatientID="4711")
    start = head.index(b"1.2.840.10008.1.2.1.99") + 22
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(b"\x00" * 1_000_000) for _ in range(400)) + packer.flush()
    data = head[:start] + bomb
    assert len(data) < 500_000
    extraction = read(Content(data, len(data)), name="x.dcm", declared_type=None)
    assert extraction.status is Status.NOT_READ
    assert not extraction.candidates_complete


def test_what_only_claims_to_be_one_is_left_to_other_readers() -> None:
    assert read_bytes(b"a plain note", "x.dcm", "application/dicom").document.format == "text"
    assert read_bytes(b"\x08\x00\x05\x00" + b"\xff" * 50, "x.dcm").document.format != "text"
