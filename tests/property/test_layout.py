"""The layout: no two sources in one folder, no two patients in one prefix, no key outside or too long."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from carefile.core.deciding.classification import classify
from carefile.core.filing.layout import (
    Layout,
    extracted_key,
    manifest_key,
    original_key,
    owner_of,
    result_key,
    session_object_key,
)
from carefile.core.model import Classification, Hints, Kind, Patient, Source
from lambdas.adapters import contracts
from tests.property.strategies import hints, keys, names, patient_ids, patients

LAYOUT = Layout()
RULES = contracts.rules()
sources = st.builds(Source, st.sampled_from(["landing", "landing-2"]), keys)


def artifact_keys(found: Classification, folder: str) -> list[str]:
    if found.session:
        return [session_object_key(folder, found.session)]
    return [
        original_key(folder, found.extension),
        extracted_key(folder),
        result_key(folder),
        manifest_key(folder),
    ]


@given(sources, hints)
def test_every_key_is_under_the_prefix_and_not_too_long(source: Source, hinted: Hints) -> None:
    found = classify(source.key, (), RULES, hinted)
    for folder in LAYOUT.folders(found, source):
        for key in (*artifact_keys(found, folder), manifest_key(folder)):
            assert key.startswith("processed/")
            assert len(key.encode()) <= 1024
            assert not {".", ".."} & set(key.split("/"))
            assert key.startswith(folder)


@given(sources, hints)
def test_a_documents_folder_is_one_segment_and_a_sessions_two(source: Source, hinted: Hints) -> None:
    found = classify(source.key, (), RULES, hinted)
    depth = 2 if found.kind is Kind.SESSION else 1
    for folder in LAYOUT.folders(found, source):
        parts = folder.split("/")
        assert len(parts) == depth + 2
        assert all(parts[:-1])


@given(patients, names, keys)
def test_a_document_is_never_in_a_session_prefix(patient: Patient, name: str, key: str) -> None:
    folders = list(LAYOUT.document_folders(patient, name, Source("landing", key)))
    assert len(folders) >= 3
    assert not [folder for folder in folders if folder.endswith("_medical_notes/")]


@given(patient_ids, patient_ids)
def test_no_two_patients_share_a_session_prefix(one: str, other: str) -> None:
    prefixes = {LAYOUT.session_prefix(Patient(patient)) for patient in (one, other)}
    assert len(prefixes) == len({one, other})
    assert "processed/unknown_medical_notes/" not in prefixes


@given(sources, hints)
def test_the_candidates_of_a_source_are_the_same_every_time(source: Source, hinted: Hints) -> None:
    found = classify(source.key, (), RULES, hinted)
    first = list(LAYOUT.folders(found, source))
    assert list(LAYOUT.folders(classify(source.key, (), RULES, hinted), source)) == first
    assert len(first) == len(set(first))


def claimed(claims: dict[str, str], folders: Iterator[str], owner: str) -> str | None:
    """The first folder that is nobody's or the owner's: what the manifests with If-None-Match amount to."""
    for folder in folders:
        if claims.setdefault(folder, owner) == owner:
            return folder
    return None


@given(st.lists(st.tuples(sources, hints), min_size=2, max_size=8, unique_by=lambda pair: pair[0]))
def test_no_two_sources_share_a_key_and_no_two_owners_a_folder(pairs: list[tuple[Source, Hints]]) -> None:
    claims: dict[str, str] = {}
    taken: dict[str, Source] = {}
    for source, hinted in pairs:
        found = classify(source.key, (), RULES, hinted)
        owner = owner_of(found, source).owner_id
        folder = claimed(claims, LAYOUT.folders(found, source), owner)
        assert folder is not None
        assert claims[folder] == owner
        for key in artifact_keys(found, folder):
            assert taken.setdefault(key, source) == source
    assert not {manifest_key(folder) for folder in claims} & {
        key for key in taken if not key.endswith("/_manifest.json")
    }


@given(st.lists(st.tuples(st.sampled_from("ab_"), st.sampled_from("ab_"), keys), min_size=2, max_size=10))
def test_sources_that_want_one_folder_get_one_each(wishes: list[tuple[str, str, str]]) -> None:
    claims: dict[str, str] = {}
    folders: dict[str, Source] = {}
    for patient, name, key in wishes:
        source = Source("landing", f"{patient}/{name}/{key}")
        candidates = LAYOUT.document_folders(Patient(patient), name, source)
        folder = claimed(claims, candidates, source.source_id)
        assert folder is not None
        assert folders.setdefault(folder, source) == source


@given(st.lists(st.sampled_from(["session_X", "X", "session_session_X"]), min_size=2, max_size=3), keys)
def test_the_whole_of_a_session_tree_gets_one_folder(trees: list[str], key: str) -> None:
    claims: dict[str, str] = {}
    folders: dict[str, set[str | None]] = {}
    for tree in (*trees, *trees):
        for prefix in ("medical-notes/no-patient", "medical-notes/patients/unknown"):
            source = Source("landing", f"{prefix}/{tree}/{key}")
            found = classify(source.key, (), RULES)
            owner = owner_of(found, source).owner_id
            folders.setdefault(owner, set()).add(claimed(claims, LAYOUT.folders(found, source), owner))
    assert all(len(found) == 1 for found in folders.values())
    assert len({folder for found in folders.values() for folder in found}) == len(folders)
