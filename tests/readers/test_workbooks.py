"""What a person sees in a workbook: cells as they are shown, comments, boxes, what is hidden, what is not there."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any

import openpyxl
import pytest
import xlsxwriter
from openpyxl.comments import Comment

from carefile.core.deciding.identity import identities
from carefile.core.documents.extraction import Extraction, Status, Table, TextBlock
from tests.readers.here import read_here
from tests.readers.made import png_of
from tests.readers.reading import codes, read_bytes, speaking


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with read_here():
        yield


def written(fill: Callable[[Any, Any], None]) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        fill(book, book.add_worksheet("Labs"))
    return file.getvalue()


def saved(fill: Callable[[Any], None]) -> bytes:
    book = openpyxl.Workbook()
    fill(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def strict(data: bytes) -> bytes:
    """The same workbook or letter in the strict form of ISO 29500."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as package, zipfile.ZipFile(file, "w") as out:
        for entry in package.infolist():
            part = package.read(entry)
            if entry.filename.endswith((".xml", ".rels")):
                part = re.sub(
                    rb"http://schemas.openxmlformats.org/(spreadsheetml|wordprocessingml|officeDocument|drawingml)/2006/",
                    rb"http://purl.oclc.org/ooxml/\1/",
                    part,
                )
            out.writestr(entry.filename, part)
    return file.getvalue()


def cells(extraction: Extraction) -> list[tuple[str, ...]]:
    tables = [block for block in extraction.content if isinstance(block, Table)]
    return [row for table in tables for row in (table.header, *table.rows) if row]


def texts(extraction: Extraction) -> list[str]:
    return [block.text for block in extraction.content if isinstance(block, TextBlock)]


VALUES = [
    (4711, "00000000", "00004711"),
    (0.125, "0.0%", "12.5%"),
    (123457000000, "0.00E+00", "1.23E+11"),
    (datetime(2024, 3, 4), "dd/mm/yyyy", "2024-03-04"),
    (datetime(2024, 3, 4, 7, 5), "dd/mm/yyyy hh:mm", "2024-03-04 07:05:00"),
    (datetime(2024, 3, 4), "mmm-yy", "Mar-24"),
    (timedelta(hours=37, minutes=30), "[h]:mm", "37:30:00"),
    (5.6, None, "5.6"),
    (0.1 + 0.2, None, "0.3"),
    (4711, "0", "4711"),
    (4711, ";;;", "4711"),
]


@pytest.mark.parametrize("form", [bytes, strict])
def test_cells_stand_as_they_are_shown(form: Callable[[bytes], bytes]) -> None:
    def fill(book: Any, sheet: Any) -> None:
        for row, (value, code, _) in enumerate(VALUES):
            sheet.write(row, 0, "x")
            sheet.write(row, 1, value, book.add_format({"num_format": code}) if code else None)

    extraction = read_bytes(form(written(fill)))
    assert extraction.status is Status.READ
    assert [row[1] for row in cells(extraction)] == [shown for _, _, shown in VALUES]


@pytest.mark.parametrize(
    ("value", "code", "decides"),
    [
        (4711, None, True),
        ("00004711", None, True),
        (4711, "0", True),
        (4711, "00000000", False),
        (4711, '"P-"0', False),
        (123456789012, None, False),  # a cell without a format shows it rounded
        (date(2024, 3, 4), "yyyy", False),
    ],
)
def test_a_number_that_a_format_makes_may_contradict_and_never_decides(
    value: Any, code: str, decides: bool
) -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, ["MRN", "Hb"])
        style = book.add_format({"num_format": code}) if code else None
        if isinstance(value, str):
            sheet.write_string(1, 0, value)
        else:
            sheet.write(1, 0, value, style)
        sheet.write(1, 1, 13)

    extraction = read_bytes(written(fill))
    assert len(speaking(extraction)) == 1
    assert extraction.candidates_complete is decides


def test_a_formula_without_a_value_is_told() -> None:
    def fill(book: Any) -> None:
        book.active.append(["MRN", "Dose"])
        book.active.append(["P-1", "=1+1"])

    extraction = read_bytes(saved(fill))
    assert [(w.code, w.where) for w in extraction.warnings] == [("not-calculated", "sheet 1 B2")]
    assert extraction.candidates_complete  # the patient stands there all the same


def test_a_patient_behind_such_a_formula_keeps_the_workbook_from_deciding() -> None:
    def fill(book: Any) -> None:
        for row in (["MRN", "Dose"], ["P-1", "5"], ["=A1", "6"]):
            book.active.append(row)

    extraction = read_bytes(saved(fill))
    assert not identities(extraction.patient_candidates, (), lambda value: not value).all_named


def test_a_formula_that_has_a_value_is_not_told() -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write_formula(0, 0, "=1+1", None, 2)
        sheet.write_formula(0, 1, '=" "', None, " ")

    assert "not-calculated" not in codes(read_bytes(written(fill)))


@pytest.mark.parametrize("hide", ["row", "column", "sheet"])
def test_what_is_hidden_is_shown_and_told(hide: str) -> None:
    def fill(book: Any) -> None:
        book.active.append(["a", "b"])
        more = book.create_sheet("More")
        more.append(["secret", "dose"])
        more.append(["x", "y"])
        if hide == "row":
            more.row_dimensions[1].hidden = True
        elif hide == "column":
            more.column_dimensions["A"].hidden = True
        else:
            more.sheet_state = "veryHidden"

    extraction = read_bytes(saved(fill))
    assert ("secret", "dose") in cells(extraction)
    assert "hidden" in codes(extraction)


@pytest.mark.parametrize("form", [bytes, strict])
def test_comments_boxes_headers_and_footers_are_read(form: Callable[[bytes], bytes]) -> None:
    def fill(_: Any, sheet: Any) -> None:
        sheet.write(1, 1, "Dose")
        sheet.write_comment("B2", "not before surgery")
        sheet.insert_textbox("D4", "Allergy: penicillin\nsecond line")
        sheet.set_header('&L&"Arial,Bold"Jane Doe&R&P of &N')
        sheet.set_footer("&CMRN R-1 && more")

    extraction = read_bytes(form(written(fill)))
    found = "\n".join(texts(extraction))
    for text in (
        "B2: not before surgery",
        "Allergy: penicillin",
        "second line",
        "Jane Doe",
        "MRN R-1 & more",
    ):
        assert text in found


def test_a_comment_on_a_sheet_without_values_is_read() -> None:
    def fill(book: Any) -> None:
        book.active["C3"].comment = Comment("no heparin", "A")

    assert "C3: no heparin" in "\n".join(texts(read_bytes(saved(fill))))


def test_pictures_and_charts_are_told() -> None:
    def fill(book: Any, sheet: Any) -> None:
        sheet.write_row(0, 0, [1, 2, 3])
        chart = book.add_chart({"type": "line"})
        chart.add_series({"values": "=Labs!$A$1:$C$1"})
        sheet.insert_chart("D4", chart)
        sheet.insert_image("F4", "x.png", {"image_data": io.BytesIO(png_of("x"))})

    extraction = read_bytes(written(fill))
    assert {"pictures", "charts"} <= codes(extraction)
    assert "a picture" in next(w.message for w in extraction.warnings if w.code == "pictures")
