"""Every reader works in bounded memory and time, also on texts made to exhaust them."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from carefile.core.documents.extraction import Extraction
from lambdas.readers import Content, read
from tests.readers.bombs import BOMBS

SMALL = 256 * 1024
SECONDS = 5  # of the processor; the dearest takes one
MEMORY = 64 * 1024 * 1024  # that Python takes, beside the text


def read_bomb(name: str, size: int) -> Extraction:
    format_ = name.partition("-")[0]
    data = BOMBS[name](size)
    return read(Content(data, len(data)), name=f"x.{format_}", declared_type=None)


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(60)
def test_a_small_text_takes_little_time_whatever_it_holds(name: str) -> None:
    begun = time.process_time()
    read_bomb(name, SMALL)
    assert time.process_time() - begun < SECONDS


# To count what Python takes makes it several times slower.
@pytest.mark.parametrize("part", [8, pytest.param(1, marks=pytest.mark.prove)])
@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(60)
def test_a_small_text_takes_little_memory_whatever_it_holds(name: str, part: int) -> None:
    read_bomb(name, 100)  # what is loaded for the format stays, however little is read
    tracemalloc.start()
    try:
        read_bomb(name, SMALL // part)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MEMORY / part


def test_lines_of_json_that_are_too_many_are_read_as_far_as_the_limit_goes() -> None:
    extraction = read_bomb("ndjson-scalars", 1_000_000)
    assert "lines" in {cut.what for cut in extraction.cuts}
    assert not extraction.candidates_complete


def test_what_follows_the_last_field_that_is_read_is_not_lost() -> None:
    data = b"MSH|^~\\&|A\rZZZ|" + b"|".join(b"%d" % n for n in range(1, 250)) + b"\r"
    extraction = read(Content(data, len(data)), name="x", declared_type=None)
    assert b"249" in extraction.to_bytes()


def test_a_resource_within_another_is_told_once() -> None:
    data = b'{"resourceType": "Basic", "x": {"resourceType": "Observation", "valueString": "marked"}}'
    extraction = read(Content(data, len(data)), name="x", declared_type=None)
    assert extraction.to_bytes().count(b"marked") == 1
    assert [entity.type for entity in extraction.entities] == ["Basic", "Observation"]


def test_a_patient_whose_place_is_too_long_to_be_told_makes_the_document_undecided() -> None:
    place = b"n" * 5000
    data = b'{"%s": {"a": {"mrn": "1"}, "b": {"mrn": "2"}}}' % place
    extraction = read(Content(data, len(data)), name="x", declared_type=None)
    assert not extraction.candidates_complete
    assert not extraction.patient_candidates
