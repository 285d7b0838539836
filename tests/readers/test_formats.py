"""What is read from each format, beyond the golden files: the choice of the reader, and the limits."""

from __future__ import annotations

import json

import pytest

from carefile.core.documents.extraction import Extraction, Status, Table, TextBlock
from lambdas.readers import MAX_READ, Content, limits, read
from tests.readers.here import read_here
from tests.readers.pdfs import pdf_of
from tests.readers.schema import assert_is_fit


def read_bytes(data: bytes, name: str = "x", declared_type: str | None = None) -> Extraction:
    with read_here():
        extraction = read(Content(data, len(data)), name=name, declared_type=declared_type)
    assert_is_fit(extraction)
    return extraction


def text_of(extraction: Extraction) -> str:
    return "\n".join(block.text for block in extraction.content if isinstance(block, TextBlock))


def table_of(extraction: Extraction) -> Table:
    (table,) = extraction.content
    assert isinstance(table, Table)
    return table


def cuts_of(extraction: Extraction) -> dict[str, tuple[int, int | None]]:
    return {cut.what: (cut.limit, cut.total) for cut in extraction.cuts}


@pytest.mark.parametrize(
    ("data", "name", "declared_type", "format_"),
    [
        (pdf_of(["x"]), "x.txt", "text/plain", "pdf"),
        (b'{"a": 1}', "x.pdf", "application/pdf", "json"),
        (b"Dear Ana,\nthank you.\n", "x.json", "application/json", "text"),
        (b"a,b,c\n1,2,3\n4,5,6\n", "x.txt", None, "csv"),
        (b"Dear Ana, thank you\nYours, Ines\n", "x.txt", None, "text"),
        (b"Dear Ana, thank you\nYours, Ines\n", "x.csv", None, "csv"),
        (b"Dear Ana, thank you\nYours, Ines\n", "x", "text/csv; charset=utf-8", "csv"),
        (b"BMI 24.1, stable\n", "x.bmp", None, "text"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "x.txt", "text/plain", "png"),
        (b"PK\x03\x04" + b"\x00" * 26 + b"[Content_Types].xml...word/document.xml", "x", None, "docx"),
        (b"PK\x03\x04" + b"\x00" * 26 + b"mimetypeapplication/vnd.oasis.opendocument.text", "x", None, "odt"),
        (b"\x00" * 128 + b"DICM", "x.jpg", "image/jpeg", "dicom"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "x.txt", None, "svg"),
    ],
)
def test_the_content_decides_the_format_and_a_name_only_breaks_a_tie(
    data: bytes, name: str, declared_type: str | None, format_: str
) -> None:
    assert read_bytes(data, name, declared_type).document.format == format_


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_text_is_read_in_its_own_encoding(encoding: str) -> None:
    text = "Señora López, ¿cómo está? Blood pressure 120/80, weight 68 kg, no complaints.\n"
    assert text_of(read_bytes(text.encode(encoding))) == text


def test_a_letter_cut_in_two_at_the_limit_is_not_damage() -> None:
    data = b"a" + "é".encode() * limits.MAX_TEXT_BYTES
    extraction = read(Content(data[:MAX_READ], len(data)), name="x.txt", declared_type=None)
    assert extraction.document.encoding == "utf-8"
    assert not extraction.warnings


def test_a_long_text_is_cut_and_says_where() -> None:
    extraction = read_bytes(b"0123456789 words\n" * 600_000)
    assert extraction.status is Status.PARTLY_READ
    assert len(text_of(extraction)) == limits.MAX_TEXT
    assert cuts_of(extraction) == {
        "bytes": (limits.MAX_TEXT_BYTES, 10_200_000),
        "text": (limits.MAX_TEXT, None),
    }


def test_a_long_table_is_cut_and_says_how_long_it_was() -> None:
    extraction = read_bytes(b"a,b,c\n" + b"1,2,3\n" * 5000)
    assert len(table_of(extraction).rows) == limits.MAX_ROWS
    assert cuts_of(extraction) == {"rows": (limits.MAX_ROWS, 5000)}


def test_a_wide_table_is_cut() -> None:
    line = b",".join([b"1"] * 500) + b"\n"
    extraction = read_bytes(line * 3)
    assert {len(row) for row in table_of(extraction).rows} == {limits.MAX_COLUMNS}
    assert cuts_of(extraction) == {"columns": (limits.MAX_COLUMNS, 500)}


def test_a_quoted_cell_keeps_its_commas_quotes_and_lines() -> None:
    extraction = read_bytes(b'name,remark\nAna,"said ""no"", then\nleft"\n', "x.csv")
    assert table_of(extraction) == Table(rows=(("Ana", 'said "no", then\nleft'),), header=("name", "remark"))


def test_a_table_of_values_only_has_no_header() -> None:
    assert table_of(read_bytes(b"1,2,3\n4,5,6\n7,8,9\n")).header is None


def test_too_many_json_values_are_shown_as_the_text_they_are() -> None:
    extraction = read_bytes(json.dumps([0] * (limits.MAX_JSON_VALUES + 1)).encode())
    assert (extraction.status, extraction.reason) == (Status.PARTLY_READ, "too-complex")
    assert text_of(extraction).startswith("[0, 0")


def test_a_pdf_is_read_page_by_page() -> None:
    extraction = read_bytes(pdf_of(["first page", "second page"], title="A title"))
    assert extraction.content == (TextBlock("first page", page=1), TextBlock("second page", page=2))
    assert extraction.document.pages == 2
    assert ("title", "A title") in extraction.document.metadata


def test_a_pdf_of_many_pages_is_cut_and_says_so() -> None:
    extraction = read_bytes(pdf_of(f"page {number}" for number in range(limits.MAX_PAGES + 5)))
    assert len(extraction.content) == limits.MAX_PAGES
    assert cuts_of(extraction) == {"pages": (limits.MAX_PAGES, limits.MAX_PAGES + 5)}


def test_a_pdf_that_is_not_there_as_a_whole_is_not_read() -> None:
    data = pdf_of(["x"])
    extraction = read(Content(data, MAX_READ + 1), name="x.pdf", declared_type=None)
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "too-large")
    assert cuts_of(extraction) == {"bytes": (len(data), MAX_READ + 1)}


def test_more_bytes_than_may_be_read_are_not_looked_at() -> None:
    data = b"\x00" * (MAX_READ + 10)
    assert read(Content(data, len(data)), name="x", declared_type=None).document.bytes_read == MAX_READ


def test_warnings_and_reasons_never_quote_the_document() -> None:
    secret = "Juan_Perez_123"
    for data, name in [
        (f'{{"a": "{secret}", '.encode(), f"{secret}.json"),
        (f'{{"a": "{secret}"}}\n{{"b": 1}}\n{secret}\n'.encode(), "x.ndjson"),
        (f"%PDF-1.7 {secret}".encode(), f"{secret}.pdf"),
        (f"{secret},1\n{secret}\n".encode(), "x.csv"),
        (f"{secret} \xf1".encode("latin-1"), "x.txt"),
    ]:
        extraction = read_bytes(data, name)
        assert extraction.warnings
        assert secret not in repr((extraction.warnings, extraction.cuts, extraction.reason))
