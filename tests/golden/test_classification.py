"""Landing key, metadata, hints and content: what it is, whose, and where it goes."""

from __future__ import annotations

import pytest

from carefile.core.deciding.classification import classify
from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.filing.layout import Layout, original_key, session_object_key
from carefile.core.model import Hints, Source
from lambdas.adapters import contracts
from tests.golden.pairs import HERE, Pair, pairs

FACTS = DocumentFacts("x", 1, 1, "json", "application/json")


@pytest.mark.parametrize("pair", pairs("classification"), ids=str)
def test_an_object_is_classified_and_placed_as_its_golden_case_says(pair: Pair) -> None:
    given = pair.given
    candidates = tuple(PatientCandidate(**candidate) for candidate in given.get("content", ()))
    found = classify(
        given["key"],
        given.get("metadata", {}).items(),
        contracts.rules(),
        Hints.from_json(given["hints"]) if "hints" in given else None,
        Extraction(FACTS, Status.READ, patient_candidates=candidates) if candidates else None,
    )
    contracts.conform("classification", found.to_json())
    folder = next(Layout().folders(found, Source("landing", given["key"])))
    assert pair.expected == {
        "kind": found.kind.value,
        "patient": found.patient.to_json(),
        "rule": found.rule,
        "folder": folder,
        "artifact": session_object_key(folder, found.session)
        if found.session
        else original_key(folder, found.extension),
    }


def test_every_rule_has_its_golden_case() -> None:
    shown = {pair.expected["rule"] for pair in pairs("classification")}
    assert shown == {rule.name for rule in contracts.rules().rules}


def test_each_half_of_a_pair_has_the_other() -> None:
    for folder in ("classification", "events"):
        names = {
            end: {path.name.removesuffix(f".{end}.json") for path in (HERE / folder).glob(f"*.{end}.json")}
            for end in ("input", "expected")
        }
        assert names["input"] == names["expected"]
