"""FHIR's records: all members, what changes the meaning of the rest, references by name, narrative and attachments."""

from __future__ import annotations

from typing import Any

import pytest

from carefile.core.documents.extraction import Extraction, Heading, Table, TextBlock
from lambdas.readers.formats.fhir.members import CHANGING, COLUMNS, modifiers
from tests.readers.reading import codes, facts_of, read_bytes, read_json
from tests.readers.test_fhir import ELSEWHERE, HERE, bundle, entry, observation, patient


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"text": "1 tablet", "timing": {"code": {"text": "QD"}}}, "1 tablet, timing: QD"),
        (
            {"text": "1", "additionalInstruction": [{"text": "stop"}]},
            "1, additional instruction: stop",
        ),
        (
            {"timing": {"repeat": {"frequency": 2, "period": 1, "periodUnit": "d", "when": ["AC"]}}},
            "timing: 2 × per 1 d, when: AC",
        ),
        ({"coding": [{"code": "4548-4", "system": "http://loinc.org"}]}, "4548-4 (LOINC)"),
        ({"coding": [{"display": "A"}, {"display": "A"}]}, "A"),
        (
            {"family": "Doe", "given": ["Ann"], "use": "old", "period": {"end": "2019"}},
            "Ann Doe (old), period: until 2019",
        ),
        ({"value": "555-1", "system": "phone", "use": "old"}, "555-1 (old)"),
        (
            {"value": "7", "system": "urn:x", "use": "old", "assigner": {"display": "H"}},
            "7 (urn:x, old), assigner: H",
        ),
        ({"line": ["A 1"], "city": "B", "district": "C", "use": "temp"}, "A 1, B, C (temp)"),
        ({"value": 5, "currency": "EUR"}, "5 EUR"),
        ({"low": {"value": 1}, "text": "fasting"}, "≥ 1, text: fasting"),
        (
            {"code": {"text": "A"}, "valueString": "b", "interpretation": [{"text": "high"}]},
            "A: b, interpretation: high",
        ),
        ({"url": "http://x/us-core-race", "valueString": "b"}, "us core race: b"),
        ({"url": "http://x/a", "extension": [{"url": "b", "valueCode": "c"}]}, "a: b: c"),
        (
            {"value": "1", "modifierExtension": [{"url": "http://x/not", "valueBoolean": True}]},
            "1, modifier: not: yes",
        ),
        ({"deleted": True, "item": {"display": "X"}}, "deleted: yes, item: X"),
        (
            {"linkId": "1", "text": "Pain?", "answer": [{"valueBoolean": True, "item": [{"text": "where"}]}]},
            "Pain?: yes, item: where",
        ),
        ({"status": "generated", "div": "<div>a<br/>b</div>"}, "a\nb"),
        ({"text": "n", "time": "2024", "authorString": "X"}, "n, time: 2024, author string: X"),
    ],
)
def test_of_a_value_within_nothing_is_left_out(value: dict[str, Any], text: str) -> None:
    assert facts_of(read_json({"resourceType": "Sundial", "x": value}), "Sundial") == [{"x": text}]


def pairs(resource: dict[str, Any], type_: str = "") -> dict[str, str]:
    (entity,) = facts_of(read_json(resource), type_ or resource["resourceType"])
    return entity


@pytest.mark.parametrize("type_", sorted({*COLUMNS, *CHANGING}))
def test_no_element_that_changes_the_meaning_is_ever_left_out(type_: str) -> None:
    """Each alone, beside all that is looked for first, and with more members than are kept."""
    usual = {
        name.removesuffix("*"): {"text": "x"} for _, names in COLUMNS.get(type_, ()) for name in names.split()
    }
    many = {f"member{number}": "x" for number in range(300)}
    for name in modifiers(type_):
        member = name.replace("*", "Boolean")
        said = (
            [{"url": "http://x/not", "valueCode": "opposite"}] if name == "modifierExtension" else "opposite"
        )
        for beside in ({}, usual, {**usual, **many}):
            shown = pairs({"resourceType": type_, **beside, member: said})
            assert "opposite" in shown.values(), (type_, member, shown)


@pytest.mark.parametrize(
    ("resource", "shown"),
    [
        (
            {"resourceType": "MedicationRequest", "doNotPerform": True, "medicationCode": {"text": "Ibuprofen"}},
            {"medication": "Ibuprofen", "do not perform": "yes"},
        ),
        (
            {"resourceType": "AllergyIntolerance", "verificationStatus": {"text": "refuted"}, "code": {"text": "Nuts"}},
            {"substance": "Nuts", "verification": "refuted"},
        ),
        (
            observation(valueString="high", component=[{"code": {"text": "Systolic"}, "valueInteger": 182}]),
            {"value": "high", "component": "Systolic: 182"},
        ),
        (observation(dataAbsentReason={"text": "hemolysed"}), {"data absent reason": "hemolysed"}),
        (observation(code={"text": "BP"}, bodySite={"text": "left arm"}), {"what": "BP", "body site": "left arm"}),
        (patient(contact=[{"name": {"text": "Ann"}}]), {"contact person": "name: Ann"}),
        ({"resourceType": "AllergyIntolerance", "substance": {"text": "Nuts"}}, {"substance": "Nuts"}),
        ({"resourceType": "Immunization", "date": "2017", "wasNotGiven": True}, {"when": "2017", "not given": "yes"}),
        ({"resourceType": "Condition", "assertedDate": "2013"}, {"recorded": "2013"}),
        ({"resourceType": "Condition", "dateRecorded": "2013"}, {"recorded": "2013"}),
        ({"resourceType": "Procedure", "notPerformed": True}, {"not done": "yes"}),
        ({"resourceType": "MedicationStatement", "taken": "n"}, {"taken": "n"}),
        (
            {"resourceType": "MedicationOrder", "dateWritten": "2015", "prescriber": {"display": "Dr. X"}},
            {"when": "2015", "by": "Dr. X"},
        ),
        (
            {"resourceType": "Basic", "extension": [{"url": "http://x/eye-colour", "valueCode": "blue"}]},
            {"eye colour": "blue"},
        ),
        (
            {"resourceType": "Basic", "modifierExtension": [{"url": "http://x/not", "valueBoolean": True}]},
            {"modifier: not": "yes"},
        ),
        (
            {"resourceType": "Basic", "_created": {"extension": [{"url": "http://x/reason", "valueCode": "unknown"}]}},
            {"created": "reason: unknown"},
        ),
        ({"resourceType": "Basic", "meta": {"security": [{"code": "R"}], "profile": ["x"]}}, {"security": "R"}),
        (
            {"resourceType": "Parameters", "parameter": [{"name": "a", "valueString": "b"}, {"resource": patient()}]},
            {"parameter": "a: b"},
        ),
    ],
)  # fmt: skip
def test_a_record_holds_all_members_in_whatever_release(
    resource: dict[str, Any], shown: dict[str, str]
) -> None:
    assert pairs(resource) == shown


def medication(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Medication", "id": "m", "code": {"text": "Warfarin 5 mg"}, **more}


def statement(reference: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "MedicationStatement", "medicationReference": {"reference": reference}, **more}


def with_urls(url: str, first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [entry(f"{url}/1", first), entry(f"{HERE}/x/2", second)]}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (bundle(medication(), statement("Medication/m")), "Warfarin 5 mg"),
        (bundle(statement("Medication/m/_history/2"), medication()), "Warfarin 5 mg"),
        (bundle(medication(id="n"), statement("Medication/m")), "Medication/m"),
        (bundle(medication(), medication(code={"text": "Digoxin"}), statement("Medication/m")), "Medication/m"),
        (bundle(medication(status="entered-in-error"), statement("Medication/m")), "Warfarin 5 mg (entered-in-error)"),
        (statement("#m", contained=[medication()]), "Warfarin 5 mg"),
        (bundle(statement("#m"), statement("#n", contained=[medication()])), "#m"),
        (
            [statement("#m", contained=[medication(code={"text": f"Drug {number}"})]) for number in (1, 2)],
            "Drug 1",
        ),
        (with_urls("urn:uuid", medication(), statement("urn:uuid/1")), "Warfarin 5 mg"),
    ],
)  # fmt: skip
def test_a_reference_goes_by_the_name_of_what_the_document_itself_holds(value: Any, text: str) -> None:
    assert facts_of(read_json(value), "MedicationStatement")[0]["medication"] == text


@pytest.mark.parametrize(("server", "text"), [(HERE, "Warfarin 5 mg"), (ELSEWHERE, "Medication/m")])
def test_a_reference_means_a_resource_of_its_own_server(server: str, text: str) -> None:
    value = {
        "resourceType": "Bundle",
        "entry": [
            entry(f"{server}/Medication/m", medication()),
            entry(f"{HERE}/MedicationStatement/1", statement("Medication/m")),
        ],
    }
    assert facts_of(read_json(value), "MedicationStatement")[0]["medication"] == text


def narrative(div: str, **more: Any) -> Extraction:
    return read_json(
        {"resourceType": "DiagnosticReport", "text": {"status": "additional", "div": div}, **more}
    )


@pytest.mark.parametrize(
    ("div", "shown"),
    [
        ("<div xmlns='http://www.w3.org/1999/xhtml'><p>Nodule 9&nbsp;mm.</p></div>", "Nodule 9\xa0mm."),
        ("<div>Take <del>50 mg</del> <s>10 mg</s> 5 mg</div>", "Take [deleted: 50 mg] [deleted: 10 mg] 5 mg"),
        ("<div><p>no end<br>of it &copy;", "no end of it ©"),
        ("<div><script>a</script>b</div>", "b"),
        ("plain", "plain"),
    ],
)
def test_the_narrative_is_shown(div: str, shown: str) -> None:
    (block,) = narrative(div).content
    assert isinstance(block, TextBlock)
    assert (" ".join(block.text.split(" ")), block.section) == (
        shown,
        "DiagnosticReport",
    ) or block.text.split() == shown.split()


def test_a_narrative_that_says_no_more_than_the_record_is_not_repeated() -> None:
    assert narrative("<div>Chest CT: final</div>", code={"text": "Chest CT"}, status="final").content == ()
    assert (
        len(narrative("<div>Chest CT: not final</div>", code={"text": "Chest CT"}, status="final").content)
        == 1
    )


TABLE = "<table><tr><td rowspan='2'>a</td><td>b</td></tr><tr><td>c</td></tr></table>"


def test_tables_of_a_narrative_keep_their_columns_in_json_and_in_xml() -> None:
    xml = (
        '<DiagnosticReport xmlns="http://hl7.org/fhir"><text><status value="additional"/>'
        f'<div xmlns="http://www.w3.org/1999/xhtml">x &lt; y{TABLE}</div></text></DiagnosticReport>'
    )
    for extraction in (narrative(f"<div>x &lt; y{TABLE}</div>"), read_bytes(xml.encode())):
        text, table = extraction.content
        assert isinstance(text, TextBlock)
        assert isinstance(table, Table)
        assert (text.text, table.rows) == ("x < y", (("a", "b"), ("", "c")))


def test_what_a_section_holds_beside_its_text_is_shown() -> None:
    section = {"title": "Allergies", "emptyReason": {"text": "none known"}, "entry": [{"reference": "#a"}]}
    allergy = {"resourceType": "AllergyIntolerance", "id": "a", "code": {"text": "Nuts"}}
    value = {"resourceType": "Composition", "contained": [allergy], "section": [section]}
    assert read_json(value).content == (
        Heading("Allergies", 1),
        TextBlock("empty reason: none known\nentry: Nuts", section="Allergies"),
    )


def test_a_resource_that_a_bundle_deletes_is_told() -> None:
    value = {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Condition/1"}}]}
    assert facts_of(read_json(value), "Deletion") == [{"what": "Condition/1"}]


def test_what_follows_rules_that_are_not_known_is_told() -> None:
    assert codes(read_json(observation(implicitRules="http://x/opposite"))) == {"implicit-rules"}


def test_an_attachment_is_found_wherever_it_stands() -> None:
    payload = [{"contentAttachment": {"contentType": "text/html; charset=utf-8", "data": "PHA+SGVsbG88L3A+"}}]
    extraction = read_json({"resourceType": "Communication", "payload": payload})
    assert extraction.content == (TextBlock("Hello", section="Communication"),)
    extraction = read_json({"resourceType": "Binary", "contentType": "application/pdf", "data": "JVBERi0x"})
    assert codes(extraction) == {"attachment"}
    assert b"JVBERi0x" not in extraction.to_bytes()


def test_a_document_bundle_goes_by_the_title_of_its_composition() -> None:
    value = bundle({"resourceType": "Composition", "title": "Discharge letter"}, patient()) | {
        "type": "document"
    }
    assert ("title", "Discharge letter") in read_json(value).document.metadata
