"""The record itself: when it needs a reason, and which of its patient ids count."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.identity import identities
from carefile.core.documents.extraction import (
    DocumentFacts,
    Extraction,
    PatientCandidate,
    Status,
    clean,
    is_clean,
)

FACTS = DocumentFacts("x.txt", 1, 1, "text", "text/plain")


def spoken(*candidates: PatientCandidate) -> list[str]:
    return list(identities(candidates, (), lambda value: value == "unknown").meanings.values())


@pytest.mark.parametrize(("status", "reason"), [(Status.READ, "cut"), (Status.NOT_READ, None)])
def test_a_reason_is_given_exactly_when_not_everything_was_read(status: Status, reason: str | None) -> None:
    with pytest.raises(ValueError, match="reason"):
        Extraction(FACTS, status, reason)


def test_the_preferred_identifier_of_a_record_speaks_for_the_others() -> None:
    assert spoken(PatientCandidate("4711", "/mrn", rank=2), PatientCandidate("A_1", "/patient_id")) == ["A_1"]


def test_a_placeholder_speaks_for_nobody() -> None:
    placeholder = PatientCandidate("unknown", "/patient_id", rank=0)
    assert spoken(placeholder, PatientCandidate("4711", "/mrn", rank=2)) == ["4711"]


def test_an_identifier_speaks_for_those_within_its_record() -> None:
    around = PatientCandidate("A_1", "/patient_id", rank=0, scope="")
    within = PatientCandidate("4711", "/patient/mrn", rank=2, scope="/patient")
    assert spoken(around, within) == ["A_1"]


def test_an_identifier_does_not_speak_for_those_around_its_record() -> None:
    around = PatientCandidate("4711", "/mrn", rank=2, scope="")
    within = PatientCandidate("B_2", "/previous/patient_id", rank=0, scope="/previous")
    assert spoken(around, within) == ["4711", "B_2"]


def test_records_side_by_side_speak_each_for_themselves() -> None:
    one = PatientCandidate("A_1", "/1/patient_id", rank=0, scope="/1")
    other = PatientCandidate("4711", "/10/mrn", rank=2, scope="/10")
    assert spoken(one, other) == ["A_1", "4711"]


def test_the_same_field_twice_names_two_patients() -> None:
    one, other = PatientCandidate("A_1", "/patient_id"), PatientCandidate("B_2", "/patient_id")
    assert spoken(one, other) == ["A_1", "B_2"]


@given(st.text(st.characters(codec=None, categories=None)))
def test_clean_text_is_valid_utf_8_without_control_characters(text: str) -> None:
    cleaned = clean(text)
    assert is_clean(text) is (cleaned == text)
    assert clean(cleaned) == cleaned
    assert not {c for c in cleaned if c < " "} - {"\t", "\n"}
    assert cleaned.encode("utf-8").decode("utf-8") == cleaned


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"))))
def test_cleaning_leaves_words_alone(text: str) -> None:
    assert clean(text) == text
