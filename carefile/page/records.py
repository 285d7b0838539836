"""How `result.html` shows records: those of one type as one table where they fit in it, else each as its facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from carefile.core.documents.extraction import Entity, Table
from carefile.core.documents.vocabulary import FACTS, MONTHS, WITHDRAWN

_MOST_COLUMNS = 8
_FEW = 3  # records that need no table
_IN_ANY_ORDER = {"fhir", "fhir-ndjson"}  # formats in which it says nothing which record follows which
_COME_FIRST = {*_IN_ANY_ORDER, "hl7v2", "cda", "dicom"}
_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_MOMENT = re.compile(r"(\d{4})-(\d{2})-(\d{2})(?:T(\d{2}:\d{2})(?::\d{2}(?:\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")
_PERIOD = re.compile(
    r"(?P<before>from |until )?(?P<start>\d{4}-\d{2}-\d{2}(?:T[\d:.+Z-]{4,24})?)"
    r"(?: – (?P<end>\d{4}-\d{2}-\d{2}(?:T[\d:.+Z-]{4,24})?))?"
)
_LONGEST_MOMENTS = 1_000  # characters
_AS_WRITTEN = (
    "identifier",
    "id",
    "uid",
    "number",
    "order",
    "lot",
    "control id",
    "study id",
    "accession number",
)
_WITHDRAWN = WITHDRAWN | {
    *(
        "deleted",
        "delete",
        "wrong",
        "cancel",
        "discontinue",
        "discontinued",
        "refused",
        "not-given",
        "hold",
        "held",
    ),
    *("training-or-test", "debugging", "cannot-be-obtained", "obsolete", "replaced", "unable-to-accept"),
}
_NEGATIONS = ("do not perform", "not given", "not done", "not taken", "deleted")
_MARKS = ("flag", "interpretation", "criticality")


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
    """None where each record is easier to read as its facts: few that are wide, or that say something twice."""
    columns: dict[str, None] = {}
    for entity in entities:
        names = [name for name, _ in entity.attributes]
        columns |= dict.fromkeys(names)
        if len(set(names)) < len(names) and len(entities) <= _FEW:
            return None
    if not columns or (len(columns) > _MOST_COLUMNS and len(entities) <= _FEW):
        return None
    order = _in_order(columns, entities)
    if len(order) > _MOST_COLUMNS:  # what stands out does so in a column of its own
        alarming = {
            name for entity in entities for name, value in entity.attributes if stands_out(name, value)
        }
        order[1:] = sorted(order[1:], key=lambda name: name not in alarming)
    shown = order if len(order) <= _MOST_COLUMNS else order[: _MOST_COLUMNS - 1]
    rest = order[len(shown) :]
    rows = tuple(_row(entity, shown, rest) for entity in entities)
    return Table(rows, header=(*map(_capital, shown), *(("Further",) if rest else ())))


def _row(entity: Entity, shown: list[str], rest: list[str]) -> tuple[str, ...]:
    said: dict[str, list[str]] = {}
    for name, value in entity.attributes:
        said.setdefault(name, []).append(_readable_fact(name, value, short=True))
    cells = ["\n".join(said.get(name, ())) for name in shown]
    further = "\n".join(f"{_capital(name)}: {'; '.join(said[name])}" for name in rest if name in said)
    return (*cells, *((further,) if rest else ()))


def _in_order(columns: Iterable[str], entities: list[Entity]) -> list[str]:
    """The columns as the fullest record has them, then the rest."""
    fullest = max(entities, key=lambda entity: len(entity.attributes))
    return list(dict.fromkeys([*(name for name, _ in fullest.attributes), *columns]))


def _as_facts(entity: Entity) -> Table:
    rows = tuple((_capital(name), _readable_fact(name, value)) for name, value in entity.attributes)
    return Table(rows, header=FACTS)


def stands_out(name: str, value: str) -> bool:
    """Whether a fact says that the rest of its record does not hold, or does not hold any more."""
    said, name = value.strip().casefold(), name.casefold()
    negates = bool(said and name.startswith("modifier")) or (name in _NEGATIONS and said in ("yes", "true"))
    return negates or said.replace(" ", "-") in _WITHDRAWN


def readable(text: str, *, short: bool = False) -> str:
    """Dates, times and periods of ISO 8601 as people write them; any other text as it is."""
    found = (
        [_PERIOD.fullmatch(part) for part in text.split("; ")] if len(text) <= _LONGEST_MOMENTS else [None]
    )
    if not all(found):
        return text
    return "; ".join(_period(match, short) for match in found if match)


def _readable_fact(name: str, value: str, *, short: bool = False) -> str:
    """A number that only looks like a date stays as it is."""
    return value if name.casefold() in _AS_WRITTEN else readable(value, short=short)


def _period(match: re.Match[str], short: bool) -> str:
    before, start, end = match["before"] or "", match["start"], match["end"]
    if end is None:
        return before + _moment(start, short)
    first, last = _moment(start, short), _moment(end, short)
    day, comma, time = first.partition(", ")
    # Of a period within one day the day stands once, and the zone as well.
    if comma and last.startswith(f"{day}, "):
        zone = time[5:]
        return f"{day}, {time.removesuffix(zone) if last.endswith(zone) else time} – {last.removeprefix(f'{day}, ')}"
    return f"{first} – {last}"


def _moment(text: str, short: bool) -> str:
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
