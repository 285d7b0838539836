"""Each file in `golden/` is read as the record beside it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.readers.golden_files import documents, expected_of, read_file, record_of
from tests.readers.schema import assert_is_fit


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_a_file_is_read_as_its_golden_record_says(document: Path) -> None:
    extraction = read_file(document)
    assert record_of(extraction) == json.loads(expected_of(document).read_bytes())
    assert_is_fit(extraction)


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_reading_a_file_twice_gives_the_same_bytes(document: Path) -> None:
    assert read_file(document).to_bytes() == read_file(document).to_bytes()
