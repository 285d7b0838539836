"""Whatever the bytes, a record comes out: no reader raises, and every record is fit for its schema."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carefile.core.documents.extraction import Status
from carefile.page.render import PageHeader, render
from lambdas.readers import Content, read
from lambdas.readers.base import NotThisFormatError
from lambdas.readers.formats.dicom import reader as dicom
from lambdas.readers.formats.pdf import reader as pdf
from lambdas.readers.reading import read_with
from lambdas.readers.source import Source
from tests.readers.golden_files import documents
from tests.readers.here import read_here
from tests.readers.schema import assert_is_fit

HEADER = PageHeader("title", "document", "A_1", "2024-10-28T14:30:22Z", "s3://bucket/key", "v1")
NAMES = st.one_of(
    st.sampled_from(["x.txt", "x.csv", "x.tsv", "x.json", "x.ndjson", "x.pdf", "", ".", "no extension"]),
    st.text(),
)
TYPES = st.one_of(st.none(), st.sampled_from(["text/csv", "application/json", "a/b; c=d"]), st.text())
ENCODINGS = st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252", "latin-1"])

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.just(10**4000),
    st.just("\ud800\x00\u202e"),
)
FIELD_NAMES = st.one_of(
    st.text(), st.sampled_from(["patient_id", "mrn", "medical_record_number", "patientId", "a/b~c"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(FIELD_NAMES, inner, max_size=5),
    max_leaves=40,
)
ISOLATED = (".pdf", ".dcm")  # a process for each is for tests of their own
OTHERS = [path for path in documents() if path.suffix not in ISOLATED]
DICOMS = [path for path in documents() if path.suffix == ".dcm"]
PDFS = [path for path in documents() if path.suffix == ".pdf" and path.stat().st_size]


def check(data: bytes, name: str = "x", declared_type: str | None = None, size: int | None = None) -> None:
    extraction = read(
        Content(data, len(data) if size is None else size), name=name, declared_type=declared_type
    )
    assert_is_fit(extraction)
    assert "reader-failed" not in {warning.code for warning in extraction.warnings}, "a reader broke down"
    render(extraction, HEADER).encode("utf-8")


def mutated(data: bytes, draw: Any) -> bytes:
    """The data with a few bytes changed, a slice taken out or doubled, or its end cut off."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(0, 8))):
        start = draw(st.integers(0, len(changed)))
        end = min(len(changed), start + draw(st.integers(0, 40)))
        changed[start:end] = draw(st.one_of(st.binary(max_size=20), st.just(bytes(changed[start:end]) * 3)))
    return bytes(changed[: draw(st.integers(0, len(changed)))]) if draw(st.booleans()) else bytes(changed)


def not_a_pdf(data: bytes) -> bool:
    return b"%PDF-" not in data[:1024]  # a process for each is for the tests below


@settings(deadline=None)
@given(st.binary(max_size=400).filter(not_a_pdf), NAMES, TYPES)
def test_any_bytes_give_a_fit_record(data: bytes, name: str, declared_type: str | None) -> None:
    check(data, name, declared_type)


@settings(deadline=None)
@given(st.text(), ENCODINGS, NAMES)
def test_any_text_in_any_encoding_gives_a_fit_record(text: str, encoding: str, name: str) -> None:
    check(text.encode(encoding, "replace"), name)


@settings(deadline=None)
@given(st.lists(st.lists(st.text(max_size=10), max_size=6), max_size=12), st.sampled_from(",;\t|"), NAMES)
def test_any_delimited_text_gives_a_fit_record(rows: list[list[str]], delimiter: str, name: str) -> None:
    check("\n".join(delimiter.join(row) for row in rows).encode("utf-8", "replace"), name)


@settings(deadline=None)
@given(VALUES, st.booleans(), NAMES)
def test_any_json_gives_a_fit_record(value: Any, lines: bool, name: str) -> None:
    text = json.dumps(value)
    check("\n".join([text] * 3 if lines else [text]).encode(), name)


@settings(deadline=None)
@given(st.data())
def test_any_mutation_of_a_golden_file_gives_a_fit_record(data: st.DataObject) -> None:
    path = data.draw(st.sampled_from(OTHERS))
    content = mutated(path.read_bytes(), data.draw)
    if not_a_pdf(content):
        with read_here():
            check(content, path.name, size=data.draw(st.sampled_from([None, 10**12])))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_mutation_of_a_pdf_gives_a_fit_record(data: st.DataObject) -> None:
    content = mutated(data.draw(st.sampled_from(PDFS)).read_bytes(), data.draw)
    try:
        extraction = read_with(pdf.READER, Source(Content(content, len(content)), "x.pdf", None))
    except NotThisFormatError:
        return
    assert_is_fit(extraction)


@settings(deadline=None)
@given(st.data())
def test_any_mutation_of_a_dicom_file_gives_a_fit_record(data: st.DataObject) -> None:
    content = mutated(data.draw(st.sampled_from(DICOMS)).read_bytes(), data.draw)
    try:
        extraction = read_with(dicom.READER, Source(Content(content, len(content)), "x.dcm", None))
    except NotThisFormatError:
        return
    assert_is_fit(extraction)
    assert "reader-failed" not in {warning.code for warning in extraction.warnings}, "the reader broke down"


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_any_mutation_of_a_pdf_is_read_in_a_process_of_its_own(data: st.DataObject) -> None:
    check(mutated(data.draw(st.sampled_from(PDFS)).read_bytes(), data.draw), "x.pdf")


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 1_000_000,
        b'{"a":' * 200_000 + b"1" + b"}" * 200_000,
        b'{"a": ' + b"9" * 100_000 + b"}",
        b'{"a": 1e' + b"9" * 1000 + b"}",
        b'["' + b"\\u0000" * 50_000 + b'"]',
        b'"' * 100_000,
        b'["' + b'\\"' * 500_000,
        b"<!---->" * 100_000,
        b"<!DOCTYPE [" * 100_000,
        b"1" * 1_000_000 + b",a,b\n1,2,3\n4,5,6\n",
        b'"' + b"a,b\n" * 500_000,
        b"\xff\xfe" + b"\x00\xd8" * 100_000,
        b"\x00" * 1_000_000,
        b"a,b,c\n" * 3 + b"," * 1_000_000,
        b"\n" * 1_000_000,
        b"a\x00" * 500_000,
    ],
    ids=lambda data: repr(data[:12]),
)
@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["x", "x.csv", "x.json"])
def test_a_hostile_text_is_read_in_bounded_time(data: bytes, name: str) -> None:
    with read_here():  # by itself, with nobody who ends it
        check(data, name)


def test_names_and_types_may_hold_anything() -> None:
    check(b"text", "\ud800\x00\u202e" + "x" * 5000, "\ud800\x00;")


def test_an_empty_file_is_not_read_and_says_so() -> None:
    extraction = read(Content(b"", 0), name="x.pdf", declared_type="application/pdf")
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "empty")
