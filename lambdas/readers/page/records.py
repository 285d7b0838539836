"""How `result.html` shows records: those of one type as one table where they fit in it, else each as its facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from carefile.core.documents.extraction import Entity, Table
from lambdas.readers.draft import FACTS

_MOST_COLUMNS = 8
_IN_ANY_ORDER = {"fhir", "fhir-ndjson"}  # formats in which it says nothing which record follows which
_COME_FIRST = {*_IN_ANY_ORDER, "hl7v2", "cda", "dicom"}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")
_MARKS = ("flag", "interpretation", "criticality")
MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Records:
    """What stands under one heading. `where` is the place of a single record, `marked` the columns that warn."""

    title: str
    where: str
    table: Table
    marked: frozenset[int] = frozenset()


def come_first(format_: str) -> bool:
    """Whether the records are the document, and its text what hangs on them."""
    return format_ in _COME_FIRST


def groups(entities: Iterable[Entity], format_: str) -> Iterator[Records]:
    if format_ in _IN_ANY_ORDER:
        by_type: dict[str, list[Entity]] = {}
        for entity in entities:
            by_type.setdefault(entity.type, []).append(entity)
        runs = list(by_type.values())
    else:
        runs = [list(run) for _, run in groupby(entities, key=lambda entity: entity.type)]
    for run in runs:
        table = _as_table(run) if len(run) > 1 else None
        if table:
            marked = (i for i, name in enumerate(table.header or ()) if name.lower() in _MARKS)
            yield Records(f"{_in_words(run[0].type)} ({len(run):,})", "", table, frozenset(marked))
            continue
        for entity in run:
            yield Records(_in_words(entity.type), entity.where, _as_facts(entity))


def _as_table(entities: list[Entity]) -> Table | None:
    """None where it would be too wide, or a record says something twice."""
    columns: dict[str, None] = {}
    for entity in entities:
        names = [name for name, _ in entity.attributes]
        columns |= dict.fromkeys(names)
        if len(columns) > _MOST_COLUMNS or len(set(names)) < len(names):
            return None
    if not columns:
        return None
    order = _in_order(columns, entities)
    rows = (dict(entity.attributes) for entity in entities)
    cells = tuple(tuple(readable(row.get(name, ""), short=True) for name in order) for row in rows)
    return Table(cells, header=tuple(map(_capital, order)))


def _in_order(columns: Iterable[str], entities: list[Entity]) -> list[str]:
    """The columns as the fullest record has them, then the rest."""
    fullest = max(entities, key=lambda entity: len(entity.attributes))
    return list(dict.fromkeys([*(name for name, _ in fullest.attributes), *columns]))


def _as_facts(entity: Entity) -> Table:
    rows = tuple((_capital(name), readable(value)) for name, value in entity.attributes)
    return Table(rows, header=FACTS)


def readable(text: str, *, short: bool = False) -> str:
    """A date or time of ISO 8601 as people write it; any other text as it is."""
    match = _MOMENT.fullmatch(text)
    if match is None or not 1 <= int(match[2]) <= 12:
        return text
    year, month, day, time, zone = match.groups()
    name = MONTHS[int(month) - 1]
    date = f"{int(day)} {name[:3] if short else name} {year}"
    if time is None:
        return date
    return f"{date}, {time}{'' if zone is None else ' UTC' if zone == 'Z' else f' ({zone})'}"


def _in_words(name: str) -> str:
    words = _CAPITAL.sub(" ", name)
    return words[:1] + words[1:].lower() if words != name else name


def _capital(name: str) -> str:
    return name[:1].upper() + name[1:]
