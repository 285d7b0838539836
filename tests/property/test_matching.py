"""A made-up clinic's documents find their patients, and none another's; a careless matcher is caught by the same ones.

`make bench-matching` prints the whole; the notes on what counts as wrong at source are there."""

from __future__ import annotations

import pytest
from rich.console import Console

from benchmarks.matching.__main__ import run
from benchmarks.matching.documents import Form, Writer
from benchmarks.matching.files import read_back, written
from benchmarks.matching.people import people
from benchmarks.matching.trial import CARELESS, End, Mode
from carefile.core.patients.mentions import mentions_in
from lambdas.adapters import contracts
from tests.readers.here import read_here

QUIET = Console(quiet=True)


@pytest.mark.parametrize(
    ("documents", "seed"), [(400, 1), pytest.param(100_000, 11, marks=pytest.mark.prove)]
)
def test_no_document_is_filed_under_another_patient(documents: int, seed: int) -> None:
    scores = run(1000, documents, seed, QUIET, files=False)
    for mode in Mode:
        assert scores[mode.value].misfiled == [], mode
    for name in CARELESS:
        assert scores[name].misfiled, name
    listed, decide = scores[Mode.LISTED.value].ends, scores[Mode.DECIDE.value].ends
    assert decide[End.FILED] > 1.1 * listed[End.FILED]
    assert listed[End.FILED] + listed[End.FIRST] > 0.75 * documents


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
