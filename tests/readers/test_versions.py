"""No reader's output changes unless its version is raised, so that what it made before can be found and read again."""

from __future__ import annotations

import copy
import json

import pytest

from carefile.core.documents.readers import NOBODY, RECOGNITION, VERSIONS, Readers
from lambdas.readers.registry import READERS
from tests.readers.here import read_here
from tests.readers.versions import FILE, Json, not_raised, seen

RECORDED: Json = json.loads(FILE.read_bytes())


@pytest.fixture(scope="module")
def now() -> Json:
    with read_here():  # test_golden reads each in a process of its own
        return seen()


def test_what_changed_has_a_higher_version_and_versions_json_is_up_to_date(now: Json) -> None:
    assert list(not_raised(RECORDED, now)) == []
    assert now == {name: RECORDED[name] for name in now}, "run python -m tests.readers.versions"


def test_every_reader_has_a_version() -> None:
    assert {reader.format for reader in READERS} | {NOBODY, RECOGNITION} == VERSIONS.keys()


def test_a_changed_output_without_a_raised_version_is_found(now: Json) -> None:
    changed = copy.deepcopy(now)
    changed["documents"]["form.pdf"]["output"] = "0" * 16
    assert list(not_raised(now, changed)) == ["form.pdf is read in another way: raise the version of 'pdf'"]
    assert list(not_raised(now, changed, VERSIONS | {"pdf": VERSIONS["pdf"] + 1})) == []
    assert len(list(not_raised(now, changed, VERSIONS | {"csv": 9}))) == 1


def test_another_choice_of_the_reader_raises_the_version_of_the_one_that_had_the_document(now: Json) -> None:
    changed = copy.deepcopy(now)
    changed["documents"]["note.txt"]["reader"] = "csv"
    assert len(list(not_raised(now, changed, VERSIONS | {"csv": 9}))) == 1
    assert list(not_raised(now, changed, VERSIONS | {"text": 9})) == []


def test_a_new_reader_raises_the_version_of_what_nobody_read(now: Json) -> None:
    changed = copy.deepcopy(now)
    changed["formats"]["readers"].append("heic")
    assert len(list(not_raised(now, changed))) == 1
    assert list(not_raised(now, changed, VERSIONS | {NOBODY: VERSIONS[NOBODY] + 1})) == []


@pytest.mark.parametrize(
    ("text", "is_older"),
    [
        ("pdf/2 scans/3", False),
        ("scans/4 pdf/2", False),
        ("pdf/1 scans/3", True),
        ("pdf/2", True),
        ("text/9", True),
        (None, True),
        ("", True),
        ("pdf", True),
    ],
)
def test_a_record_is_older_than_a_reader_that_did_not_make_it(text: str | None, is_older: bool) -> None:
    assert Readers.parse(text).is_older_than({"pdf": 2, "scans": 3}) == is_older


def test_readers_are_read_back_as_they_were_written() -> None:
    made = Readers.of("pdf", RECOGNITION)
    assert Readers.parse(str(made)) == made
