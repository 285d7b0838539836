"""DICOM: what is told of it, whose it is, and that pixels and private elements are never looked at."""

from __future__ import annotations

import sys
import zlib

import pytest

from carefile.core.documents.extraction import Extraction, Heading, Status, TextBlock
from lambdas.readers import Content, read
from lambdas.readers.base import Source
from lambdas.readers.formats.dicom import reader as dicom
from lambdas.readers.limits import MAX_READ
from lambdas.readers.registry import read_with
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
