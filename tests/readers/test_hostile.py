"""Hostile files: bombs, loops, lies and markup in every text. Each is filed, in bounded memory and time.

What may exhaust memory or time is read as on AWS, in a process of its own; the rest in this one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from carefile.core.documents.extraction import Extraction, Status
from carefile.page.render import render
from lambdas.readers import MAX_READ, Content, limits, read
from tests.readers.here import read_here
from tests.readers.made import MADE
from tests.readers.office import docx_of, with_part, xlsx_of
from tests.readers.pdfs import pdf_of
from tests.readers.schema import assert_is_fit
from tests.readers.test_page import HEADER, HOSTILE, assert_nothing_can_run

LOL = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "lol" * 10}">' for n in range(10))
BOMB = f"<!DOCTYPE x [{LOL}]>"
OUTSIDE = '<!DOCTYPE x [<!ENTITY l9 SYSTEM "file:///etc/passwd">]>'
WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
SHEET = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'

LETTER = f"<w:document {WORD}><w:body><w:p><w:r><w:t>&l9;</w:t></w:r></w:p></w:body></w:document>"
CELLS = f"<worksheet {SHEET}><sheetData><row><c t='str'><v>&l9;</v></c></row></sheetData></worksheet>"


def read_bytes(data: bytes, size: int | None = None) -> Extraction:
    begun = time.monotonic()
    extraction = read(Content(data, size or len(data)), name="x.bin", declared_type=None)
    assert time.monotonic() - begun < limits.CHILD_SECONDS + 5
    assert_is_fit(extraction)
    assert_nothing_can_run(render(extraction, HEADER))
    return extraction


def pdf_with(objects: str) -> bytes:
    return f"%PDF-1.4\n{objects}\ntrailer<</Root 1 0 R>>\n%%EOF".encode()


@pytest.mark.parametrize("format_", MADE)
def test_markup_in_any_text_of_any_format_is_shown_and_not_run(format_: str) -> None:
    with read_here():
        for text in HOSTILE:
            assert read_bytes(MADE[format_](text)).document.format == format_.removesuffix("-xml")


@pytest.mark.parametrize(
    ("package", "part", "size"),
    [
        (docx_of, "word/document.xml", limits.MAX_UNPACKED_XML + 1),
        (xlsx_of, "xl/sharedStrings.xml", limits.MAX_UNPACKED_XML + 1),
        (docx_of, "word/media/a.bin", limits.MAX_UNPACKED),
    ],
    ids=["docx", "xlsx", "media"],
)
def test_an_office_document_that_would_unpack_to_too_much_is_not_unpacked(
    package: Callable[[str], bytes], part: str, size: int
) -> None:
    data = with_part(package("x"), part, b" " * size)
    assert len(data) < 200_000
    with read_here():
        extraction = read_bytes(data)
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "too-large")


@pytest.mark.parametrize("declaration", [BOMB, OUTSIDE], ids=["bomb", "outside"])
@pytest.mark.parametrize(
    ("package", "part", "markup"),
    [
        (docx_of("x"), "word/document.xml", LETTER),
        (xlsx_of("x"), "xl/sharedStrings.xml", f"<sst {SHEET}><si><t>&l9;</t></si></sst>"),
        (xlsx_of("x"), "xl/worksheets/sheet1.xml", CELLS),
    ],
    ids=["docx", "xlsx-strings", "xlsx-sheet"],
)  # fmt: skip
@pytest.mark.timeout(60)
def test_entities_in_an_office_document_are_not_resolved(
    package: bytes, part: str, markup: str, declaration: str
) -> None:
    written = read_bytes(with_part(package, part, (declaration + markup).encode())).to_bytes()
    assert b"lollol" not in written
    assert b"root:" not in written
    assert len(written) < 20_000


@pytest.mark.parametrize(
    "data",
    [
        pdf_with(
            "1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[2 0 R]/Count 99>>endobj"
        ),
        pdf_with("1 0 obj<</Type/Catalog/Pages 1 0 R/Kids[1 0 R 1 0 R]/Count 2147483647>>endobj"),
        pdf_with("1 0 obj" + "[" * 100_000 + "]" * 100_000 + "endobj"),
        pdf_of(["x"]).replace(b"/MediaBox [ 0 0", b"/MediaBox [ -999999999 0"),
        b"%PDF-1.7\n" + b"1 0 obj<</A 1 0 R>>endobj\n" * 100_000,
    ],
    ids=["loop", "self", "deep", "huge-page", "many-objects"],
)
@pytest.mark.timeout(90)
def test_a_pdf_that_turns_in_circles_is_filed(data: bytes) -> None:
    assert read_bytes(data).document.format == "pdf"


@pytest.mark.parametrize(
    "data",
    [
        b"{\\rtf1" + b"{" * 1_000_000,
        b"{\\rtf1{\\pict\\bin999999999 " + b"a" * 500_000,
        b"{\\rtf1 " + b"\\u-99999999 " * 50_000,
        b"{\\rtf1{\\field{\\*\\fldinst{" + b"HYPERLINK " * 20_000,
        b"From: a@b\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=x\n\n" + b"--x\n" * 100_000,
        b"From: a@b\nMIME-Version: 1.0\nTo: " + b"(" * 20_000 + b"\n\nx",
        b"From: a@b\nMIME-Version: 1.0\nSubject: " + b"=?utf-8?q?=41?= " * 20_000 + b"\n\nx",
        b"From: a@b\nMIME-Version: 1.0\nContent-Type: text/plain; charset=zlib\n\nx\xff",
        b"PK\x05\x06" + b"\xff" * 18,
        b"PK\x03\x04" + b"\xff" * 100_000,
    ],
    ids=lambda data: repr(data[:40]),
)
@pytest.mark.timeout(90)
def test_endless_markup_is_filed(data: bytes) -> None:
    assert read_bytes(data).document.size == len(data)


def test_a_text_of_200_megabytes_is_read_as_far_as_the_limit() -> None:
    extraction = read_bytes(b"0123456789 words\n" * (MAX_READ // 17), size=200_000_000)
    assert extraction.status is Status.PARTLY_READ
    assert {cut.what for cut in extraction.cuts} == {"bytes", "text"}


@pytest.mark.parametrize("format_", MADE)
def test_a_file_that_ends_too_soon_or_is_called_something_else_is_filed(format_: str) -> None:
    whole = MADE[format_]("Ana")
    with read_here():
        for share in (0.1, 0.5, 0.9, 0.99):
            data = whole[: int(len(whole) * share)]
            extraction = read(Content(data, len(data)), name="x.pdf", declared_type="application/dicom")
            assert_is_fit(extraction)


MEGABYTES = 20 * limits.MIB


def filled(start: str, piece: str, end: str, size: int = MEGABYTES) -> bytes:
    return (start + piece * (size // len(piece)) + end).encode()


def commented(part: bytes) -> bytes:
    """A workbook whose sheet has comments."""
    relations = "http://schemas.openxmlformats.org/package/2006/relationships"
    kind = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/comments"
    one = f'<Relationship Id="r" Type="{kind}" Target="../comments1.xml"/>'
    related = f'<Relationships xmlns="{relations}">{one}</Relationships>'
    package = with_part(xlsx_of("x"), "xl/worksheets/_rels/sheet1.xml.rels", related.encode())
    return with_part(package, "xl/comments1.xml", part)


def sheet_of(start: str, piece: str, end: str, size: int = MEGABYTES) -> bytes:
    part = filled(f"<worksheet {SHEET}>{start}", piece, f"{end}</worksheet>", size)
    return with_part(xlsx_of("x"), "xl/worksheets/sheet1.xml", part)


def letter_of(piece: str, size: int) -> bytes:
    part = filled(f"<w:document {WORD}><w:body><w:p>", piece, "</w:p></w:body></w:document>", size)
    return with_part(docx_of("x"), "word/document.xml", part)


STRICT_SHEET = SHEET.replace(
    "schemas.openxmlformats.org/spreadsheetml/2006", "purl.oclc.org/ooxml/spreadsheetml"
)


def strict_workbook() -> bytes:
    return filled(f"<workbook {STRICT_SHEET}>", "<sheet/>", "</workbook>")


@pytest.mark.parametrize(
    "made",
    [
        lambda: sheet_of("<sheetData>", "<row/>", "</sheetData>"),
        lambda: sheet_of("<sheetData><row>", "<c><f/></c>", "</row></sheetData>", 4 * limits.MIB),
        pytest.param(
            lambda: sheet_of("<sheetData><row>", "<c><f/></c>", "</row></sheetData>"),
            marks=pytest.mark.submission,
        ),
        lambda: with_part(xlsx_of("x"), "xl/workbook.xml", strict_workbook()),
        lambda: commented(filled("<comments>", '<comment ref="A1"><text><t>a</t></text></comment>', "</comments>")),
        lambda: commented(f"{BOMB}<comments><comment><text><t>&l9;</t></text></comment></comments>".encode()),
        lambda: commented(b"<comments>" + b"<a>" * 1_000_000),
        lambda: letter_of("<w:r><w:rPr><w:strike/></w:rPr><w:t>a</w:t></w:r>", MEGABYTES),
        lambda: letter_of("<w:del>", 2 * limits.MIB),
        lambda: b"{\\rtf1 " + b"{\\footnote a}" * 300_000 + b"}",
        lambda: b"{\\rtf1 " + b"{\\field{\\*\\fldinst SYMBOL " * 50_000,
        lambda: b"{\\rtf1{\\fonttbl" + b"".join(b"{\\f%d A;}" % n for n in range(100_000)) + b"}x}",
        lambda: b"From a@b Mon 1 Jan 2024\nFrom: a\nTo: b\nMessage-ID: x\n\nx\n\n" * 100_000,
        lambda: b"From: a\nMessage-ID: x\nContent-Type: text/html\n\n" + b"<s>" * 500_000,
        lambda: b"From: a\nMessage-ID: x\nContent-Type: text/plain; charset=iso-2022-jp\n\n" + b"\x1b$B" * 1_000_000,
        lambda: b"<!doctype html><body>" + b"<p style='text-decoration:line-through'>a" * 100_000,
        lambda: b"<!doctype html><body><p style='text-decoration:" + b"text-decoration:" * 300_000 + b"'>a",
    ],
    ids=[
        "rows",
        "formulas",
        "as many formulas as take the time that there is",
        "sheets",
        "comments",
        "a bomb in comments",
        "deep comments",
        "struck runs",
        "deep deletions",
        "footnotes in RTF",
        "fields in RTF",
        "fonts in RTF",
        "a mailbox",
        "deep HTML in mail",
        "escapes in mail",
        "struck paragraphs",
        "a style",
    ],
)  # fmt: skip
@pytest.mark.timeout(120)
def test_what_hangs_on_a_document_is_bounded_too(made: Callable[[], bytes]) -> None:
    data = made()
    assert read_bytes(data).document.size == len(data)
