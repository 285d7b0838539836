"""Two patients in one document, wherever a format names one: it is nobody's, also under a key that names either."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carefile.core.deciding.classification import classify
from carefile.core.deciding.patient_fields import STANDARD as FIELDS
from lambdas.adapters import contracts
from tests.readers.here import read_here
from tests.readers.reading import read_bytes
from tests.readers.test_tables import letter, page, workbook

RULES = contracts.rules()
ONE, OTHER = "P-1", "P-2"

MEMBERS = st.sampled_from(["data", "record", "items", "patient", "mother", "contact", "a/b", "x", "subject"])
FILLERS = st.sampled_from([{}, {"note": "well"}, {"values": [1, 2]}, {"name": {"given": ["Ana"]}}])
SYSTEMS = st.sampled_from([{}, {"system": "urn:a"}])
KINDS = st.sampled_from([{}, {"type": {"coding": [{"code": "MR"}]}}, {"use": "old"}])
REFERENCES = st.sampled_from(
    [
        {},
        {"reference": "Patient/1"},
        {"reference": "https://b.example/fhir/Patient/1"},
        {"reference": "urn:uuid:1"},
        {"reference": "#p"},
        {"display": "Ana"},
    ]
)


@pytest.fixture(autouse=True, scope="module")
def _here() -> Iterator[None]:
    with read_here():
        yield


def is_nobodys(data: bytes, name: str = "x") -> None:
    extraction = read_bytes(data, name)
    for key in (name, *(f"documents/{patient}/{name}" for patient in (ONE, OTHER, "P-3"))):
        assert classify(key, (), RULES, None, extraction).patient.id is None, key


@st.composite
def identifiers(draw: st.DrawFn, patient: str) -> dict[str, Any]:
    return {"value": patient, **draw(SYSTEMS), **draw(KINDS)}


@st.composite
def resources(draw: st.DrawFn, patient: str) -> dict[str, Any]:
    """A resource of this patient, as a part of a document or all of it."""
    named = draw(identifiers(patient))
    typed = {"type": "Patient", "identifier": named, **draw(REFERENCES)}
    resource: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"resourceType": "Patient", "id": "1", "identifier": [named]},
                {"resourceType": "Observation", "subject": typed},
                {"resourceType": "Observation", "subject": {"identifier": named, **draw(REFERENCES)}},
                {"resourceType": "Immunization", "patient": {"identifier": named, **draw(REFERENCES)}},
                {"resourceType": "Appointment", "participant": [{"actor": typed}]},
                {"resourceType": "Task", "for": typed},
                {
                    "resourceType": "Observation",
                    "contained": [{"resourceType": "Patient", "identifier": [named]}],
                },
                {"resourceType": "Observation", "subject": {"reference": f"Patient?identifier={patient}"}},
            ]
        )
    )
    if draw(st.booleans()):
        url = {"fullUrl": "https://a.example/fhir/Patient/1"} if draw(st.booleans()) else {}
        return {"resourceType": "Bundle", "entry": [{**url, "resource": resource}]}
    return resource


@st.composite
def named(draw: st.DrawFn, patient: str, field: str) -> dict[str, Any]:
    """An object that names the patient, perhaps with another inside, perhaps inside of one."""
    value = draw(FILLERS) | draw(st.one_of(st.just({field: patient}), resources(patient)))
    for member in draw(st.lists(MEMBERS, max_size=3)):
        inside = [value] if draw(st.booleans()) else value
        value = {**draw(FILLERS), member: inside}
    return value


@st.composite
def pairs(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Objects of both patients, in any order. Where both are named by plain fields, by the same: one of them within
    the other may otherwise be a further name."""
    field = draw(st.sampled_from(FIELDS))
    others = draw(st.lists(st.sampled_from([ONE, OTHER]), max_size=3))
    return [draw(named(patient, field)) for patient in draw(st.permutations([ONE, OTHER, *others]))]


@settings(max_examples=300, deadline=None)
@given(pairs(), MEMBERS, st.sampled_from(["list", "members", "nested", "lines", "entries"]))
def test_of_json(objects: list[dict[str, Any]], member: str, shape: str) -> None:
    if shape == "lines":
        is_nobodys("\n".join(map(json.dumps, objects)).encode(), "x.ndjson")
        return
    value: Any = objects
    if shape == "members":
        value = {f"{member}{number}": item for number, item in enumerate(objects)}
    elif shape == "nested":
        value = {}
        for item in objects:
            value = item | {member: value} if member not in item else {**item, "inner": value}
    elif shape == "entries":
        value = {"resourceType": "Bundle", "entry": [{"resource": item} for item in objects]}
    is_nobodys(json.dumps(value).encode(), "x.json")


@settings(max_examples=50, deadline=None)
@given(pairs(), st.integers(1, 300))
def test_of_json_that_is_cut_or_damaged_behind_them(objects: list[dict[str, Any]], dots: int) -> None:
    is_nobodys(json.dumps(objects)[:-1].encode() + b"." * dots, "x.json")


def pid(patient: str, place: str) -> str:
    return f"PID|1||{patient}^^^{place}^MR"


@settings(max_examples=50, deadline=None)
@given(
    st.permutations([ONE, OTHER, ONE]),
    st.sampled_from(["A", "", "A&1.2&ISO"]),
    st.sampled_from(["\r", "\r\n", "\n"]),
    st.booleans(),
)
def test_of_hl7(patients: list[str], place: str, end: str, is_batch: bool) -> None:
    header = "MSH|^~\\&|A|B|C|D|20240101||ADT^A01|1|P|2.5"
    lines = [header]
    for patient in patients:
        lines += [pid(patient, place), "OBX|1|TX|a||well", *([header] if is_batch else [])]
    is_nobodys((end.join(lines) + end).encode(), "x.hl7")


@settings(max_examples=50, deadline=None)
@given(
    st.permutations([ONE, OTHER]),
    st.lists(st.sampled_from(["", "v3:", "h:"]), min_size=2, max_size=2),
    st.sampled_from(["{}", "<!-- {} -->", "<envelope>{}</envelope>", "<e xmlns='u'><b>{}</b></e>"]),
)
def test_of_cda(patients: list[str], prefixes: list[str], around: str) -> None:
    targets = "".join(
        f"<{p}recordTarget><{p}patientRole><{p}id root='1.2' extension='{patient}'/></{p}patientRole></{p}recordTarget>"
        for p, patient in zip(prefixes, patients, strict=True)
    )
    spaces = "xmlns='urn:hl7-org:v3' xmlns:v3='urn:hl7-org:v3' xmlns:h='urn:hl7-org:v3'"
    document = f"<ClinicalDocument {spaces}>{targets}</ClinicalDocument>"
    if around.startswith("<!--"):
        is_nobodys((around.replace("{}", "x" * 70_000) + document).encode(), "x.xml")
    else:
        is_nobodys(around.replace("{}", document).encode(), "x.xml")


HEADERS = st.sampled_from(["patient_id", "Patient ID", "MRN", "patientId", "Medical-Record-Number"])


@st.composite
def tables(draw: st.DrawFn) -> list[list[str]]:
    rows = [[patient, "Hb", "13"] for patient in draw(st.permutations([ONE, OTHER, ONE, ONE]))]
    titles = draw(st.lists(st.sampled_from([["Report", "", ""], ["Ward", "3", "x"]]), max_size=2))
    turn = draw(st.integers(0, 2))
    return [row[turn:] + row[:turn] for row in (*titles, [draw(HEADERS), "test", "value"], *rows)]


@settings(max_examples=50, deadline=None)
@given(tables(), st.sampled_from([",", ";", "\t"]))
def test_of_delimited_text(rows: list[list[str]], delimiter: str) -> None:
    file = io.StringIO()
    csv.writer(file, delimiter=delimiter).writerows(rows)
    is_nobodys(file.getvalue().encode(), "x.csv")


@settings(max_examples=15, deadline=None)
@given(tables(), st.sampled_from([workbook, letter, page]))
def test_of_a_table_in_an_office_document(rows: list[list[str]], make: Any) -> None:
    is_nobodys(make(rows))
