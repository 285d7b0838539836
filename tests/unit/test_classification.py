"""Whose an object is: what decides, what only contradicts, what is no evidence at all."""

from __future__ import annotations

import pytest

from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.model import Classification, EvidenceSource, Hints, Kind, Patient, UnknownReason
from lambdas.adapters import contracts

RULES = contracts.rules()
NO_EVIDENCE = Patient(reason=UnknownReason.NO_EVIDENCE)
CONFLICT = Patient(reason=UnknownReason.CONFLICT)


def found(*candidates: PatientCandidate, complete: bool = True) -> Extraction:
    facts = DocumentFacts("x.json", 1, 1, "json", "application/json")
    return Extraction(facts, Status.READ, patient_candidates=candidates, candidates_complete=complete)


def patient(
    key: str,
    metadata: dict[str, str] | None = None,
    hints: Hints | None = None,
    content: Extraction | None = None,
) -> Patient:
    return classify(key, (metadata or {}).items(), RULES, hints, content).patient


def used(classification: Classification) -> dict[EvidenceSource, bool]:
    return {item.source: item.used for item in classification.evidence if item.about == "patient"}


def test_a_hint_decides_over_everything_and_the_rest_stays_visible() -> None:
    made = classify(
        "documents/A/x.txt",
        [("patient-id", "B")],
        RULES,
        Hints(patient_id="C"),
        found(PatientCandidate("D", "/mrn")),
    )
    assert made.patient == Patient("C")
    assert used(made) == {
        EvidenceSource.HINT: True,
        EvidenceSource.METADATA: False,
        EvidenceSource.KEY: False,
        EvidenceSource.CONTENT: False,
    }


@pytest.mark.parametrize(
    ("metadata", "content"),
    [
        ({"patient-id": "B"}, None),
        ({"patient_id": "B"}, None),
        ({}, found(PatientCandidate("B", "/mrn"))),
        ({}, found(PatientCandidate("B", "/mrn"), complete=False)),
        ({"patient-id": "A"}, found(PatientCandidate("B", "/mrn"))),
        ({"patient-id": "A", "patient_id": "B"}, None),
        ({"patient-id": "a"}, None),
        ({}, found(PatientCandidate("A", "/0/mrn", scope="/0"), PatientCandidate("B", "/1/mrn", scope="/1"))),
    ],
)
def test_two_sources_that_name_different_patients_make_it_unknown(
    metadata: dict[str, str], content: Extraction | None
) -> None:
    assert patient("documents/A/x.txt", metadata, content=content) == CONFLICT


def test_two_sources_that_agree_are_both_used() -> None:
    made = classify("documents/A/x.txt", [("patient-id", " A ")], RULES)
    assert made.patient == Patient("A")
    assert used(made) == {EvidenceSource.METADATA: True, EvidenceSource.KEY: True}


@pytest.mark.parametrize("word", ["unknown", "UNKNOWN", "None", "null", "n/a", "N/A", " ", "", "Unknown "])
def test_a_placeholder_is_no_evidence_wherever_it_stands(word: str) -> None:
    assert patient("x.txt", {"patient-id": word}) == NO_EVIDENCE
    assert patient("x.txt", hints=Hints(patient_id=word)) == NO_EVIDENCE
    assert patient("x.txt", content=found(PatientCandidate(word, "/mrn"))) == NO_EVIDENCE
    assert patient("documents/A/x.txt", {"patient-id": word}) == Patient("A")


@pytest.mark.parametrize("word", ["unknown", "Unknown", "NULL", "none", "no-patient"])
def test_a_placeholder_folder_names_nobody(word: str) -> None:
    assert patient(f"documents/{word}/x.txt") == NO_EVIDENCE
    assert patient(f"sessions/{word}/session_1/session.json") == NO_EVIDENCE
    assert patient(f"{word}/x.txt") == NO_EVIDENCE


def test_content_decides_alone_only_when_all_of_it_was_looked_at() -> None:
    candidate = PatientCandidate("B", "/mrn")
    assert patient("x.json", content=found(candidate)) == Patient("B")
    assert patient("x.json", content=found(candidate, complete=False)) == NO_EVIDENCE
    assert patient("x.json", {"patient-id": "B"}, content=found(candidate, complete=False)) == Patient("B")


def test_an_id_that_a_preferred_one_speaks_for_is_no_contradiction() -> None:
    both = found(PatientCandidate("P1", "/patient_id", rank=0), PatientCandidate("MRN9", "/mrn", rank=2))
    assert patient("documents/P1/x.json", content=both) == Patient("P1")


def test_two_unicode_forms_of_one_id_are_one_patient() -> None:
    assert patient("documents/Mu\u0308ller/x.txt", {"patient-id": "M\u00fcller"}) == Patient("M\u00fcller")


def test_ids_keep_their_case_on_every_path() -> None:
    assert patient("documents/AbC/x.txt") == Patient("AbC")
    assert patient("sessions/AbC/session_1/session.json") == Patient("AbC")
    assert patient("x.txt", {"patient-id": "AbC"}) == Patient("AbC")
    assert patient("x.txt", hints=Hints(patient_id="AbC")) == Patient("AbC")
    assert patient("x.txt", content=found(PatientCandidate("AbC", "/mrn"))) == Patient("AbC")


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("=?UTF-8?Q?M=C3=BCller?=", "Müller"),
        ("=?utf-8?b?5qSc5p+7?=", "検査"),
        ("=?UTF-8?X?abc?=", "=?UTF-8?X?abc?="),
        ("=?no-such-charset?Q?abc?=", "=?no-such-charset?Q?abc?="),
        ("=?\u00e9?q?abc?=", "=?\u00e9?q?abc?="),
        ("=?\x00?q?abc?=", "=?\x00?q?abc?="),
        ("=?UTF-8?B?a?=", "=?UTF-8?B?a?="),
        ("=?UTF-8?Q?=FF=FE?=", "=?UTF-8?Q?=FF=FE?="),
    ],
)
def test_metadata_is_decoded_where_it_is_encoded_and_else_taken_as_it_stands(value: str, meant: str) -> None:
    assert patient("x.txt", {"patient-id": value}) == Patient(meant)


def test_the_kind_of_a_hint_wins_and_the_rules_kind_stays_visible() -> None:
    made = classify("documents/P/talk.json", (), RULES, Hints(kind=Kind.SESSION))
    assert made.kind is Kind.SESSION
    assert made.session is not None
    assert (made.session.session_id, made.session.sub_path) == ("session_talk", "talk.json")
    assert [(item.source, item.used) for item in made.evidence if item.about == "kind"] == [
        (EvidenceSource.HINT, True),
        (EvidenceSource.KEY, False),
    ]


def test_a_hint_names_the_document_and_the_session() -> None:
    assert classify("x.txt", (), RULES, Hints(document_name="Blood count")).document_name == "Blood count"
    assert classify("x.txt", (), RULES, Hints(document_name="  ")).document_name == "x"
    session = classify("sessions/P/x.json", (), RULES, Hints(session_id="7")).session
    assert session is not None
    assert session.session_id == "session_7"


def content_evidence(made: Classification) -> list[tuple[str, str]]:
    return [(item.value, item.where) for item in made.evidence if item.source is EvidenceSource.CONTENT]


def test_the_record_shows_everybody_who_is_named_before_anybody_twice_and_counts_the_rest() -> None:
    many = [PatientCandidate("A", f"/{n}/mrn", scope=f"/{n}") for n in range(30)]
    made = classify("documents/A/x.json", (), RULES, None, found(*many, PatientCandidate("B", "/b/mrn")))
    assert made.patient == CONFLICT
    *shown, counted = content_evidence(made)
    assert shown == [*[("A", f"/{n}/mrn") for n in range(19)], ("B", "/b/mrn")]
    assert counted == ("", "11 more, of 0 other patients")


def test_the_record_counts_the_patients_that_it_does_not_show() -> None:
    many = [PatientCandidate(f"A{n // 2}", f"/{n}/mrn", scope=f"/{n}") for n in range(90)]
    shown = content_evidence(classify("x.json", (), RULES, None, found(*many)))
    assert len({value for value, _ in shown[:20]}) == 20
    assert shown[20:] == [("", "70 more, of 25 other patients")]


def test_the_record_says_where_the_content_may_name_others() -> None:
    partly = found(PatientCandidate("A", "/mrn"), complete=False)
    made = classify("documents/A/x.json", (), RULES, None, partly)
    assert made.patient == Patient("A")
    assert [value for value, _ in content_evidence(made)] == ["A", ""]


def test_what_is_no_id_at_all_is_not_looked_up() -> None:
    content = found(
        PatientCandidate("P" * 1025, "/mrn"), PatientCandidate("", "/mrn"), PatientCandidate("A", "/mrn")
    )
    assert to_look_up("x.json", (), RULES, None, content).ids == {"A"}


@pytest.mark.parametrize("part", ["P7", "é71"])
def test_an_id_longer_than_anybodys_is_no_evidence(part: str) -> None:
    """It is measured in bytes, as DynamoDB measures keys."""
    longest = part * (1024 // len(part.encode()))
    assert patient("x.txt", {"patient-id": longest}) == Patient(longest)
    assert patient("x.txt", {"patient-id": longest + "7"}) == NO_EVIDENCE


def test_keys_that_name_a_patient_are_below_what_a_rule_begins_with_and_the_patient() -> None:
    places = ["", "documents/", "medical-notes/patients/", "sessions/"]
    assert RULES.prefixes_of("P_7") == [
        f"{place}P_7/" for place in sorted(places, key=lambda it: f"{it}P_7/")
    ]
    composed, spelt_out = "Jos\u00e9", "Jose\u0301"
    both = {f"{place}{name}/" for place in places for name in (composed, spelt_out)}
    assert set(RULES.prefixes_of(composed)) == set(RULES.prefixes_of(spelt_out)) == both


def test_evidence_from_the_content_says_where_it_stands_and_in_whose_numbering() -> None:
    candidates = found(PatientCandidate("A", "/PID-3", system="1.2.3"), PatientCandidate("A", "/mrn"))
    made = classify("x.json", (), RULES, None, candidates)
    told = [item.where for item in made.evidence if item.source is EvidenceSource.CONTENT]
    assert told == ["/PID-3 of 1.2.3", "/mrn"]
