"""Whose a table is, in each format that has tables."""

from __future__ import annotations

import io
from collections.abc import Iterator
from html import escape

import docx
import pytest
import xlsxwriter
from reportlab.pdfgen.canvas import Canvas

from lambdas.readers.limits import MAX_ROWS
from tests.readers.here import read_here
from tests.readers.reading import read_bytes, speaking


@pytest.fixture(autouse=True)
def _here() -> Iterator[None]:
    with read_here():
        yield


Rows = list[list[str]]


def workbook(*sheets: Rows) -> bytes:
    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        for rows in sheets:
            sheet = book.add_worksheet()
            for number, row in enumerate(rows):
                sheet.write_row(number, 0, row)
    return file.getvalue()


def letter(rows: Rows) -> bytes:
    document = docx.Document()
    document.add_paragraph("A letter.")
    table = document.add_table(len(rows), len(rows[0]))
    for row, cells in zip(table.rows, rows, strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    file = io.BytesIO()
    document.save(file)
    return file.getvalue()


def page(rows: Rows) -> bytes:
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    return f"<!doctype html><p>A page.<table>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>".encode()


def form(fields: dict[str, str]) -> bytes:
    file = io.BytesIO()
    canvas = Canvas(file)
    for number, (name, value) in enumerate(fields.items()):
        canvas.acroForm.textfield(name=name, value=value, y=100 * number + 50)
    canvas.showPage()
    canvas.save()
    return file.getvalue()


TWO = [["Lab report", "", ""], ["Name", "Patient ID", "Hb"], ["A", "P1", "13"], ["B", "P2", "12"]]


@pytest.mark.parametrize("make", [workbook, letter, page])
def test_a_column_names_the_patient_of_each_row_below_a_title_too(make) -> None:
    assert speaking(read_bytes(make(TWO))) == {"P1", "P2"}


@pytest.mark.parametrize(("make", "decides"), [(workbook, True), (letter, False), (page, False)])
def test_a_table_beside_text_decides_nothing(make, decides: bool) -> None:
    extraction = read_bytes(make(TWO[:3]))
    assert speaking(extraction) == {"P1"}
    assert extraction.candidates_complete is decides


@pytest.mark.parametrize("make", [workbook, letter, page])
def test_a_field_with_its_value_beside_it_is_told_and_decides_nothing(make) -> None:
    extraction = read_bytes(make([["Name", "Ana"], ["MRN:", "4711"], ["Ward", "3"]]))
    assert speaking(extraction) == {"4711"}
    assert not extraction.candidates_complete


@pytest.mark.parametrize("name", ["MRN", "form.page[0].patient_id[0]"])
def test_a_field_of_a_form_is_told_and_decides_nothing(name: str) -> None:
    extraction = read_bytes(form({"ward": "3", name: "4711"}))
    assert speaking(extraction) == {"4711"}
    assert not extraction.candidates_complete


def test_each_sheet_of_a_workbook_is_asked_and_every_row() -> None:
    rows = [["mrn", "x"], *[["1", "y"]] * (MAX_ROWS + 5), ["2", "y"]]
    assert speaking(read_bytes(workbook([["a", "b"], ["c", "d"]], rows))) == {"1", "2"}
    assert speaking(read_bytes(workbook(TWO[1:3], [["MRN", "x"], ["P3", "y"]]))) == {"P1", "P3"}


def test_a_workbook_that_is_not_read_to_its_end_decides_nothing() -> None:
    assert read_bytes(workbook(*[TWO[1:3]] * 3)).candidates_complete
    assert not read_bytes(workbook(*[TWO[1:3]] * 51)).candidates_complete
    wide = [["mrn", *map(str, range(80))], ["1", *map(str, range(80))]]
    assert not read_bytes(workbook(wide)).candidates_complete
