"""The samples are all there, in the shape that they are to show, and are read as they should be."""

from __future__ import annotations

import csv
import json
import re
from datetime import date
from pathlib import Path

import pytest

from benchmarks.matching.people import Person
from benchmarks.matching.trial import Mode, as_decided
from carefile.core.documents.extraction import Status
from carefile.core.documents.scans import shows_text
from tests.readers.golden_files import read_file
from tests.readers.schema import assert_is_fit

SAMPLES = Path(__file__).parents[2] / "samples"
UPLOADS = json.loads((SAMPLES / "uploads.json").read_text(encoding="utf-8"))
TREE = re.compile(
    r"(session\.json|agents/agent_\w+/agent\.json|agents/agent_\w+/messages/message_\d+\.json)$"
)


def test_every_file_is_uploaded_once_and_every_upload_has_its_file() -> None:
    files = {str(path.relative_to(SAMPLES)) for path in (SAMPLES / "files").rglob("*") if path.is_file()}
    assert sorted(upload["path"] for upload in UPLOADS) == sorted(files)
    assert len({upload["key"] for upload in UPLOADS}) == len(UPLOADS)


def test_every_upload_says_what_it_is_there_for() -> None:
    for upload in UPLOADS:
        assert set(upload) - {"metadata", "expect"} == {"path", "key", "comment"}
        assert upload["comment"].endswith(".")


def test_every_scan_is_there_and_waits_to_be_read() -> None:
    scans = json.loads((SAMPLES / "scans.json").read_text(encoding="utf-8"))
    assert sorted(one["path"] for one in scans) == sorted(
        str(path.relative_to(SAMPLES)) for path in (SAMPLES / "scans").iterdir()
    )
    assert sum((SAMPLES / one["path"]).stat().st_size for one in scans) < 300_000
    assert all(shows_text(read_file(SAMPLES / one["path"])) for one in scans)


def test_the_samples_stay_small() -> None:
    assert sum((SAMPLES / upload["path"]).stat().st_size for upload in UPLOADS) < 300_000


def test_the_session_trees_are_such_as_the_agents_sdk_writes() -> None:
    for upload in UPLOADS:
        if not TREE.search(upload["key"]):
            continue
        content = json.loads((SAMPLES / upload["path"]).read_text(encoding="utf-8"))
        if upload["key"].endswith("session.json"):
            assert set(content) == {"session_id", "session_type", "created_at", "updated_at"}
            assert content["session_type"] == "AGENT"
        elif upload["key"].endswith("agent.json"):
            members = "agent_id state conversation_manager_state _internal_state created_at updated_at"
            assert set(content) == set(members.split())
            assert f"/agent_{content['agent_id']}/" in upload["key"]
        else:
            assert set(content) == {"message", "message_id", "redact_message", "created_at", "updated_at"}
            assert upload["key"].endswith(f"/message_{content['message_id']}.json")
            assert content["message"]["role"] in {"user", "assistant"}


@pytest.mark.parametrize("upload", UPLOADS, ids=lambda upload: upload["key"])
def test_a_sample_is_read_as_it_should_be(upload: dict[str, str]) -> None:
    path = SAMPLES / upload["path"]
    extraction = read_file(path)
    assert_is_fit(extraction)
    readable = path.stat().st_size and path.suffix != ".png"
    assert extraction.status is (Status.READ if readable else Status.NOT_READ)


def test_what_only_the_stage_of_listed_patients_takes_in_is_there_and_nothing_else() -> None:
    listed = json.loads((SAMPLES / "listed.json").read_text(encoding="utf-8"))
    assert all((SAMPLES / upload["path"]).is_file() for upload in listed)
    own = {str(path.relative_to(SAMPLES)) for path in (SAMPLES / "listed").iterdir()}
    assert own <= {upload["path"] for upload in listed}


def test_the_letter_of_the_demo_is_corroborated_by_its_directory() -> None:
    with (SAMPLES / "patients.csv").open(encoding="utf-8", newline="") as file:
        rows = [*csv.DictReader(file)]
    clinic = [
        Person(row["mrn"], given, tuple(family), date.fromisoformat(row["birth date"]))
        for row in rows
        for given, *family in [row["name"].split()]
    ]
    letter = read_file(SAMPLES / "listed" / "cardiology_letter.txt")
    found = as_decided(clinic, Mode.LISTED, "letters/cardiology_letter.txt", {}, letter)
    assert found.patient.id is None
    assert [(it.patient_id, it.supported_by) for it in found.suggestions] == [
        ("Juan_Perez_123", ("identifier", "name", "birth-date"))
    ]
