"""Every key has its rule, and no patient is ever guessed."""

from __future__ import annotations

import dataclasses
import re
import unicodedata
from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.classification import classify, session_tree
from carefile.core.deciding.identity import IdentifierRule, identities
from carefile.core.deciding.rules import RuleTable
from carefile.core.documents.extraction import DocumentFacts, Extraction, PatientCandidate, Status
from carefile.core.model import Assignment, Hints, Kind, UnknownReason
from lambdas.adapters import contracts
from tests.property.strategies import hints, keys, names, segments

RULES = contracts.rules()
FACTS = DocumentFacts("x", 1, 1, "json", "application/json")

metadata = st.lists(
    st.tuples(st.sampled_from(["patient-id", "patient_id", "Patient-Id", "ward"]), names), max_size=3
)
candidates = st.lists(names.map(lambda name: PatientCandidate(name, "/mrn")), max_size=3)
contents = st.one_of(
    st.none(),
    st.builds(
        lambda found, complete: Extraction(
            FACTS, Status.READ, patient_candidates=tuple(found), candidates_complete=complete
        ),
        candidates,
        st.booleans(),
    ),
)
identifier_rules = st.lists(
    st.builds(
        IdentifierRule,
        st.sampled_from(["s", "t", "", "*"]),
        st.sampled_from([None, "SS"]),
        st.sampled_from([None, "{id}", "X-{id}"]),
    ),
    max_size=3,
).map(tuple)
identified = st.lists(
    st.builds(
        PatientCandidate,
        st.sampled_from(["A", "B", "a", "unknown", "X-A"]),
        st.just("/id"),
        st.sampled_from(["s", "t", None]),
        st.integers(0, 2),
        st.sampled_from(["", "/1", "/1/2", "/10"]),
        st.sampled_from([None, "SS"]),
    ),
    max_size=5,
)
few = st.sampled_from(["A", "B", "a", "unknown", "", " A ", "none"])


def real(values: Iterable[str]) -> set[str]:
    """The ids among the values: as the contract compares them, without what names nobody."""
    found = {unicodedata.normalize("NFC", value.strip()) for value in values}
    return {value for value in found if not RULES.is_placeholder(value)}


@given(keys)
def test_every_key_has_a_rule_and_only_the_first_that_matches_decides(key: str) -> None:
    match = RULES.match(key)
    matching = [rule for rule in RULES.rules if any(pattern.fullmatch(key) for pattern in rule.patterns)]
    assert match.rule is matching[0]


@given(keys, metadata, hints, contents)
def test_nothing_that_may_come_makes_the_classification_fail(
    key: str, pairs: list[tuple[str, str]], hinted: Hints, content: Extraction | None
) -> None:
    found = classify(key, pairs, RULES, hinted, content)
    assert (found.session is None) == (found.kind is Kind.DOCUMENT)
    assert (found.patient.id is None) == (found.patient.reason is not None)
    assert found.to_json()["kind"] == found.kind.value


@given(keys, metadata, contents)
def test_without_a_hint_a_patient_is_known_only_when_all_evidence_agrees(
    key: str, pairs: list[tuple[str, str]], content: Extraction | None
) -> None:
    found = classify(key, [(name, value) for name, value in pairs if "=?" not in value], RULES, None, content)
    used = {item.value for item in found.evidence if item.about == "patient" and item.used}
    if found.patient.id is None:
        assert not used
    else:
        assert not RULES.is_placeholder(found.patient.id)
        long = {value for value in used if len(value) == 200}
        assert real(used - long) <= {found.patient.id}


@given(few, few, few, few)
def test_two_valid_ids_make_it_unknown_and_one_makes_it_known(
    in_key: str, in_metadata: str, in_other: str, in_content: str
) -> None:
    key = f"documents/{in_key}/x.json" if in_key else "x.json"
    pairs = [("patient-id", in_metadata), ("patient_id", in_other)]
    content = Extraction(FACTS, Status.READ, patient_candidates=(PatientCandidate(in_content, "/mrn"),))
    patient = classify(key, pairs, RULES, None, content).patient
    named = real([in_key, in_metadata, in_other, in_content])
    if len(named) > 1:
        assert patient.reason is UnknownReason.CONFLICT
    elif named:
        assert {patient.id} == named
    else:
        assert patient.reason is UnknownReason.NO_EVIDENCE


@given(identified, identifier_rules, st.booleans(), st.sampled_from(["", "A", "B", "X-A"]))
def test_content_files_under_nobody_whom_it_does_not_name_in_every_record(
    found: list[PatientCandidate], rows: tuple[IdentifierRule, ...], complete: bool, in_key: str
) -> None:
    rules = dataclasses.replace(RULES, identifiers=rows)
    content = Extraction(FACTS, Status.READ, patient_candidates=tuple(found), candidates_complete=complete)
    patient = classify(f"documents/{in_key}/x" if in_key else "x", (), rules, None, content).patient
    speaking = identities(found, rows, RULES.is_placeholder)
    if patient.id is None:
        return
    assert patient.id in ({in_key} if in_key else set(speaking.meanings.values()))
    assert all(patient.id in {name.id for name in person} for person in speaking.persons)
    assert not in_key or patient.id == in_key
    assert in_key or complete


@given(identified, identifier_rules)
def test_what_a_document_says_does_not_depend_on_its_order(
    found: list[PatientCandidate], rows: tuple[IdentifierRule, ...]
) -> None:
    rules = dataclasses.replace(RULES, identifiers=rows)

    def decide(candidates: list[PatientCandidate]) -> object:
        content = Extraction(FACTS, Status.READ, patient_candidates=tuple(candidates))
        return classify("x", (), rules, None, content).patient

    assert decide(found) == decide(found[::-1])


@given(keys, metadata, names, contents)
def test_a_hint_that_names_somebody_decides(
    key: str, pairs: list[tuple[str, str]], named: str, content: Extraction | None
) -> None:
    patient = classify(key, pairs, RULES, Hints(patient_id=named), content).patient
    if real([named]):
        assert {patient.id} == real([named])


@given(keys, metadata, contents)
def test_every_named_id_stands_in_the_record(
    key: str, pairs: list[tuple[str, str]], content: Extraction | None
) -> None:
    found = classify(key, pairs, RULES, None, content)
    shown = {item.source.value for item in found.evidence}
    assert ("metadata" in shown) == any(name.lower() in ("patient-id", "patient_id") for name, _ in pairs)
    says_something = content and (content.patient_candidates or not content.candidates_complete)
    assert ("content" in shown) == bool(says_something)


def by_the_table(key: str) -> tuple[str, str | None]:
    """The table of the contract read once more, by splitting: kind, and who the key names."""
    match key.split("/"):
        case ["medical-notes", "patients", patient, session, _, *_] if patient and session:
            return "session", patient
        case ["medical-notes", "no-patient", session, _, *_] if session:
            return "session", None
        case ["sessions", session, _, *_] if is_session(session):
            return "session", None
        case ["sessions", patient, session, _, *_] if patient and is_session(session):
            return "session", patient
        case ["documents", _] | [_]:
            return "document", None
        case ["documents", patient, _, *_]:
            return "document", patient
        case ["sessions", _]:
            return "session", None
        case ["sessions", patient, _] if patient:
            return "session", patient
        case [patient, category, moment, file_id, _] if patient and category and file_id:
            return "document", patient if MOMENT.fullmatch(moment) else None
        case _:
            return "document", None


MOMENT = re.compile(
    r"\d{8}_\d{6}"
)  # of the forms that a date with a time has, the one that the keys below have


def is_session(part: str) -> bool:
    return part.startswith("session_") and len(part) > len("session_")


def is_written_by_the_agent(key: str) -> bool:
    parts = key.split("/")
    return any(is_session(part) and is_of_a_session(parts[at + 1 :]) for at, part in enumerate(parts))


def is_of_a_session(path: list[str]) -> bool:
    """Whether the SDK writes this path below a session's folder."""
    if path == ["session.json"]:
        return True
    if path[:1] == ["multi_agents"]:
        return bool("/".join(path[1:]))
    if len(path) < 3 or path[0] != "agents" or not re.fullmatch("agent_.+", path[1], re.DOTALL):
        return False
    if len(path) == 3:
        return path[2] == "agent.json"
    message = re.fullmatch(r"message_.+\.json", path[3], re.DOTALL)
    return len(path) == 4 and path[2] == "messages" and message is not None


TABLE_WORDS = (
    *(
        "medical-notes",
        "patients",
        "no-patient",
        "sessions",
        "documents",
        "session_1",
        "session_",
        "P",
        "inbox",
    ),
    *("agents", "agent_a", "agent.json", "messages", "message_1.json", "session.json", "multi_agents"),
    *("x.txt", "unknown", "", ".", "..", "production", "20241028_143022", "2024"),
)
table_keys = (
    st.lists(st.one_of(st.sampled_from(TABLE_WORDS), segments), min_size=1, max_size=6)
    .map("/".join)
    .filter(lambda key: 0 < len(key.encode()) <= 1024 and not key.endswith("/"))
)


@given(table_keys)
def test_the_rules_say_what_the_table_of_the_contract_says(key: str) -> None:
    found = classify(key, (), RULES)
    if is_written_by_the_agent(key):
        assert found.kind is Kind.SESSION
        if not key.startswith(("sessions/", "medical-notes/patients/")):
            assert found.patient.id is None  # only a place of the conventions names somebody
        return
    kind, patient = by_the_table(key)
    assert found.kind.value == kind
    nowhere = patient in (".", "..")
    if not patient or RULES.is_placeholder(patient) or RULES.is_folder_word(patient) or nowhere:
        if (
            key.startswith("medical-notes/patients/")
            and patient
            and not (nowhere or RULES.is_placeholder(patient))
        ):
            assert found.patient.id is not None  # the legacy layout says itself that this is a patient
        else:
            assert found.patient.id is None
    else:
        assert found.patient.id == unicodedata.normalize("NFC", patient.strip())


@given(
    segments.filter(lambda name: name.strip() and "/" not in name),
    st.sampled_from(["", "P/", "incoming/", "a/b/"]),
)
def test_an_agents_session_is_a_session_wherever_it_stands(name: str, prefix: str) -> None:
    for path in ("session.json", "agents/agent_a/agent.json", "agents/agent_a/messages/message_0.json"):
        found = classify(f"{prefix}session_{name}/{path}", (), RULES)
        assert found.kind is Kind.SESSION
        assert found.session is not None
        assert found.session.sub_path == path
        assert found.session.session_id == f"session_{name}"


@given(keys, metadata, contents, few, st.frozensets(few, max_size=2), st.none() | few)
def test_an_assigned_session_is_its_patients_or_nobodys_and_never_a_third_ones(
    key: str,
    pairs: list[tuple[str, str]],
    content: Extraction | None,
    assigned: str,
    replaced: frozenset[str],
    hinted: str | None,
) -> None:
    (patient,) = real([assigned]) or {"A"}
    found = classify(
        key, pairs, RULES, Hints(patient_id=hinted), content, Assignment(patient, replaced)
    ).patient
    against = real([hinted] if hinted else []) - {patient} - replaced
    assert (found.id, found.reason) == ((None, UnknownReason.CONFLICT) if against else (patient, None))


@given(keys, metadata, hints, contents)
def test_a_sessions_objects_and_no_others_have_a_tree_and_it_does_not_depend_on_what_is_decided(
    key: str, pairs: list[tuple[str, str]], hinted: Hints, content: Extraction | None
) -> None:
    tree = session_tree(key, RULES)
    assert (tree is not None) == (RULES.match(key).rule.kind is Kind.SESSION)
    session = classify(key, pairs, RULES, hinted, content).session
    if tree is not None:
        assert key.startswith(tree)
        assert session is None or session.tree == tree


TABLES = [
    RULES,
    RuleTable.from_json(
        {
            "rules": [
                {
                    "name": "clinic",
                    "patterns": ["clinics/{clinic}/{patient}/{file}", "by-name/{patient}/**/{file}"],
                    "kind": "document",
                    "patient": "from-key",
                },
                {
                    "name": "tenant",
                    "patterns": ["**/notes/{patient}/{session}/{path...}"],
                    "kind": "session",
                    "patient": "from-key",
                },
                {"name": "rest", "patterns": ["**/{file}"], "kind": "document", "patient": "unknown"},
            ],
            "folder_words": [],
            "placeholders": [],
        }
    ),
]


@given(
    st.sampled_from(TABLES),
    st.one_of(
        keys,
        st.lists(st.one_of(st.sampled_from(["clinics", "by-name", "notes"]), segments), min_size=2)
        .map("/".join)
        .filter(lambda key: not key.endswith("/")),
    ),
)
def test_every_key_that_names_a_patient_is_below_one_of_that_patient_s_prefixes(
    table: RuleTable, key: str
) -> None:
    patient = table.match(key).patient
    if patient is not None and table.names_patient(key, patient):
        prefixes = table.prefixes_of(patient)
        assert any(key.startswith(prefix) for prefix in prefixes)
        assert not any(one != two and one.startswith(two) for one in prefixes for two in prefixes)
