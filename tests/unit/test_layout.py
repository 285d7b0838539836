"""The folders and keys of the processed layout."""

from __future__ import annotations

from carefile.core.filing.layout import Layout, Owner, original_key, session_object_key
from carefile.core.model import Patient, SessionPart, Source, UnknownReason

LAYOUT = Layout()
NOBODY = Patient(reason=UnknownReason.NO_EVIDENCE)


def document(patient: Patient, name: str, key: str = "k") -> list[str]:
    return list(LAYOUT.document_folders(patient, name, Source("landing", key)))


def session(patient: Patient, session_id: str, tree: str) -> list[str]:
    return list(LAYOUT.session_folders(patient, session_id, Owner("landing", tree, tree=True)))


def test_the_layout_of_the_examples() -> None:
    juan = Patient("Juan_Perez_123")
    assert document(juan, "lab_report")[0] == "processed/Juan_Perez_123_lab_report/"
    assert session(juan, "session_20241028_143022", "t")[0] == (
        "processed/Juan_Perez_123_medical_notes/session_20241028_143022/"
    )
    assert session(NOBODY, "session_20241028_145012", "t")[0] == (
        "processed/unknown_medical_notes/session_20241028_145012/"
    )
    assert document(NOBODY, "scan")[0] == "processed/unknown_scan/"


def test_a_suffix_is_short_first_and_the_same_every_time() -> None:
    first, second, *rest = document(Patient("P"), "lab", "documents/P/lab.docx")
    assert second.startswith(first.rstrip("/") + "-")
    assert len(second) == len(first) + 9
    assert document(Patient("P"), "lab", "documents/P/lab.docx") == [first, second, *rest]
    assert document(Patient("P"), "lab", "documents/P/lab.pdf")[1] != second


def test_a_documents_folder_never_ends_like_a_session_prefix() -> None:
    cases = [("P", "medical_notes"), ("P", "x_medical_notes"), ("a_medical", "notes"), ("P", "medical notes")]
    for patient, name in cases:
        folders = document(Patient(patient), name)
        assert folders
        assert not [folder for folder in folders if folder.endswith("_medical_notes/")]
    assert not [f for f in document(NOBODY, "medical_notes") if f.endswith("_medical_notes/")]


def test_a_patient_named_unknown_is_not_among_the_unknown() -> None:
    assert LAYOUT.session_prefix(Patient("unknown")) != LAYOUT.session_prefix(NOBODY)
    assert document(Patient("unknown"), "lab")[0] != document(NOBODY, "lab")[0]
    assert LAYOUT.session_prefix(Patient("=75nknown")) != LAYOUT.session_prefix(Patient("unknown"))


def test_unknown_for_any_reason_is_one_prefix() -> None:
    assert LAYOUT.session_prefix(Patient(reason=UnknownReason.CONFLICT)) == LAYOUT.session_prefix(NOBODY)


def test_a_session_folder_without_the_prefix_gets_it() -> None:
    assert session(Patient("P"), "20241028", "t")[0] == "processed/P_medical_notes/session_20241028/"


def test_a_session_object_never_takes_the_place_of_the_manifest() -> None:
    part = SessionPart("session_1", "t/", "_manifest.json")
    assert session_object_key("processed/P_medical_notes/session_1/", part).endswith("/=5Fmanifest.json")


def test_an_original_without_an_extension_is_named_original() -> None:
    assert original_key("processed/P_x/", "") == "processed/P_x/original"


def test_the_layout_holds_exactly_what_is_under_its_prefix() -> None:
    assert LAYOUT.holds("processed/x")
    assert not LAYOUT.holds("processed")
    assert not LAYOUT.holds("Processed/x")
    assert Layout("out/").structure_pattern == "out/{patient_id}_{data_type}/"
