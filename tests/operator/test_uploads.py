"""Which landing key a file gets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from carefile.cli.moving.uploads import patient_metadata, plan_uploads
from carefile.core.deciding.classification import classify
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Kind

RULES = Path(__file__).parents[2] / "rules" / "default.json"


def keys(
    root: Path, patient: str | None = None, kind: Kind | None = None, prefix: str | None = None
) -> list[str]:
    return [upload.key for upload in plan_uploads(root, patient, kind, prefix)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in (
        "lab.pdf",
        "notes/visit.txt",
        "session_1/session.json",
        "session_1/agents/a.json",
        ".hidden",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def test_a_file_of_a_patient_goes_among_the_patients_documents(tree: Path) -> None:
    assert keys(tree / "lab.pdf", "P_1") == ["documents/P_1/lab.pdf"]


def test_a_file_of_nobody_keeps_its_name(tree: Path) -> None:
    assert keys(tree / "lab.pdf") == ["lab.pdf"]


def test_a_file_said_to_be_a_session_goes_among_the_sessions(tree: Path) -> None:
    assert keys(tree / "lab.pdf", "P_1", Kind.SESSION) == ["sessions/P_1/lab.pdf"]


def test_a_session_folder_keeps_its_own_name(tree: Path) -> None:
    assert keys(tree / "session_1", "P_1") == [
        "sessions/P_1/session_1/agents/a.json",
        "sessions/P_1/session_1/session.json",
    ]


def test_a_folder_of_sessions_keeps_the_name_of_each(tree: Path) -> None:
    (tree / "lab.pdf").unlink()
    assert keys(tree, "P_1", Kind.SESSION)[-1] == "sessions/P_1/session_1/session.json"


def test_a_tree_keeps_the_paths_below_it_and_leaves_hidden_files(tree: Path) -> None:
    assert keys(tree) == ["lab.pdf", "notes/visit.txt", "session_1/agents/a.json", "session_1/session.json"]


@pytest.mark.parametrize("prefix", ["new", "new/", "/new/"])
def test_a_prefix_of_ones_own_stands_before_everything(tree: Path, prefix: str) -> None:
    assert keys(tree / "lab.pdf", "P_1", prefix=prefix) == ["new/lab.pdf"]


def test_an_empty_prefix_puts_files_at_the_top(tree: Path) -> None:
    assert keys(tree / "lab.pdf", "P_1", prefix="") == ["lab.pdf"]


@pytest.mark.parametrize("patient", ["P_1", "José", "A/B", "Ana Ruiz", "患者 7"])
def test_the_functions_read_back_the_very_patient(tree: Path, patient: str) -> None:
    rules = RuleTable.from_json(json.loads(RULES.read_text()))
    (key,) = keys(tree / "lab.pdf", patient)
    assert classify(key, patient_metadata(patient).items(), rules).patient.id == patient


def test_metadata_is_ascii_whatever_the_patient_is_called() -> None:
    assert all(value.isascii() for value in patient_metadata("患者" * 40).values())
