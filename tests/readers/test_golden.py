"""Each file in `golden/` is read as the record beside it says."""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import pytest

from carefile.page.render import render
from tests.readers.golden_files import documents, expected_of, first_reading, read_file, record_of
from tests.readers.here import read_here
from tests.readers.schema import assert_is_fit
from tests.readers.test_page import HEADER, Page


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_a_file_is_read_as_its_golden_record_says(document: Path) -> None:
    extraction = first_reading(document)
    assert record_of(extraction) == json.loads(expected_of(document).read_bytes())
    assert_is_fit(extraction)


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_reading_a_file_twice_gives_the_same_bytes(document: Path) -> None:
    with read_here():  # the first was read in a process of its own, where hashes are others
        assert read_file(document).to_bytes() == first_reading(document).to_bytes()


@pytest.mark.parametrize("document", documents(), ids=lambda path: path.name)
def test_headings_of_its_page_go_down_one_level_at_a_time(document: Path) -> None:
    tags = [tag for tag, _ in Page(render(first_reading(document), HEADER)).elements]
    levels = [int(tag[1]) for tag in tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
