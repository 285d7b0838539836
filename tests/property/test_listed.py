"""I8: where the directory is in use, nobody is known whom it does not list, whatever names them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.deciding.rules import RuleTable
from carefile.core.documents.extraction import DocumentFacts, Entity, Extraction, PatientCandidate, Status
from carefile.core.model import Assignment, Hints
from carefile.core.patients.directory import Listing, Wanted
from carefile.core.patients.entries import Identifier, PatientEntry, PersonName, Statement
from lambdas.adapters import contracts

RULES: RuleTable = contracts.rules()
IDS = st.sampled_from(["A1", "B2", "C3", "D4", "E5", "00000", "unknown", "radiology", "4711.0"])
SYSTEMS = st.sampled_from([None, "1.2.3", "urn:oid:1.2.3", "ehr"])
KEYS = st.builds(
    str.format,
    st.sampled_from(
        ["documents/{}/x.txt", "{}/x.txt", "{}/a/b.txt", "sessions/{}/session_1/a.json", "x.txt"]
    ),
    IDS,
)
CONTENT = st.builds(
    lambda candidates, persons: Extraction(
        DocumentFacts("x", 1, 1, "json", "application/json"),
        Status.READ,
        entities=tuple(
            Entity("Patient", "", (("name", name), ("birth date", born))) for name, born in persons
        ),
        patient_candidates=tuple(
            PatientCandidate(value, f"/{at}", system, 0, f"/{at // 2}")
            for at, (value, system) in enumerate(candidates)
        ),
    ),
    st.lists(st.tuples(IDS, SYSTEMS), max_size=4),
    st.lists(
        st.tuples(st.sampled_from(["Ana Ruiz", "Juan Perez"]), st.sampled_from(["1970-01-01", "1980"])),
        max_size=2,
    ),
)
STATEMENTS = st.builds(
    lambda name, born, identifiers: Statement(
        (PersonName(name),), born, identifiers=frozenset(Identifier.of("1.2.3", one) for one in identifiers)
    ),
    st.sampled_from(["Ana Ruiz", "Juan Perez"]),
    st.sampled_from(["1970-01-01", "1980-02-02"]),
    st.frozensets(IDS, max_size=2),
)
DIRECTORIES = st.dictionaries(
    st.sampled_from(["A1", "B2", "C3", "radiology", "00000"]),
    st.tuples(STATEMENTS, st.none() | st.sampled_from(["A1", "B2", "C3", "Z9"])),
    max_size=4,
).map(lambda found: {one: PatientEntry(one, {"ehr": said}, into) for one, (said, into) in found.items()})


def answer(entries: dict[str, PatientEntry], wanted: Wanted) -> Listing:
    """What the adapter answers: only what was asked for, and what that leads to."""
    owners = {
        one: frozenset(entry.id for entry in entries.values() if one in entry.identifiers)
        for one in wanted.identifiers
    }
    ids = set(wanted.ids).union(*owners.values()) if owners else set(wanted.ids)
    for _ in range(10):
        ids |= {entry.merged_into for one in ids if (entry := entries.get(one)) and entry.merged_into}
    return Listing({one: entries[one] for one in ids if one in entries}, owners)


@given(KEYS, st.none() | IDS, st.none() | IDS, st.none() | CONTENT, st.none() | IDS, DIRECTORIES)
def test_nobody_is_known_whom_the_directory_does_not_list(
    key: str,
    metadata: str | None,
    hint: str | None,
    content: Extraction | None,
    assigned: str | None,
    entries: dict[str, PatientEntry],
) -> None:
    told = (
        key,
        () if metadata is None else (("patient-id", metadata),),
        RULES,
        Hints(patient_id=hint),
        content,
        None if assigned is None else Assignment(assigned),
    )
    listing = answer(entries, to_look_up(*told))
    found = classify(*told, listing).patient

    if found.id is not None:
        assert found.id in entries
        assert entries[found.id].merged_into is None
        # What was asked for is all that matters: the whole directory gives the same answer.
        whole = answer(
            entries, Wanted(frozenset(entries), frozenset(i for e in entries.values() for i in e.identifiers))
        )
        assert classify(*told, whole).patient == found


@given(KEYS, st.none() | IDS, st.none() | CONTENT)
def test_without_a_directory_nothing_is_unlisted(
    key: str, hint: str | None, content: Extraction | None
) -> None:
    found = classify(key, (), RULES, Hints(patient_id=hint), content)
    assert found.patient.reason != "unlisted"
    assert all(item.listed is None for item in found.evidence)
