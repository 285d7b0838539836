"""I9: nothing found in free text decides without the directory's corroboration, and nothing from a picture at all.

And I8 again: no text makes anybody known whom the directory does not list."""

from __future__ import annotations

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.matching.people import Person
from benchmarks.matching.trial import Mode, as_decided
from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status, TextBlock
from carefile.core.documents.recognition import Line, RecognisedPage, Word, recognition_of
from carefile.core.documents.scans import with_recognition
from carefile.core.model import Classification

PEOPLE = [
    Person("4711", "Ana", ("Ruiz",), date(1984, 2, 11), "N-22"),
    Person("4712", "Eva", ("Ruiz",), date(1984, 2, 11)),
    Person("5001", "Juan", ("Pérez",), date(1950, 3, 4)),
    Person("5002", "Juan", ("Pérez",), date(1979, 12, 24)),
]
BY_ID = {person.id: person for person in PEOPLE}
NUMBERS = st.sampled_from([*BY_ID, "N-22", "9999", "47111", "none"])
NAMES = st.sampled_from([*(person.name for person in PEOPLE), "A. Ruiz", "Nadia Nobody", "Ruiz", "Ana Riuz"])
DATES = st.sampled_from(
    [*(person.born.isoformat() for person in PEOPLE), "11/02/1984", "04/03/1950", "2001-01-01"]
)
LINES = st.one_of(
    st.builds("MRN: {}".format, NUMBERS),
    st.builds("Patient: {}".format, NAMES),
    st.builds("DOB: {}".format, DATES),
    st.builds("Patient: {} DOB: {} MRN: {}".format, NAMES, DATES, NUMBERS),
    st.builds(
        "{}: {}, MRN {}, DOB {}".format, st.sampled_from(["Mother", "cc", "Hermana"]), NAMES, NUMBERS, DATES
    ),
    st.builds("I saw {} ({}).".format, NAMES, DATES),
    st.sampled_from(["", "", "All is well.", "Emergency contact:", "Madre:"]),
)
TEXTS = st.lists(LINES, max_size=7).map("\n".join)
KEYS = st.sampled_from(["a.txt", "inbox/a.txt", "documents/4711/a.txt", "documents/9999/a.txt", "5001/a.txt"])
CANDIDATES = st.lists(st.builds(PatientCandidate, NUMBERS, st.just("PID-3")), max_size=1)
FACTS = DocumentFacts("x", 1, 1, "text", "text/plain")


def record(text: str, candidates: list[PatientCandidate]) -> Extraction:
    return Extraction(FACTS, Status.READ, content=(TextBlock(text),), patient_candidates=tuple(candidates))


def pictured(text: str, candidates: list[PatientCandidate]) -> Extraction:
    lines = tuple(
        Line(tuple(Word(word, (0, 0, 1, 1), 99) for word in line.split())) for line in text.splitlines()
    )
    page = RecognisedPage(1, 10, 10, 0, lines)
    blank = Extraction(FACTS, Status.NOT_READ, "no-text", patient_candidates=tuple(candidates))
    return with_recognition(blank, recognition_of("tesseract", "5", ["eng"], [page]), {})


def decided(mode: Mode, key: str, extraction: Extraction) -> Classification:
    return as_decided(PEOPLE, mode, key, {}, extraction)


@given(KEYS, TEXTS, CANDIDATES)
def test_text_alone_makes_nobody_known_and_only_listed_patients_are_suggested(
    key: str, text: str, candidates: list[PatientCandidate]
) -> None:
    without = decided(Mode.LISTED, key, record("", candidates)).patient
    found = decided(Mode.LISTED, key, record(text, candidates))
    assert found.patient.id in (without.id, None)
    assert {it.patient_id for it in found.suggestions} <= BY_ID.keys()


@given(KEYS, TEXTS, CANDIDATES)
def test_text_decides_only_where_number_name_and_birth_date_of_one_listed_patient_stand_in_it(
    key: str, text: str, candidates: list[PatientCandidate]
) -> None:
    suggested = decided(Mode.LISTED, key, record(text, candidates)).patient
    found = decided(Mode.DECIDE, key, record(text, candidates))
    if found.patient == suggested:
        return
    assert suggested.reason == "no-evidence"
    person = BY_ID[found.patient.id or ""]
    assert person.id in text or (person.further and person.further in text)
    assert person.name in text
    assert any(it in text for it in (person.born.isoformat(), f"{person.born:%d/%m/%Y}"))
    # Nobody else's facts stand beside a patient's label.
    for other in PEOPLE:
        if other is not person:
            assert f"MRN: {other.id}" not in text
            assert other.name == person.name or f"Patient: {other.name}" not in text


@given(KEYS, TEXTS, CANDIDATES)
def test_what_was_recognised_on_a_picture_suggests_and_contradicts_and_decides_nothing(
    key: str, text: str, candidates: list[PatientCandidate]
) -> None:
    without = decided(Mode.DECIDE, key, pictured("", candidates)).patient
    found = decided(Mode.DECIDE, key, pictured(text, candidates))
    assert found.patient.id in (without.id, None)
    assert all(not it.used for it in found.evidence if it.source in ("text", "picture"))


@given(KEYS, TEXTS)
def test_in_open_mode_text_changes_nothing_but_suggestions(key: str, text: str) -> None:
    without = decided(Mode.OPEN, key, record("", []))
    assert decided(Mode.OPEN, key, record(text, [])).patient == without.patient
