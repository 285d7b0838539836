"""Whose a document is by its own identifiers: several numbers of one patient, several patients, the clinic's rules."""

from __future__ import annotations

import dataclasses

import pytest

from carefile.core.deciding.classification import classify
from carefile.core.deciding.identity import IdentifierRule, is_placeholder
from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.model import Classification, UnknownReason
from lambdas.adapters import contracts

FACTS = DocumentFacts("x", 1, 1, "fhir", "application/fhir+json")
CONFLICT, NOBODY = UnknownReason.CONFLICT, UnknownReason.NO_EVIDENCE


def named(value: str, system: str | None = None, record: str = "/1", rank: int = 1, type_: str | None = None):
    return PatientCandidate(value, f"{record}/id", system, rank, record, type_)


def decided(*found: PatientCandidate, rules=(), key: str = "x.json", complete: bool = True) -> Classification:
    table = dataclasses.replace(
        contracts.rules(), identifiers=tuple(IdentifierRule.from_json(rule) for rule in rules)
    )
    content = Extraction(FACTS, Status.READ, patient_candidates=found, candidates_complete=complete)
    return classify(key, (), table, None, content)


def patient(*found: PatientCandidate, **how: object) -> str | UnknownReason | None:
    who = decided(*found, **how).patient  # type: ignore[arg-type]
    return who.reason if who.id is None else who.id


@pytest.mark.parametrize(
    ("found", "who"),
    [
        ([named("A", "s")], "A"),
        ([named("A", "s"), named("A", "s", "/2")], "A"),
        ([named("A", "s"), named("B", "t")], CONFLICT),  # one patient, and nothing says which number is ours
        ([named("A", "s", rank=0), named("B", "t")], "A"),  # the format says that A is the record number
        ([named("A", "s"), named("B", "s")], CONFLICT),  # one issuer gives a person one number
        ([named("A", "s"), named("B", "s", "/2")], CONFLICT),
        ([named("A", "s"), named("A", "t", "/2")], CONFLICT),  # equal numbers of two issuers
        ([named("A", "s"), named("A", None, "/2")], CONFLICT),
        ([named("A", "s"), named("A", "t")], "A"),
        ([named("A", "s"), named("B", "t"), named("B", "t", "/2")], "B"),  # what both records go by
        ([named("A", "s"), named("B", "t"), named("C", "u", "/2")], CONFLICT),
        ([named("A", "urn:oid:1.2"), named("A", "1.2", "/2")], "A"),
        ([named("A", "s"), named("unknown", "s", "/2")], NOBODY),  # a record of nobody beside one of A
        ([named("A", "s"), named("unknown", "t")], "A"),
        ([named("A", "s"), named("unknown", "t"), named("unknown", "s", "/2")], NOBODY),
        (
            [named("A", "s"), named("A", "s", "/2"), named("unknown", "t")],
            "A",
        ),  # one that a record names suffices
        ([named("A", "s"), named("unknown", "t", "/1/2")], "A"),  # nobody's number in a record within
        ([named("A", "s", "/1/2"), named("unknown", "t")], "A"),  # or in one around
        ([named("n/a", "s")], NOBODY),
    ],
)
def test_without_rules_nothing_is_guessed(found: list[PatientCandidate], who: str) -> None:
    assert patient(*found) == who


@pytest.mark.parametrize(
    ("found", "who"),
    [
        ([named("A", "s"), named("B", "t")], "A"),  # one of the patient's numbers is the one that the key has
        ([named("B", "s"), named("C", "t")], CONFLICT),
        ([named("A", "s"), named("B", "s")], CONFLICT),
        ([named("A", "s"), named("B", "s", "/2")], CONFLICT),
        ([named("B", "s", rank=0), named("A", "t")], CONFLICT),  # the record number contradicts the key
        ([named("A", "s"), named("unknown", "s", "/2")], "A"),
    ],
)
def test_a_key_that_names_one_of_a_patient_s_numbers_is_believed(found, who) -> None:
    assert patient(*found, key="documents/A/x.json") == who


OURS = {"system": "urn:oid:1.2", "patient": "{id}"}
THEIRS = {"system": "SANTELMO", "patient": "SAN-{id}"}
NO_SSN = {"system": "*", "type": "SS", "ignore": True}
NOBODY_ELSE = {"system": "*", "ignore": True}


@pytest.mark.parametrize(
    ("rules", "found", "who"),
    [
        ([OURS], [named("A", "1.2"), named("B", "t", rank=0)], "A"),
        ([OURS, THEIRS], [named("7", "SANTELMO"), named("A", "1.2")], "A"),
        ([THEIRS, OURS], [named("7", "SANTELMO"), named("A", "1.2")], "SAN-7"),
        ([THEIRS], [named("7", "SANTELMO")], "SAN-7"),
        ([OURS, THEIRS], [named("A", "1.2"), named("7", "SANTELMO", "/2")], CONFLICT),
        ([OURS, THEIRS], [named("SAN-7", "1.2"), named("7", "SANTELMO", "/2")], "SAN-7"),
        ([OURS], [named("A", "1.2"), named("B", "1.2")], CONFLICT),
        ([OURS, NOBODY_ELSE], [named("B", "t")], NOBODY),
        ([OURS, NOBODY_ELSE], [named("A", "1.2"), named("B", "t", "/2")], NOBODY),  # who B is, nobody knows
        ([NO_SSN], [named("9", "x", type_="SS"), named("A", "s")], "A"),
        ([NO_SSN], [named("9", "x", type_="SS")], NOBODY),
        ([{"system": "", "patient": "{id}"}, NOBODY_ELSE], [named("A"), named("B", "t")], "A"),
    ],
)
def test_the_rules_say_what_an_identifier_is_to_the_clinic(rules, found, who) -> None:
    assert patient(*found, rules=rules) == who


def test_a_translated_identifier_is_compared_as_the_clinic_writes_it() -> None:
    assert patient(named("7", "SANTELMO"), rules=[THEIRS], key="documents/SAN-7/x.json") == "SAN-7"
    assert patient(named("7", "SANTELMO"), rules=[THEIRS], key="documents/7/x.json") == CONFLICT


def test_the_record_names_every_identifier_with_its_system_and_what_it_is_here() -> None:
    found = decided(named("7", "SANTELMO"), named("9", "x", type_="SS"), rules=[THEIRS, NO_SSN])
    assert [(item.value, item.where, item.used) for item in found.evidence if item.about == "patient"] == [
        ("7", "/1/id of SANTELMO, here SAN-7", True),
        ("9", "/1/id of x", False),
    ]


def test_the_default_rules_make_no_folder_of_a_social_security_number() -> None:
    content = Extraction(
        FACTS, Status.READ, patient_candidates=(named("9", "http://hl7.org/fhir/sid/us-ssn"),)
    )
    assert classify("x.json", (), contracts.rules(), None, content).patient.reason is NOBODY


@pytest.mark.parametrize(
    "value",
    [
        "0", "000-00-0000", "00000-0000000", "-", "--", " – ", "٠٠٠", "０００－００", "1111111", "99999-99999",
        "xxxxx", "XxXxX", "x x x x x", "٩٩٩٩٩", "*****", "?", ".", "",
    ],
)  # fmt: skip
def test_a_number_that_only_fills_its_place_names_nobody_in_whatever_script(value: str) -> None:
    assert is_placeholder(value, frozenset())
    assert patient(named(value, "s")) == NOBODY
    assert patient(named("A", "s"), named(value, "t")) == "A"
    assert patient(named("A", "s"), named(value, "s", "/2")) == NOBODY


@pytest.mark.parametrize("value", ["1111", "00001", "10", "aaaab", "٠١", "4711", "x", "11111a", "🙂"])
def test_any_other_number_may_name_somebody(value: str) -> None:
    assert not is_placeholder(value, frozenset())


@pytest.mark.parametrize("type_", ["AN", "VN", "ANT"])
def test_the_number_of_a_visit_or_an_account_decides_nothing_and_contradicts_nothing(type_: str) -> None:
    visit = named("V", "s", type_=type_)
    assert patient(visit) == NOBODY
    assert patient(visit, key="documents/A/x.json") == "A"
    assert patient(visit, named("A", "s", type_="MR", rank=0)) == "A"
    assert patient(visit, named("A", "s", "/2")) == NOBODY
    assert patient(visit, rules=[{"system": "s", "patient": "{id}"}]) == NOBODY
