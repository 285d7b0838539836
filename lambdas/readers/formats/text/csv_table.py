"""Delimited text as one table: comma, semicolon, tab or bar, quoted as in RFC 4180, the header found or not.

Where columns are called as JSON's fields of a patient are, each row names one.

A text is taken for a table if its rows agree: on two columns where name or type claim a table, on three
elsewhere, so that a letter with a comma in each line stays a letter.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice

from carefile.core.documents.extraction import clean
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source
from lambdas.readers.table_patient import TablePatients

_DELIMITERS = (",", ";", "\t", "|")
_CLAIMS = ("csv", "tsv", "tab", "text/csv", "text/tab-separated-values", "application/csv")
_PROBED_ROWS = 100
_LONGEST_VALUE = 40
_VALUE = re.compile(
    r"[-+<>=~]*\s*[\d.,:/ -]*\d[\d.,:/ -]*%?"
)  # a number, a date, a time, a result like "<0.5"


def _recognises(source: Source) -> bool:
    return source.decoded is not None and detect(source)[0] == "unknown" and _delimiter(source) is not None


def _read(source: Source, draft: Draft) -> None:
    delimiter = _delimiter(source)
    if delimiter is None:
        raise NotThisFormatError
    note_text_facts(source, draft)
    if delimiter == "\t":
        draft.media_type = "text/tab-separated-values"
    draft.fact("delimiter", {"\t": "tab", ",": "comma", ";": "semicolon", "|": "bar"}[delimiter])

    text = clean(source.text)
    try:
        first = next(_rows(text, delimiter), None)
        if first is None:
            raise NotThisFormatError
        rows = _rows(text, delimiter)
        header = next(rows) if _is_header(first, text, delimiter) else None
        width = len(header or first)
        ragged = 0

        def counted() -> Iterator[list[str]]:
            nonlocal ragged
            for row in rows:
                ragged += len(row) != width
                yield row

        draft.table(counted(), header, count_all=not source.text_is_cut)
        _describe_patients(text, delimiter, draft)
        if source.text_is_cut:
            draft.candidates_complete = False
        if ragged:
            draft.warn("ragged", "Some rows have more or fewer cells than the first.")
    except csv.Error:
        raise NotThisFormatError from None


def _describe_patients(text: str, delimiter: str, draft: Draft) -> None:
    """Whom any row names, also one that is not kept. A row of another width may be shifted."""
    if not draft.fields.may_stand_in(text):
        return
    patients = TablePatients(draft, ragged=True)
    for row in _rows(text, delimiter):
        if draft.names_too_many:
            break
        patients.row(row)
    patients.end()


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows that are not blank. Excel's own first line `sep=;` is no row."""
    lines = io.StringIO(text[6:].lstrip("\n") if text.startswith("sep=") else text, newline="")
    return (row for row in csv.reader(lines, delimiter=delimiter) if any(cell.strip() for cell in row))


def _delimiter(source: Source) -> str | None:
    """The delimiter by which the rows agree best on a number of columns, None if there is no such."""
    sample = clean(source.text_head)
    claimed = source.is_called(*_CLAIMS)
    if sample.startswith("sep=") and sample[4:5] in _DELIMITERS and sample[5:6] == "\n":
        return sample[4]
    best: tuple[float, int, str] | None = None
    for delimiter in _DELIMITERS:
        agreement = _agreement(sample, delimiter)
        if agreement is None:
            continue
        share, width, rows = agreement
        least_width = 2 if claimed or delimiter == "\t" else 3
        fits = width >= least_width and share >= (0.6 if claimed else 0.95) and rows >= (1 if claimed else 3)
        if fits and (best is None or (share, width) > best[:2]):
            best = (share, width, delimiter)
    if best is None:
        return "," if claimed and sample else None
    return best[2]


def _agreement(sample: str, delimiter: str) -> tuple[float, int, int] | None:
    """The share of rows that have the commonest number of columns, that number, and how many rows were
    probed.
    """
    try:
        rows = list(islice(_rows(sample, delimiter), _PROBED_ROWS + 1))
    except csv.Error:
        return None
    if len(rows) > 1 and len(rows) <= _PROBED_ROWS:
        rows = rows[
            : max(1, len(rows) - (len(sample) > 60_000))
        ]  # the last row of a sample may be half a row
    if not rows:
        return None
    (width, count), *_ = Counter(map(len, rows)).most_common(1)
    return count / len(rows), width, len(rows)


def _is_header(first: list[str], text: str, delimiter: str) -> bool:
    """Column names are all there, all different, and no values."""
    names = [cell.strip() for cell in first]
    if not all(names) or len(set(names)) < len(names) or any(map(_is_value, names)):
        return False
    return len(list(islice(_rows(text, delimiter), 2))) == 2


def _is_value(cell: str) -> bool:
    return len(cell) <= _LONGEST_VALUE and _VALUE.fullmatch(cell) is not None


READER = Reader("csv", "text/csv", _recognises, _read)
