"""A made-up clinic's documents find their patients, and none another's; a careless matcher is caught by the same ones.

`make bench-matching` prints the whole; the notes on what counts as wrong at source are there."""

from __future__ import annotations

import random

import pytest
from rich.console import Console

from benchmarks.matching.__main__ import run
from benchmarks.matching.documents import Form, Writer
from benchmarks.matching.files import read_back, written
from benchmarks.matching.people import people
from benchmarks.matching.trial import CARELESS, End, Mode, Score
from carefile.core.patients.mentions import mentions_in
from lambdas.adapters import contracts
from tests.readers.here import read_here

QUIET = Console(quiet=True)


def held(documents: int, seed: int, *, careless: int = 0) -> dict[str, Score]:
    """File the documents of a clinic: none under another patient's name, and most find theirs."""
    scores = run(1000, documents, seed, QUIET, files=False, careless=careless)
    for mode in Mode:
        assert scores[mode.value].misfiled == [], f"{mode}, seed {seed}"
    listed, decide = scores[Mode.LISTED.value].ends, scores[Mode.DECIDE.value].ends
    assert decide[End.FILED] > 1.1 * listed[End.FILED], seed
    assert listed[End.FILED] + listed[End.FIRST] > 0.75 * documents, seed
    return scores


def test_no_document_is_filed_under_another_patient() -> None:
    scores = held(400, 1, careless=400)
    for name in CARELESS:
        assert scores[name].misfiled, name


@pytest.mark.prove
@pytest.mark.parametrize("_clinic", range(10))
def test_nor_is_any_of_a_hundred_thousand_that_were_never_drawn_before(_clinic: int) -> None:
    held(10_000, random.SystemRandom().randrange(10**9))


def test_every_format_of_file_says_what_its_document_says() -> None:
    """A format whose names, numbers or dates are not found would make the counts look better than they are."""
    writer, labels, seen = Writer(people(200, 5), 6), contracts.rules().text_labels, set()
    with read_here():
        for number in range(300):
            made = writer.document(number)
            extension = written(made)[0]
            if (made.form, extension) in seen or made.clear < {"number", "name", "born"}:
                continue
            seen.add((made.form, extension))
            extraction = read_back(made)
            found = mentions_in(extraction, labels)
            said = {value for it in found.numbers for value in it.values}
            if made.form is Form.FIELDS:
                said |= {it.value for it in extraction.patient_candidates}
            assert made.facts.number in said, (made.form, extension)
            assert found.names, (made.form, extension)
            assert made.of.born.isoformat() in {date for it in found.birth_dates for date in it.values}
    assert len(seen) == 16
