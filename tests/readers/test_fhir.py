"""FHIR: which documents are it, how values are told, and whose a document is."""

from __future__ import annotations

import json
from typing import Any

import pytest

from carefile.core.documents.extraction import Extraction, TextBlock
from lambdas.readers.limits import MAX_JSON_VALUES
from tests.readers.reading import codes, facts_of, found, read_bytes, read_json, speaking

MR = {"coding": [{"code": "MR"}]}
SS = {"coding": [{"code": "SS"}]}
PI = {"coding": [{"code": "PI"}]}


def patient(*identifiers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "identifier": list(identifiers), **more}


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", **more}


def entry(url: str, resource: dict[str, Any]) -> dict[str, Any]:
    return {"fullUrl": url, "resource": resource}


HERE, ELSEWHERE = "https://a.example/fhir", "https://b.example/fhir"


def lines(*resources: Any) -> Extraction:
    return read_bytes("\n".join(map(json.dumps, resources)).encode())


@pytest.mark.parametrize(
    ("value", "format_"),
    [
        (patient(), "fhir"),
        ([patient(), observation()], "fhir"),
        ({"note": patient()}, "json"),
        ({"resourceType": "patient record"}, "json"),
        ({"resourceType": 7}, "json"),
        ([patient(), {"mrn": 1}], "json"),
        ({"resourceType": "Patient", "x": [0] * (MAX_JSON_VALUES + 1)}, "json"),
    ],
)
def test_fhir_is_what_has_a_resource_type_at_its_top(value: Any, format_: str) -> None:
    assert read_json(value).document.format == format_


def test_json_lines_of_resources_are_fhir_and_a_damaged_line_is_told() -> None:
    assert lines(patient(), observation()).document.format == "fhir-ndjson"
    extraction = read_bytes(b'{"resourceType":"Patient"}\n{"resourceType":"Patient"}\nno json\n')
    assert codes(extraction) >= {"damaged-lines"}
    assert not extraction.candidates_complete


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"valueQuantity": {"value": 5.40, "unit": "mmol/L", "comparator": "<"}}, "<5.4 mmol/L"),
        (
            {"valueQuantity": {"value": 5, "code": "mm[Hg]", "system": "http://unitsofmeasure.org"}},
            "5 mm[Hg]",
        ),
        ({"valueCodeableConcept": {"coding": [{"code": "1", "display": "Positive"}]}}, "Positive"),
        ({"valueCodeableConcept": {"coding": [{"code": "1"}], "text": "positive ++"}}, "positive ++"),
        ({"valueString": "see note"}, "see note"),
        ({"valueBoolean": True}, "yes"),
        ({"valueRange": {"low": {"value": 1}, "high": {"value": 2}}}, "1 – 2"),
        ({"valueRange": {"low": {"value": 1, "unit": "g"}, "high": {"value": 2, "unit": "g"}}}, "1 – 2 g"),
        ({"valueRatio": {"numerator": {"value": 1}, "denominator": {"value": 128}}}, "1 / 128"),
        ({"valuePeriod": {"start": "2024-10-28"}}, "from 2024-10-28"),
        ({"valueSampledData": {"origin": {"value": 0}, "data": "1 2"}}, "origin: 0, data: 1 2"),
        ({"component": [{"code": {"text": "A"}, "valueInteger": 1}]}, "A: 1"),
        ({"component": [{"code": {"text": "A"}, "valueQuantity": {"value": 1}}]}, "A: 1"),
    ],
)
def test_a_value_is_told_as_people_read_it(value: dict[str, Any], text: str) -> None:
    assert facts_of(read_json(observation(**value)), "Observation") == [{"value": text}]


def test_numbers_keep_the_digits_they_were_written_with() -> None:
    data = b'{"resourceType":"Observation","valueQuantity":{"value":13.10,"unit":"g"}}'
    assert facts_of(read_bytes(data), "Observation") == [{"value": "13.10 g"}]


def test_a_type_that_nobody_foresaw_is_told_with_all_it_has() -> None:
    value = {
        "resourceType": "Sundial",
        "shadowLength": {"value": 3, "unit": "m"},
        "part": [{"a": {"b": "c"}}],
    }
    assert facts_of(read_json(value), "Sundial") == [{"shadow length": "3 m", "part": "a: b: c"}]


def test_resources_are_found_wherever_they_stand() -> None:
    value = bundle(bundle(observation(contained=[patient({"value": "A-1"})])))
    value["entry"].append(
        {"resource": {"resourceType": "Parameters", "parameter": [{"resource": patient()}]}}
    )
    assert [entity.type for entity in read_json(value).entities] == ["Observation", "Patient", "Patient"]


def test_a_text_attached_is_shown_and_anything_else_is_said_to_be_unread() -> None:
    form = [
        {"contentType": "text/plain", "data": "SGVsbG8="},
        {"contentType": "application/pdf", "data": "JVBE"},
    ]
    extraction = read_json({"resourceType": "DiagnosticReport", "presentedForm": form})
    assert extraction.content == (TextBlock("Hello", section="DiagnosticReport"),)
    assert codes(extraction) == {"attachment"}


def test_a_patient_is_named_by_all_identifiers_with_their_systems() -> None:
    extraction = read_json(patient({"system": "urn:a", "value": " 1 "}, {"value": "2"}, {"system": "urn:c"}))
    assert found(extraction) == [("1", "urn:a"), ("2", None)]
    assert speaking(extraction) == {"1", "2"}
    assert extraction.candidates_complete


@pytest.mark.parametrize(
    ("identifiers", "who"),
    [
        (({"value": "1", "type": SS}, {"value": "2", "type": MR}), {"2"}),
        (({"value": "1", "type": SS}, {"value": "2"}), {"2"}),
        (({"value": "1", "use": "old"}, {"value": "2", "type": SS}), {"2"}),
        (({"value": "1", "type": MR}, {"value": "2", "type": MR}), {"1", "2"}),
        (({"value": "1", "type": SS},), {"1"}),
        (({"system": "h", "value": "1", "type": PI}, {"system": "h", "value": "2", "type": MR}), {"2"}),
        (({"system": "i", "value": "1", "type": PI}, {"system": "h", "value": "2", "type": MR}), {"1", "2"}),
        (({"value": "1", "type": {"coding": [{"code": "ssn"}]}}, {"value": "2"}), {"2"}),
        (({"value": "1"}, {"value": "2", "type": {"text": "Medical record number"}}), {"2"}),
        (({"value": "1"}, {"value": "2", "type": {"coding": [{"code": "17"}, {"code": "MRN"}]}}), {"2"}),
        (({"value": "1", "type": {"coding": [{"code": "AN"}]}},), set()),
        (({"value": "1", "type": {"text": "Visit number"}}, {"value": "2"}), {"2"}),
        (({"value": "1", "type": {"coding": [{"code": "9", "display": "Account number"}]}},), set()),
    ],
)
def test_a_record_number_speaks_for_an_identifier_of_elsewhere(identifiers: Any, who: set[str]) -> None:
    assert speaking(read_json(patient(*identifiers))) == who


@pytest.mark.parametrize(
    "value",
    [
        bundle(patient({"value": "1", "type": MR}), patient({"value": "2", "type": SS})),
        patient({"value": "1", "type": MR}, contained=[patient({"value": "2", "type": SS})]),
        bundle(patient({"value": "1"}), observation(subject={"identifier": {"value": "2"}})),
        bundle(
            patient({"value": "1"}), observation(subject={"reference": "#x", "identifier": {"value": "2"}})
        ),
        [patient({"value": "1"}), patient({"value": "2"})],
        {"resourceType": "Patient", "identifier": {"value": "1"}, "x": patient({"value": "2"})},
    ],
)
def test_two_patients_are_two_wherever_they_stand(value: Any) -> None:
    assert speaking(read_json(value)) == {"1", "2"}


def test_a_member_written_twice_names_both() -> None:
    data = b'{"resourceType":"Patient","identifier":[{"value":"1"}],"identifier":[{"value":"2"}]}'
    assert speaking(read_bytes(data)) == {"1", "2"}


NAMED = patient({"value": "1"}, id="a")


@pytest.mark.parametrize(
    ("value", "complete"),
    [
        (bundle(NAMED, observation(subject={"reference": "Patient/a"})), True),
        (bundle(NAMED, observation(subject={"reference": "Patient/a/_history/3"})), True),
        (bundle(NAMED, observation(subject={"reference": "https://x/fhir/Patient/a"})), False),
        (bundle(NAMED, observation(subject={"reference": "Group/b"})), True),
        (bundle(NAMED, observation(performer=[{"reference": "Practitioner/b"}])), True),
        (bundle(NAMED, observation(subject={"reference": "Patient/b"})), False),
        (bundle(NAMED, observation(patient=[{"reference": "urn:uuid:b"}])), False),
        (bundle(NAMED, patient()), False),
        (patient(), False),
        (bundle(NAMED, observation(subject={"display": "somebody"})), False),
        (bundle(NAMED, observation(performer=[{"reference": "Patient/b"}])), False),
        (bundle(observation(subject={"reference": "Patient/b"})), True),
        (bundle(observation(subject={"reference": "Patient/b", "identifier": {"value": "2"}})), True),
        (
            [
                observation(subject={"reference": "Patient/b", "identifier": {"value": "2"}}),
                observation(subject={"reference": "Patient/c"}),
            ],
            False,
        ),
    ],
)
def test_a_patient_spoken_of_but_not_identified_keeps_the_content_from_deciding(
    value: Any, complete: bool
) -> None:
    assert read_json(value).candidates_complete is complete


def test_references_by_full_url_are_followed() -> None:
    value = bundle(NAMED, observation(subject={"reference": "urn:uuid:p"}))
    value["entry"][0]["fullUrl"] = "urn:uuid:p"
    assert read_json(value).candidates_complete


def test_a_resource_s_own_id_names_nobody() -> None:
    assert found(read_json({"resourceType": "Patient", "id": "4711"})) == []


@pytest.mark.parametrize(
    ("reference", "of", "complete"),
    [
        (f"{HERE}/Patient/a", ELSEWHERE, True),
        (f"{HERE}/Patient/a/_history/3", ELSEWHERE, True),
        (f"{ELSEWHERE}/Patient/a", HERE, False),
        ("Patient/a", HERE, True),
        ("Patient/a", ELSEWHERE, False),
    ],
)
def test_one_id_of_two_servers_is_two_patients(reference: str, of: str, complete: bool) -> None:
    value = {
        "resourceType": "Bundle",
        "entry": [
            entry(f"{HERE}/Patient/a", NAMED),
            entry(f"{of}/Observation/1", observation(subject={"reference": reference})),
        ],
    }
    assert read_json(value).candidates_complete is complete


@pytest.mark.parametrize(
    "reference", ["Patient/a", "https://b.example/fhir/Patient/a", "urn:uuid:a", "Group/a", "#a"]
)
def test_an_identifier_beside_a_reference_names_a_patient_as_well(reference: str) -> None:
    subject = {"reference": reference, "type": "Patient", "identifier": {"system": "s", "value": "2"}}
    extraction = read_json(bundle(NAMED, observation(subject=subject)))
    assert speaking(extraction) == {"1", "2"}


@pytest.mark.parametrize(
    ("resource", "member"),
    [
        ("Appointment", {"participant": [{"actor": {"type": "Patient", "identifier": {"value": "2"}}}]}),
        ("Task", {"for": {"type": "Patient", "identifier": {"value": "2"}}}),
        ("ResearchSubject", {"individual": {"type": "Patient", "identifier": {"value": "2"}}}),
        ("Immunization", {"patient": {"identifier": {"value": "2"}}}),
        ("Coverage", {"beneficiary": {"identifier": {"value": "2"}}}),
        ("Group", {"member": [{"entity": {"type": "Patient", "identifier": {"value": "2"}}}]}),
        ("Basic", {"extension": [{"valueReference": {"type": "Patient", "identifier": {"value": "2"}}}]}),
        ("Observation", {"subject": {"reference": "Patient?identifier=s|2"}}),
        ("Observation", {"subject": {"type": "http://hl7.org/x/Patient", "identifier": {"value": "2"}}}),
    ],
)
def test_a_patient_is_named_wherever_a_reference_says_that_it_is_one(resource: str, member: Any) -> None:
    value = {"resourceType": resource, **member}
    assert speaking(read_json(value)) == {"2"}
    assert read_json(value).candidates_complete
    assert speaking(read_json(bundle(NAMED, value))) == {"1", "2"}


@pytest.mark.parametrize(
    "value",
    [
        observation(subject={"identifier": {"value": "2"}}),
        {"resourceType": "Appointment", "participant": [{"actor": {"identifier": {"value": "2"}}}]},
        {"resourceType": "Coverage", "subscriber": {"type": "Patient", "identifier": {"value": "2"}}},
        {"resourceType": "Basic", "author": patient({"value": "2"})},
        patient({"value": "2"}, link=[{"other": {"reference": "Patient/b"}}]),
    ],
)
def test_who_may_be_somebody_else_is_told_and_decides_nothing(value: Any) -> None:
    extraction = read_json(value)
    assert speaking(extraction) == {"2"}
    assert not extraction.candidates_complete


@pytest.mark.parametrize(
    "value",
    [
        observation(subject={"type": "Device", "identifier": {"value": "2"}}),
        observation(subject={"reference": "Group/b", "identifier": {"value": "2"}}),
        observation(performer=[{"identifier": {"value": "2"}}]),
        {"resourceType": "Encounter", "participant": [{"individual": {"identifier": {"value": "2"}}}]},
        {"resourceType": "RelatedPerson", "identifier": [{"value": "2"}]},
    ],
)
def test_what_is_no_patient_is_not_told(value: Any) -> None:
    assert found(read_json(value)) == []
    assert read_json(bundle(NAMED, value)).candidates_complete


def test_a_subject_named_by_an_identifier_of_the_patient_is_that_patient() -> None:
    record = patient({"system": "s", "value": "1", "type": MR}, {"system": "t", "value": "2"})
    value = bundle(record, observation(subject={"identifier": {"system": "t", "value": "2"}}))
    assert speaking(read_json(value)) == {"1"}
    assert read_json(value).candidates_complete


@pytest.mark.parametrize(
    "value",
    [
        [patient({"value": "1"}), {"patient_id": "2"}],
        {"patient_id": "1", "resource": patient({"value": "2"})},
        {"patient_id": "1", **bundle(patient({"value": "2"}))},
        {"data": [{"mrn": "1"}, bundle(patient({"value": "2"}))]},
        patient({"value": "1"}, patient_id="2"),
    ],
)
def test_plain_fields_and_resources_in_one_document_both_speak(value: Any) -> None:
    assert speaking(read_json(value)) == {"1", "2"}


def test_plain_fields_and_resources_in_json_lines_both_speak() -> None:
    named = patient({"value": "1"})
    for rows in ([named, named, named, {"patient_id": "2"}], [{"patient_id": "2"}, named, named]):
        assert speaking(lines(*rows)) == {"1", "2"}


def test_a_large_export_is_read_line_by_line_and_a_large_bundle_is_asked_whom_it_seems_to_name() -> None:
    many = [observation(subject={"reference": "Patient/a"}, note=["x"] * 100)] * 5000
    export = lines(NAMED, NAMED, *many)
    assert export.document.format == "fhir-ndjson"
    assert "lines" in {cut.what for cut in export.cuts}
    whole = read_json(bundle(*many, NAMED, NAMED, observation(subject={"identifier": {"value": "2"}})))
    assert whole.reason == "too-complex"
    assert speaking(export) == {"1"}
    assert speaking(whole) == {"1", "2"}
    assert not export.candidates_complete
    assert not whole.candidates_complete
