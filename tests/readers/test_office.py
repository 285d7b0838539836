"""Word, Excel, RTF, e-mail and ZIP: what is read beyond the golden files, and what is only listed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carefile.core.documents.extraction import Entity, Extraction, Status, Table, TextBlock
from lambdas.readers import Content, limits, read
from tests.readers.here import read_here
from tests.readers.office import docx_of, eml_of, with_part, xlsx_of, zip_of
from tests.readers.schema import assert_is_fit

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with read_here():
        yield


def read_file(data: bytes, name: str = "x.bin") -> Extraction:
    extraction = read(Content(data, len(data)), name=name, declared_type=None)
    assert_is_fit(extraction)
    return extraction


def document_of(body: str) -> bytes:
    markup = f'<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    return with_part(docx_of("x"), "word/document.xml", markup.encode())


def first_text(extraction: Extraction) -> str:
    return next(block.text for block in extraction.content if isinstance(block, TextBlock))


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("<w:p><w:ins><w:r><w:t>added</w:t></w:r></w:ins></w:p>", "added"),
        ("<w:p><w:r><w:t>a</w:t><w:tab/><w:t>b</w:t><w:br/><w:t>c</w:t></w:r></w:p>", "a\tb\nc"),
        ("<w:p><w:r><w:instrText>HYPERLINK x</w:instrText><w:t>link</w:t></w:r></w:p>", "link"),
        ("<w:p><w:sdt><w:sdtContent><w:r><w:t>control</w:t></w:r></w:sdtContent></w:sdt></w:p>", "control"),
        ("<w:p><w:r><w:txbxContent><w:p><w:r><w:t>box</w:t></w:r></w:p></w:txbxContent></w:r></w:p>", "box"),
        (
            "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>one column</w:t></w:r></w:p></w:tc></w:tr></w:tbl>",
            "one column",
        ),
    ],
)
def test_text_is_read_wherever_word_puts_it(body: str, text: str) -> None:
    assert first_text(read_file(document_of(body))).strip() == text


def test_what_was_deleted_from_a_letter_is_marked_as_deleted() -> None:
    assert b"[deleted: deleted]" in read_file(docx_of("Ana")).to_bytes()


def test_a_workbook_gives_values_and_not_formulas() -> None:
    results = read_file(xlsx_of("fine")).content[0]
    assert isinstance(results, Table)
    assert results.section == "Results"
    assert results.rows == (("Hb", "13.9", "fine"), ("Na", "140"), ("2026-10-01", "yes", "2"))


def test_a_sheet_s_claim_of_its_size_is_not_believed() -> None:
    sheet = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><dimension ref="A1:XFD1048576"/>'
        b'<sheetData><row r="1048576"><c r="XFD1048576"><v>7</v></c></row></sheetData></worksheet>'
    )
    extraction = read_file(with_part(xlsx_of("x"), "xl/worksheets/sheet1.xml", sheet))
    assert "cells" in {cut.what for cut in extraction.cuts}


def test_an_attachment_is_listed_and_not_opened() -> None:
    extraction = read_file(eml_of("Ana"))
    facts = (("media type", "application/pdf"), ("bytes", "8"))
    assert extraction.entities == (Entity("Attachment", "Ana ü.pdf", facts),)
    assert "%PDF" not in repr(extraction)


@pytest.mark.parametrize(
    "text",
    [
        "Subject: blood\n\nDear Ana",
        "From: Ana\nTo: Ines\n\nthank you",
        "Received: yes\nthank you",
        "Note: x\nDate: y\n",
    ],
)
def test_a_note_with_colons_is_no_message(text: str) -> None:
    assert read_file(text.encode()).document.format == "text"


def test_an_archive_in_an_archive_is_listed_as_one() -> None:
    extraction = read_file(zip_of({"letter.docx": docx_of("x")}))
    assert extraction.document.format == "zip"
    assert [row[0] for block in extraction.content if isinstance(block, Table) for row in block.rows] == [
        "letter.docx"
    ]


def test_a_document_under_a_password_is_named_as_such() -> None:
    data = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    extraction = read_file(data, "x.docx")
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "encrypted")
    assert read_file(data[:400], "x.doc").reason == "unsupported"


def test_an_archive_of_very_many_files_is_cut() -> None:
    extraction = read_file(zip_of({f"{number}.txt": b"" for number in range(limits.MAX_ROWS + 5)}))
    assert {(cut.what, cut.limit, cut.total) for cut in extraction.cuts} == {("rows", 2000, 2005)}
