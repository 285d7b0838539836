"""Whose an object is not: folders of no convention, placeholders, numbers of visits, words of strangers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from carefile.core.deciding.classification import classify
from carefile.core.deciding.identity import is_placeholder
from carefile.core.deciding.rules import RuleTable
from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.filing.layout import Layout
from carefile.core.model import (
    Classification,
    Evidence,
    EvidenceSource,
    Hints,
    Patient,
    Source,
    UnknownReason,
)
from lambdas.adapters import contracts

RULES = contracts.rules()
NO_EVIDENCE = Patient(reason=UnknownReason.NO_EVIDENCE)
CONFLICT = Patient(reason=UnknownReason.CONFLICT)


def table(**rule: Any) -> RuleTable:
    """The default table, and before its rules one for the prefix `portal/`."""
    data = json.loads(Path("rules/default.json").read_text(encoding="utf-8"))
    portal = {"name": "portal", "patterns": ["portal/{file}"], "kind": "document", "patient": "unknown"}
    data["rules"].insert(0, {**portal, **rule})
    contracts.conform("rule_table", data)
    return RuleTable.from_json(data)


def content(*ids: str) -> Extraction:
    facts = DocumentFacts("x.json", 1, 1, "json", "application/json")
    found = tuple(PatientCandidate(one, f"/{n}", scope=f"/{n}") for n, one in enumerate(ids))
    return Extraction(facts, Status.READ, patient_candidates=found)


def evidence(found: Classification) -> list[Evidence]:
    return [item for item in found.evidence if item.about == "patient"]


@pytest.mark.parametrize(
    ("key", "folder"),
    [
        ("production/session_1/session.json", "production"),
        ("prod/support/session_1/session.json", "prod"),
        ("tenant-a/report.pdf", "tenant-a"),
        ("radiology/2024/x.pdf", "radiology"),
        ("documents/../x.txt", ".."),
        ("documents/P1/session_1/session.json", "P1"),
    ],
)
def test_a_folder_that_no_convention_calls_a_patient_is_evidence_that_is_not_used(
    key: str, folder: str
) -> None:
    found = classify(key, (), RULES)
    assert found.patient == NO_EVIDENCE
    assert evidence(found) == [Evidence("patient", EvidenceSource.KEY, folder, found.rule, used=False)]


def test_a_first_segment_that_is_a_folder_word_names_nobody_whatever_the_rule_says() -> None:
    rules = table(name="own", patterns=["{patient}/own/{file}"], patient="from-key")
    assert classify("P1/own/x.pdf", (), rules).patient == Patient("P1")
    assert classify("Incoming/own/x.pdf", (), rules).patient == NO_EVIDENCE
    assert classify("../own/x.pdf", (), rules).patient == NO_EVIDENCE


@pytest.mark.parametrize(
    ("moment", "is_one"),
    [
        ("20241028_143022", True),
        ("20241028143022", True),
        ("2024-10-28T14:30:22", True),
        ("2024-10-28T14:30:22.123Z", True),
        ("2024-10-28T14:30:22+01:00", True),
        ("2024-10-28_14-30", True),
        ("2024-10-28 14.30", True),
        ("2024-10-28", False),
        ("20241028", False),
        ("2024", False),
        ("20241328_143022", False),
        ("20241028_253022", False),
        ("1730125822", False),
        ("ward-3", False),
    ],
)
def test_a_patients_folder_is_told_by_a_date_with_a_time(moment: str, is_one: bool) -> None:
    found = classify(f"P1/lab/{moment}/7f3a/report.pdf", (), RULES)
    assert found.patient == (Patient("P1") if is_one else NO_EVIDENCE)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "  ",
        "unknown",
        "UNK",
        "NI",
        "none  given",
        "Test",
        "0",
        "000",
        "00000-0000000",
        "0.0",
        "０００",
        "-",
        "--",
        "- -",
        "99999",
        "999-99-9999",
        "XXXXX",
        "x x x x x",
        "1111111",
        "?????",
        "—",
    ],
)
def test_what_stands_where_nothing_is_known_is_a_placeholder_wherever_it_stands(value: str) -> None:
    assert RULES.is_placeholder(value)
    assert classify("x.txt", [("patient-id", value)], RULES).patient == NO_EVIDENCE
    assert classify("x.txt", (), RULES, Hints(patient_id=value)).patient == NO_EVIDENCE
    assert classify("x.txt", (), RULES, None, content(value)).patient == NO_EVIDENCE
    if value.strip() and "/" not in value:
        assert classify(f"documents/{value}/x.txt", (), RULES).patient == NO_EVIDENCE


@pytest.mark.parametrize(
    "value", ["1111", "9999", "10000", "00001", "00000a", "0-1", "XXXXY", "P", "P1", "testing", "Null Anna"]
)
def test_what_only_looks_like_one_is_an_id(value: str) -> None:
    assert not RULES.is_placeholder(value)


def test_placeholders_without_a_word_are_known_to_every_table() -> None:
    assert is_placeholder("00-00", frozenset())
    assert not is_placeholder("none", frozenset())


@pytest.mark.parametrize("kind", ["AN", "VN", "vn", "ANC", "AND", "ANT"])
def test_the_number_of_a_visit_or_an_account_never_decides_and_contradicts_nobody(kind: str) -> None:
    visit = PatientCandidate("V-1", "PID-3", "HOSP", type=kind)
    read = dataclasses.replace(content(), patient_candidates=(visit,))
    rules = dataclasses.replace(RULES, identifiers=())
    alone = classify("x.hl7", (), rules, None, read)
    assert alone.patient == NO_EVIDENCE
    assert ("V-1", False) in [(item.value, item.used) for item in evidence(alone)]
    assert classify("documents/P1/x.hl7", (), rules, None, read).patient == Patient("P1")
    beside = dataclasses.replace(
        read, patient_candidates=(visit, PatientCandidate("P1", "PID-3", "HOSP", type="MR"))
    )
    assert classify("x.hl7", (), rules, None, beside).patient == Patient("P1")


@pytest.mark.parametrize("source", ["metadata", "content"])
@pytest.mark.parametrize(
    ("trust", "alone", "beside_another"),
    [
        ("decides", Patient("B"), CONFLICT),
        ("may-contradict", NO_EVIDENCE, CONFLICT),
        ("ignore", NO_EVIDENCE, Patient("A")),
    ],
)
def test_a_rule_says_how_far_a_source_is_trusted(
    source: str, trust: str, alone: Patient, beside_another: Patient
) -> None:
    metadata = [("patient-id", "B")] if source == "metadata" else []
    read = content("B") if source == "content" else None
    unnamed = table(**{source: trust})
    assert classify("portal/x.pdf", metadata, unnamed, None, read).patient == alone
    named = table(**{source: trust, "patterns": ["portal/{patient}/{file}"], "patient": "from-key"})
    found = classify("portal/A/x.pdf", metadata, named, None, read)
    assert found.patient == beside_another
    assert [(item.value, item.used) for item in evidence(found) if item.source.value == source] == [
        ("B", False)
    ]


def test_a_source_that_may_only_contradict_chooses_nobody_among_those_whom_others_name() -> None:
    both = dataclasses.replace(
        content(), patient_candidates=(PatientCandidate("A", "/1", "s"), PatientCandidate("B", "/2", "t"))
    )
    metadata = [("patient-id", "B")]
    assert classify("portal/x.json", metadata, table(), None, both).patient == Patient("B")
    doubtful = table(metadata="may-contradict")
    assert classify("portal/x.json", metadata, doubtful, None, both).patient == CONFLICT


def folder(found: Classification, key: str) -> str:
    return next(Layout().folders(found, Source("landing", key)))


@pytest.mark.parametrize(
    ("key", "metadata", "hinted", "plain"),
    [
        ("sessions/A/session_1/session.json", None, None, True),
        ("sessions/A/session_1/session.json", "A", None, True),
        ("sessions/session_1/session.json", "A", None, False),
        ("sessions/session_1/session.json", "A", "A", True),
        ("uploads/session_1/session.json", None, "A", True),
        ("uploads/session_1/session.json", None, None, True),
        ("sessions/session_1/session.json", None, None, True),
    ],
)
def test_the_plain_name_of_a_session_is_for_those_whom_key_or_decision_name(
    key: str, metadata: str | None, hinted: str | None, plain: bool
) -> None:
    told = [("patient-id", metadata)] if metadata else []
    found = classify(key, told, RULES, Hints(patient_id=hinted) if hinted else None)
    assert folder(found, key).endswith("/session_1/") is plain


@pytest.mark.parametrize("trust", [{"metadata": "ignore"}, {"content": "may-contradict"}])
def test_a_document_of_a_rule_that_is_not_trusted_has_a_suffix(trust: dict[str, str]) -> None:
    own = folder(classify("portal/lab.pdf", (), table(**trust)), "portal/lab.pdf")
    assert own.startswith("processed/unknown_lab-")
    assert folder(classify("portal/lab.pdf", (), table()), "portal/lab.pdf") == "processed/unknown_lab/"


def test_a_strangers_session_has_a_suffix_among_the_unknown_too() -> None:
    rules = table(kind="session", metadata="ignore", patterns=["portal/{session:session_*}/{path...}"])
    key = "portal/session_1/session.json"
    assert folder(classify(key, (), rules), key).startswith("processed/unknown_medical_notes/session_1-")
