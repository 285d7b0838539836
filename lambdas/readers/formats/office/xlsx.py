"""XLSX: each sheet as a table, its cells as they are shown, as last calculated, through openpyxl as a stream.

Formulas are not calculated, and what is hidden is read too. A date that a cell shows whole stands in ISO 8601, since
01/02/2024 is two days; one of which a cell shows a part stands as that part. Numbers that a cell shows by a format, and
dates, never decide whose the document is.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any

from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.office.number_format import (
    general,
    moment_as_shown,
    number_as_shown,
    text_as_shown,
)
from lambdas.readers.formats.office.xlsx_parts import SheetNotes, facts_of_sheet, notes_of_sheet
from lambdas.readers.formats.office.zip_safely import damaged, data_of, open_office
from lambdas.readers.limits import MAX_CELLS, MAX_COLUMNS, MAX_SHEETS
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source
from lambdas.readers.table_patient import AsShown, TablePatients

if TYPE_CHECKING:
    from zipfile import ZipFile

    from openpyxl.workbook import Workbook

_MAIN = re.compile(r"xl/workbook\d*\.xml")
_LONGEST_WHOLE = 10**11  # beyond it a cell without a format shows a rounded number


def _recognises(source: Source) -> bool:
    return detect(source)[0] == "xlsx"


def _read(source: Source, draft: Draft) -> None:
    import openpyxl

    package = open_office(source, _MAIN, draft)
    if package is None:
        return
    try:
        book = openpyxl.load_workbook(data_of(package), read_only=True, data_only=True, keep_links=False)
        _describe_facts(book, draft)
        _describe_sheets(book, package, draft)
    except Exception as error:  # of every kind, for a damaged package
        damaged(error, draft)


def _describe_facts(book: Workbook, draft: Draft) -> None:
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


def _describe_sheets(book: Workbook, package: ZipFile, draft: Draft) -> None:
    left = MAX_CELLS

    def rows(sheet: Any) -> Iterator[list[str]]:
        """The rows that are not blank, up to their last value."""
        nonlocal left
        for row in sheet.iter_rows(max_col=MAX_COLUMNS + 1):
            if left <= 0:
                draft.cut("cells", "The workbook has more cells than are read.", MAX_CELLS)
                draft.candidates_complete = False
                return
            left -= max(len(row), 1)
            if len(row) > MAX_COLUMNS and row[MAX_COLUMNS].value is not None:
                draft.candidates_complete = False
            texts = [_text(cell) for cell in row]
            while texts and not texts[-1]:
                texts.pop()
            if texts:
                yield texts

    sheets = book.worksheets
    if len(sheets) > MAX_SHEETS:
        draft.cut("sheets", "The workbook has more sheets than are read.", MAX_SHEETS, len(sheets))
        draft.candidates_complete = False
    for number, sheet in enumerate(sheets[:MAX_SHEETS], 1):
        notes = _describe_notes(sheet, number, package, draft)
        sheet.reset_dimensions()  # what it claims of its size is not believed
        patients = TablePatients(draft, f"sheet {number}: ")
        remaining = patients.watched(rows(sheet))
        first = next(remaining, None)
        second = next(remaining, None)
        if first is None:
            _describe_attached_notes(sheet.title, notes, draft)
            continue
        is_headed = second is not None and len(set(first)) == len(first) and all(map(_is_name, first))
        found = [row for row in (None if is_headed else first, second) if row is not None]
        draft.table(
            chain(found, remaining), first if is_headed else None, section=sheet.title, count_all=False
        )
        deque(remaining, maxlen=0)  # rows that are not kept may name somebody, too
        patients.end()
        _describe_attached_notes(sheet.title, notes, draft)
    if book.chartsheets:
        draft.warn("charts", "The workbook has charts. They are not shown here.")


def _describe_notes(sheet: Any, number: int, package: ZipFile, draft: Draft) -> SheetNotes:
    """Describe what the cells of a sheet do not show, and return the notes attached to it."""
    path = sheet._worksheet_path
    with package.open(path) as part:
        facts = facts_of_sheet(part)
    if facts.hides or sheet.sheet_state != "visible":
        draft.warn("hidden", "The workbook hides sheets, rows or columns. They are shown here.")
    if facts.uncalculated is not None:
        message = "Formulas in the workbook have no calculated value. Their cells are blank here."
        draft.warn("not-calculated", message, f"sheet {number} {facts.uncalculated}".strip())
    if facts.printed:
        draft.text("\n".join(facts.printed), section=f"{sheet.title}: header and footer")
    notes = notes_of_sheet(package, path)
    if notes.charts:
        draft.warn("charts", "The workbook has charts. They are not shown here.")
    return notes


def _describe_attached_notes(title: str, notes: SheetNotes, draft: Draft) -> None:
    for name, lines in (("comments", notes.comments), ("text boxes", notes.boxes)):
        if lines:
            draft.text("\n".join(lines), section=f"{title}: {name}")


def _is_name(cell: str) -> bool:
    return bool(cell.strip()) and not cell.strip()[0].isdigit()


def _text(cell: Any) -> str:
    """The text of a cell as it is shown, as an `AsShown` where a format makes it."""
    match value := cell.value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return _number(value, cell.number_format)
        case str():
            shown = text_as_shown(value, cell.number_format)
            return shown if shown == value else AsShown(shown)
        case datetime() if value.time() != time():
            return AsShown(moment_as_shown(value, cell.number_format) or value.isoformat(" ", "seconds"))
        case date():
            day = value.date() if isinstance(value, datetime) else value
            return AsShown(moment_as_shown(day, cell.number_format) or day.isoformat())
        case time():
            return AsShown(value.isoformat())
        case timedelta():
            minutes, seconds = divmod(int(value.total_seconds()), 60)
            return AsShown(f"{minutes // 60}:{minutes % 60:02}:{seconds:02}")
    return str(value)


def _number(value: int | float, code: str) -> str:
    plain = general(value)
    if code in ("General", "@", ""):
        return plain if abs(value) < _LONGEST_WHOLE else AsShown(plain)
    shown = number_as_shown(value, code)
    return plain if shown == plain and len(plain) <= 15 else AsShown((shown or "").strip() or plain)


READER = Reader(
    "xlsx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    _recognises,
    _read,
    isolated=True,
    needs_whole=True,
)
