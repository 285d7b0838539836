"""XLSX: each sheet as a table, with the values as they were last calculated, through openpyxl as a stream.

Formulas are not calculated, and what is hidden is read too.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from datetime import date, datetime, time
from itertools import chain
from typing import TYPE_CHECKING, Any

from lambdas.readers.base import Reader, Source
from lambdas.readers.draft import Draft
from lambdas.readers.formats.office.zip_safely import damaged, open_office
from lambdas.readers.limits import MAX_CELLS, MAX_COLUMNS, MAX_SHEETS
from lambdas.readers.media_types import detect
from lambdas.readers.table_patient import TablePatients

if TYPE_CHECKING:
    from openpyxl.workbook import Workbook


def _recognises(source: Source) -> bool:
    return detect(source)[0] == "xlsx"


def _read(source: Source, draft: Draft) -> None:
    import openpyxl

    if not open_office(source, "xl/workbook.xml", draft):
        return
    try:
        book = openpyxl.load_workbook(
            io.BytesIO(source.data), read_only=True, data_only=True, keep_links=False
        )
        _tell_facts(book, draft)
        _tell_sheets(book, draft)
    except Exception as error:  # of every kind, for a damaged package
        damaged(error, draft)


def _tell_facts(book: Workbook, draft: Draft) -> None:
    properties = book.properties
    for name, value in (
        ("title", properties.title),
        ("author", properties.creator),
        ("subject", properties.subject),
        ("created", properties.created and properties.created.isoformat()),
        ("modified", properties.modified and properties.modified.isoformat()),
    ):
        draft.fact(name, str(value or ""))
    draft.fact("sheets", str(len(book.sheetnames)))


def _tell_sheets(book: Workbook, draft: Draft) -> None:
    left = MAX_CELLS

    def rows(sheet: Any) -> Iterator[list[str]]:
        """The rows that are not blank, up to their last value."""
        nonlocal left
        for row in sheet.iter_rows(max_col=MAX_COLUMNS + 1, values_only=True):
            if left <= 0:
                draft.cut("cells", "The workbook has more cells than are read.", MAX_CELLS)
                draft.candidates_complete = False
                return
            left -= max(len(row), 1)
            if len(row) > MAX_COLUMNS and row[MAX_COLUMNS] is not None:
                draft.candidates_complete = False
            texts = [_text(value) for value in row]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                yield texts

    sheets = book.worksheets
    if len(sheets) > MAX_SHEETS:
        draft.cut("sheets", "The workbook has more sheets than are read.", MAX_SHEETS, len(sheets))
        draft.candidates_complete = False
    for number, sheet in enumerate(sheets[:MAX_SHEETS], 1):
        sheet.reset_dimensions()  # what it claims of its size is not believed
        patients = TablePatients(draft, f"sheet {number}: ")
        remaining = patients.watched(rows(sheet))
        first = next(remaining, None)
        second = next(remaining, None)
        if first is None:
            continue
        is_headed = second is not None and len(set(first)) == len(first) and all(map(_is_name, first))
        found = [row for row in (None if is_headed else first, second) if row is not None]
        draft.table(
            chain(found, remaining), first if is_headed else None, section=sheet.title, count_all=False
        )
        deque(remaining, maxlen=0)  # rows that are not kept may name somebody, too
        patients.end()


def _is_name(cell: str) -> bool:
    return bool(cell.strip()) and not cell.strip()[0].isdigit()


def _text(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case datetime():
            return value.isoformat(" ", "seconds")
        case date() | time():
            return value.isoformat()
    return str(value)


READER = Reader(
    "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    _recognises,
    _read,
    isolated=True,
    needs_whole=True,
)
