"""Whose a JSON document is: the five fields, where they stand, and what is not taken for an identifier."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carefile.core.deciding.patient_fields import STANDARD as FIELDS
from carefile.core.deciding.patient_fields import PatientFields
from carefile.core.documents.extraction import Extraction
from lambdas.adapters import contracts
from lambdas.readers import Content, read
from lambdas.readers.limits import MAX_CANDIDATES, MAX_READ_HERE, MAX_TEXT_BYTES
from tests.readers.here import read_here
from tests.readers.reading import speaking


def read_text(text: str, size: int | None = None) -> Extraction:
    data = text.encode()
    with read_here():
        return read(Content(data, size or len(data)), name="x.json", declared_type=None)


def read_json(value: Any) -> Extraction:
    return read_text(json.dumps(value))


def found(extraction: Extraction) -> list[tuple[str, str]]:
    return [(candidate.value, candidate.where) for candidate in extraction.patient_candidates]


@pytest.mark.parametrize("field", FIELDS)
def test_each_field_names_the_patient(field: str) -> None:
    assert found(read_json({field: "A_1"})) == [("A_1", f"/{field}")]


def test_the_first_field_of_the_list_speaks_wherever_it_stands() -> None:
    record = {field: f"id_{rank}" for rank, field in enumerate(FIELDS)}
    extraction = read_json(dict(reversed(record.items())))
    assert speaking(extraction) == {"id_0"}
    assert len(extraction.patient_candidates) == len(FIELDS)


def test_records_in_a_list_are_all_told_by_json_pointer() -> None:
    extraction = read_json({"a/b~": [{"x": {"mrn": 7}}, {"x": {"mrn": 8}}]})
    assert found(extraction) == [("7", "/a~1b~0/0/x/mrn"), ("8", "/a~1b~0/1/x/mrn")]


@pytest.mark.parametrize(
    "value",
    [
        {"name": "x", "mother": {"patient_id": "A_1"}},
        {"emergencyContacts": [{"name": "x", "ids": {"mrn": "A_1"}}]},
        {"next_of_kin": {"mrn": "A_1"}},
        {"people": [{"relationship": "donor", "patient_id": "A_1"}]},
        {"patient_id": "B_2", "guardian": {"mrn": "A_1"}},
    ],
)
def test_who_stands_under_somebody_else_is_told_and_decides_nothing(value: Any) -> None:
    extraction = read_json(value)
    assert "A_1" in {who for who, _ in found(extraction)}
    assert not extraction.candidates_complete


@pytest.mark.parametrize(
    "value",
    [
        {"patient_id": "A_1", "contact": {"patient_id": "A_1"}},
        {"patient_id": "A_1", "guardian": {"mrn": ""}},
        {"patient_id": "A_1", "relationship": "self"},
        {"patient_id": "A_1", "mother": {"name": "x"}},
        {"parentheses": {"patient_id": "A_1"}},
    ],
)
def test_nobody_else_is_named_where_no_other_id_stands(value: Any) -> None:
    extraction = read_json(value)
    assert speaking(extraction) == {"A_1"}
    assert extraction.candidates_complete


@pytest.mark.parametrize(
    ("value", "who"),
    [
        ({"patient_id": "A", "records": [{"mrn": "M"}, {"mrn": "M"}]}, {"A"}),
        ({"patient_id": "A", "records": [{"mrn": "M"}, {"mrn": "N"}]}, {"A", "M", "N"}),
        ({"patient_id": "A", "mrn": "M", "records": [{"mrn": "M"}]}, {"A"}),
        ({"patient_id": "A", "mrn": "M", "records": [{"mrn": "N"}]}, {"A", "N"}),
        ({"patient_id": "A", "records": [{"mrn": "M"}, {"medical_record_number": "N"}]}, {"A", "M", "N"}),
        ({"patient_id": "A", "x": {"mrn": "M", "y": [{"patientId": "O"}, {"patientId": "P"}]}}, None),
        ({"patient_id": "A", "x": {"mrn": "M", "y": [{"patientId": "O"}, {"patientId": "O"}]}}, {"A"}),
    ],
)
def test_an_outer_id_speaks_for_inner_ones_only_if_these_agree(value: Any, who: set[str] | None) -> None:
    assert speaking(read_json(value)) == (who or {"A", "M", "O", "P"})


def test_json_lines_are_told_by_line() -> None:
    assert found(read_text('{"mrn": "a"}\n\n{"mrn": "b"}\n')) == [
        ("a", "line 1: /mrn"),
        ("b", "line 3: /mrn"),
    ]


def test_numbers_keep_the_digits_they_were_written_with() -> None:
    assert not read_text('{"patient_id": 00}').candidates_complete  # no JSON
    assert found(read_text('{"patient_id": 12345678901234567890123}'))[0][0] == "12345678901234567890123"
    assert found(read_text('{"patient_id": 1.10}'))[0][0] == "1.10"


@pytest.mark.parametrize("value", [None, True, {"value": "A_1"}, [None, {}]])
def test_what_is_no_text_and_no_number_names_nobody(value: Any) -> None:
    assert found(read_json({"patient_id": value})) == []


@pytest.mark.parametrize("name", ["PatientID", "MRN", "patient-id", "MRN #", "Medical Record No."])
def test_a_member_is_known_as_people_write_it(name: str) -> None:
    data, fields = json.dumps({name: "A_1"}).encode(), contracts.rules().patient_fields
    assert speaking(read(Content(data, len(data)), name="x", declared_type=None, fields=fields)) == {"A_1"}


@pytest.mark.parametrize(
    "name", ["Patient", "ID", "Patient name", "No.", "Patient Account Number", "MRN of mother"]
)
def test_other_names_name_nobody(name: str) -> None:
    assert found(read_json({name: "A_1"})) == []


def test_a_deployment_has_names_of_its_own() -> None:
    data = b'{"Chart No": "C-1", "mrn": "A_1"}'
    fields = PatientFields.of(["chart_number"])
    for content in (data, data + b" " * MAX_READ_HERE):  # in this process, and in one of its own
        extraction = read(Content(content, len(content)), name="x", declared_type=None, fields=fields)
        assert speaking(extraction) == {"C-1"}


@pytest.mark.parametrize("value", ["x" * 257, "a\u0000b", "\ud800"])
def test_an_impossible_identifier_is_not_kept_and_not_passed_over(value: str) -> None:
    extraction = read_json({"patient_id": value, "mrn": "4711"})
    assert found(extraction) == [("4711", "/mrn")]
    assert not extraction.candidates_complete


def test_two_records_whose_places_would_look_alike_are_not_mixed_up() -> None:
    extraction = read_json({"\u0001": {"patient_id": "A_1"}, "\u0002": {"mrn": "B_2"}})
    assert not extraction.candidates_complete


def test_all_records_of_one_patient_are_complete_however_many() -> None:
    extraction = read_json([{"patient_id": "A_1"}] * 1000)
    assert len(extraction.patient_candidates) == MAX_CANDIDATES
    assert extraction.candidates_complete


def test_one_other_patient_among_very_many_records_is_seen() -> None:
    assert speaking(read_json([{"patient_id": "A_1"}] * 1000 + [{"patient_id": "B_2"}])) == {"A_1", "B_2"}


def test_more_patients_than_are_kept_are_not_complete() -> None:
    extraction = read_json([{"patient_id": f"A_{number}"} for number in range(500)])
    assert not extraction.candidates_complete
    assert "patient identifiers" in {cut.what for cut in extraction.cuts}


def test_a_document_that_is_not_read_to_its_end_is_not_complete() -> None:
    line = '{"patient_id": "A_1", "text": "' + "x" * 1000 + '"}\n'
    extraction = read_text(line * (MAX_TEXT_BYTES // len(line) + 2))
    assert extraction.document.format == "ndjson"
    assert not extraction.candidates_complete
    assert not read_text('{"patient_id": "A_1", "more": [', size=10**9).candidates_complete


ROW = json.dumps({"patient_id": "A_1", "mrn": "7", "values": [1] * 100})


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (f"[{', '.join([ROW] * 5000)}]", None),  # too many values
        (f"[{ROW}, {ROW}, ", 10**9),  # the beginning of a large one
        (f"[{ROW}, {ROW}", None),  # damaged
        ("[" * 200 + ROW + "]" * 200, None),
    ],
)
def test_json_that_is_not_parsed_is_asked_whom_it_seems_to_name_and_decides_nothing(
    text: str, size: int | None
) -> None:
    extraction = read_text(text, size)
    assert extraction.content
    assert speaking(extraction) == {"A_1"}
    assert not extraction.candidates_complete
    assert (
        speaking(read_text(text.replace("A_1", "B_2", 1), size)) == {"A_1", "B_2"} or text.count("A_1") == 1
    )


def test_an_id_at_the_end_of_a_cut_text_is_not_taken_for_whole() -> None:
    for text in ('{"patient_id": "A_1', '{"patient_id": 471'):
        assert found(read_text(text, 10**9)) == []


def test_lines_are_read_as_far_as_the_limit_goes() -> None:
    extraction = read_text("\n".join([ROW] * 5000 + [ROW.replace("A_1", "B_2")]))
    assert extraction.document.format == "ndjson"
    assert speaking(extraction) == {"A_1"}
    assert not extraction.candidates_complete
    assert "lines" in {cut.what for cut in extraction.cuts}


@pytest.mark.parametrize(
    ("text", "candidates"),
    [
        ("patient_id,test,value\nA,Hb,1\nA,K,2\nA,Na,3\n", [("A", "row 1: patient_id")]),
        ("MRN;test;value\nA;Hb;1\nB;K;2\nA;Na;3\n", [("A", "row 1: MRN"), ("B", "row 2: MRN")]),
        ("Patient ID,mrn,value\nA,7,1\nA,7,2\n", [("A", "row 1: Patient ID"), ("7", "row 1: mrn")]),
        ("patient_id,test,value\nA,Hb,1\n,K,2\n", [("A", "row 1: patient_id"), ("", "row 2: patient_id")]),
        ("patient_id,test,value\nA,Hb,1\nB,K\n", [("A", "row 1: patient_id"), ("", "row 2: patient_id")]),
        ("name,test,value\nA,Hb,1\nA,K,2\n", []),
        ("1,test,patient_id\n2,a,b\n2,c,b\n", [("b", "row 1: patient_id")]),
        ("Report,,\nmrn,x,y\n1,a,b\n2,c,d\n", [("1", "row 1: mrn"), ("2", "row 2: mrn")]),
        (
            "mrn,x,y\n1,a,b\nnext,,\nx,y,MRN\na,b,2\n",
            [("1", "row 1: mrn"), ("next", "row 2: mrn"), ("2", "row 3: MRN")],
        ),
        ("mrn,x,x\n1,a,b\n1,c,d\n", [("1", "row 1: mrn")]),
    ],
)
def test_a_column_of_a_table_names_the_patient_of_each_row(
    text: str, candidates: list[tuple[str, str]]
) -> None:
    extraction = read(Content(text.encode(), len(text)), name="x.csv", declared_type=None)
    assert extraction.document.format == "csv"
    assert found(extraction) == candidates


@pytest.mark.parametrize(
    ("text", "who", "complete"),
    [
        ("patient_id,weight\nA1,70\n", {"A1"}, True),
        ("patient_id,P1\nname,Juan\nborn,1980\n", {"P1"}, False),
        ("name,Juan\nMRN,4711\n", {"4711"}, False),
        ("name,Juan,MRN,4711\nborn,1980,ward,3\n", {"4711"}, False),
        ("patient_id,HbA1c,K\nA1,7,4\n", {"A1"}, False),
        ("patient_id,test,value\nJuan,Hb,1\n", {"Juan"}, False),
        ("patient_id,relationship,x\nA1,mother,1\n", {"A1"}, False),
        ("patient_id,test,value\n", set(), True),
    ],
)
def test_a_row_that_may_be_of_a_form_tells_and_decides_nothing(
    text: str, who: set[str], complete: bool
) -> None:
    extraction = read(Content(text.encode(), len(text)), name="x.csv", declared_type=None)
    assert speaking(extraction) == who
    assert extraction.candidates_complete is complete


def test_every_row_of_a_table_is_asked_also_those_that_are_not_kept() -> None:
    text = "patient_id,test,value\n" + "A,Hb,1\n" * 5000 + "B,Hb,1\n"
    extraction = read(Content(text.encode(), len(text)), name="x.csv", declared_type=None)
    assert speaking(extraction) == {"A", "B"}
    cut = read(Content(text.encode(), 10**9), name="x.csv", declared_type=None)
    assert not cut.candidates_complete
