"""Where patients are listed: key, metadata, fields and text of a document give this patient, or these suggestions.

The clinic of these cases lists five patients (`listed/patients.json`)."""

from __future__ import annotations

import json
from datetime import date

import pytest

from benchmarks.matching.people import Person
from benchmarks.matching.trial import Mode, as_decided
from carefile.core.documents.extraction import (
    DocumentFacts,
    Entity,
    Extraction,
    PatientCandidate,
    Status,
    TextBlock,
)
from lambdas.adapters import contracts
from tests.golden.pairs import HERE, Pair, pairs

PATIENTS = [
    Person(it["id"], it["given"], tuple(it["family"]), date.fromisoformat(it["born"]), it.get("further", ""))
    for it in json.loads((HERE / "listed" / "patients.json").read_bytes())
]


@pytest.mark.parametrize("pair", pairs("listed"), ids=str)
@pytest.mark.parametrize("mode", [Mode.OPEN, Mode.LISTED, Mode.DECIDE])
def test_a_document_is_held_against_the_directory_as_its_golden_case_says(pair: Pair, mode: Mode) -> None:
    given = pair.given
    record = Extraction(
        DocumentFacts("x", 1, 1, "text", "text/plain"),
        Status.READ,
        content=tuple(TextBlock(text, page) for page, text in enumerate(given.get("pages", ()), 1)),
        entities=tuple(Entity("Patient", "PID", tuple(it.items())) for it in given.get("persons", ())),
        patient_candidates=tuple(PatientCandidate(**it) for it in given.get("content", ())),
    )
    found = as_decided(PATIENTS, mode, given["key"], given.get("metadata", {}), record)
    told = contracts.conform("classification", found.to_json())
    expected = pair.expected[mode.name.lower()]
    assert {
        "patient": told["patient"],
        "suggestions": told.get("suggestions", []),
        "evidence": [
            f"{it['value']}: {it['where']}{' (used)' if it['used'] else ''}"
            for it in told["evidence"]
            if it["source"] == "text"
        ],
    } == expected
