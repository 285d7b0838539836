"""A JSON value as a person reads it: a list of records is a table, all else facts, in the document's order.

The members of the outermost object that hold something are its sections.
"""

from __future__ import annotations

from collections.abc import Iterator

from carefile.core.documents.vocabulary import FACTS
from lambdas.readers.draft import Draft
from lambdas.readers.formats.json.values import Object, Value, scalars, shown
from lambdas.readers.limits import MAX_CELL, MAX_PLACE

_MOST_FACTS = 1_000  # in one table
_MOST_COLUMNS = 12  # of a list of records; wider ones are easier to read as facts
_RECORD_DEPTH = 3  # of objects in a record that still is a row

_Facts = list[tuple[str, str]]


def describe_facts(value: Value, draft: Draft) -> None:
    """The value as tables in the draft."""
    if not isinstance(value, Object):
        _describe_section(value, draft, None)
        return
    facts: _Facts = []
    for name, member in value.members:
        if isinstance(member, (Object, list)):
            _flush(facts, draft, None)
            _describe_section(member, draft, name)
        else:
            facts.append((name, shown(member)))
    _flush(facts, draft, None)


def _describe_section(value: Value, draft: Draft, section: str | None) -> None:
    """Facts with a path each, interrupted by a table where a list of records stands."""
    facts: _Facts = []
    stack = [iter([("", value)])]
    while stack and not draft.is_full:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        path, value = entry
        if not isinstance(value, (Object, list)):
            facts.append((path, shown(value)))
        elif isinstance(value, list) and (line := _as_line(value)) is not None:
            facts.append((path, line))
        elif isinstance(value, list) and (table := _as_table(value)) is not None:
            _flush(facts, draft, section)
            header, rows = table
            draft.table(rows, header, section=".".join(filter(None, (section, path))) or None)
        else:
            stack.append(_children(value, path))
        if len(facts) >= _MOST_FACTS:
            _flush(facts, draft, section)
    _flush(facts, draft, section)


def _children(value: Object | list[Value], path: str) -> Iterator[tuple[str, Value]]:
    """What stands in the value, each with its path: of a path that is too long only the beginning."""
    if isinstance(value, Object):
        for name, member in value.members:
            yield (f"{path}.{name}" if path else name)[: MAX_PLACE + 1], member
    else:
        for index, item in enumerate(value):
            yield f"{path}[{index}]"[: MAX_PLACE + 1], item


def _flush(facts: _Facts, draft: Draft, section: str | None) -> None:
    if facts:
        draft.table(facts, FACTS, section=section)
        facts.clear()


def _as_line(values: list[Value]) -> str | None:
    """A short list of scalars as one line."""
    items = scalars(values)
    if items is None or len(items) > MAX_CELL:
        return None
    line = ", ".join(map(shown, items))
    return line if len(line) <= MAX_CELL else None


def _as_table(records: list[Value]) -> tuple[list[str], list[list[str]]] | None:
    """Columns and rows of a list of records, None if it is no such or too wide."""
    columns: dict[str, None] = {}
    rows: list[dict[str, str]] = []
    for record in records:
        cells: dict[str, str] = {}
        if not isinstance(record, Object) or not _fill(cells, record, "", _RECORD_DEPTH):
            return None
        columns |= dict.fromkeys(cells)
        if len(columns) > _MOST_COLUMNS:
            return None
        rows.append(cells)
    return list(columns), [[row.get(column, "") for column in columns] for row in rows]


def _fill(cells: dict[str, str], record: Object, prefix: str, depth: int) -> bool:
    """Put a record's scalars into cells. False if it holds more than that, too many, or a name twice."""
    for name, member in record.members:
        column = (prefix + name)[: MAX_PLACE + 1]
        if isinstance(member, Object):
            if depth == 0 or not _fill(cells, member, f"{column}.", depth - 1):
                return False
            continue
        text = _as_line(member) if isinstance(member, list) else shown(member)
        if text is None or column in cells or len(cells) == _MOST_COLUMNS:
            return False
        cells[column] = text
    return True
