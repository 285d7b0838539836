"""Dates of birth as people and systems write them. What can be read in two ways is both."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import date

from carefile.core.patients.names import folded

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "january jan enero ene", "february feb febrero", "march mar marzo", "april apr abril abr", "may mayo",
            "june jun junio", "july jul julio", "august aug agosto ago", "september sep sept septiembre setiembre set",
            "october oct octubre", "november nov noviembre", "december dec diciembre dic",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_ISO = re.compile(r"(?<!\d)(\d{4})-?(\d\d)-?(\d\d)(?!\d)")
_NUMBERS = re.compile(r"(?<!\d)(\d\d?)\s?([./-])\s?(\d\d?)\s?\2\s?(\d{4})(?!\d)")
_SHORT = re.compile(r"(?<![\d./-])(\d\d?)([./-])(\d\d?)\2(\d\d)(?![\d./-]?\d)")
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})([./])(\d\d?)\2(\d\d?)(?!\d)")
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d\d?)(?:st|nd|rd|th|º)?[\s.-]+(?:de\s+)?([^\W\d_]{3,10})\.?,?[\s.-]+(?:del?\s+)?(\d{4})(?!\d)"
)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,10})\.?\s+(\d\d?)(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)")
_WHOLE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


def dates_in(text: str) -> frozenset[str]:
    """Every date that stands in a text, in ISO 8601; `03/04/1980` is the third of April and the fourth of March."""
    return frozenset(date for _, _, dates in _found(folded(text)) for date in dates)


def first_date(plain: str) -> frozenset[str]:
    """What the first date in a folded text may mean. A year of two digits is of either century."""
    found = min(
        _found(plain, short_years=True), default=(0, 0, frozenset()), key=lambda one: (one[0], -one[1])
    )
    return found[2]


def all_dates(plain: str) -> Iterator[frozenset[str]]:
    """Yield what each date of a folded text may mean."""
    for _, _, dates in _found(plain):
        yield dates


def birth_date(text: str, *, day_first: bool | None = None) -> str | None:
    """The one date that a field says, in ISO 8601; a year, or a year and a month, as they are. None where it says none
    or, unless it is known which comes first, two."""
    text = text.strip()
    if _WHOLE.fullmatch(text):
        numbers = [*map(int, text.split("-")), 1, 1]
        return text if _day(*numbers[:3]) else None
    match = _NUMBERS.fullmatch(text)
    if match and day_first is not None:
        first, _, second, year = match.groups()
        day, month = (first, second) if day_first else (second, first)
        return _day(int(year), int(month), int(day))
    found = dates_in(text)
    return next(iter(found)) if len(found) == 1 else None


def same_date(one: str, other: str) -> bool:
    """Whether two dates agree, as exactly as the vaguer of them is."""
    length = min(len(one), len(other))
    return length >= len("YYYY") and one[:length] == other[:length]


def _found(plain: str, *, short_years: bool = False) -> Iterator[tuple[int, int, frozenset[str]]]:
    """Yield where each date of a folded text begins and ends, and the days that it may be."""
    for match in _ISO.finditer(plain):
        yield from _one(match, match.groups())
    for match in _YEAR_FIRST.finditer(plain):
        year, _, month, day = match.groups()
        yield from _one(match, (year, month, day))
    for match in _NUMBERS.finditer(plain):
        first, _, second, year = match.groups()
        yield from _one(match, (year, second, first), (year, first, second))
    for match in _SHORT.finditer(plain) if short_years else ():
        first, _, second, year = match.groups()
        orders = ((second, first), (first, second))
        yield from _one(match, *((century + year, *order) for century in ("19", "20") for order in orders))
    for match in _DAY_MONTH.finditer(plain):
        day, word, year = match.groups()
        yield from _one(match, (year, _MONTHS.get(word, 0), day))
    for match in _MONTH_DAY.finditer(plain):
        word, day, year = match.groups()
        yield from _one(match, (year, _MONTHS.get(word, 0), day))


def _one(match: re.Match[str], *readings: Iterable[str | int]) -> Iterator[tuple[int, int, frozenset[str]]]:
    dates = frozenset(filter(None, (_day(*map(int, reading)) for reading in readings)))
    if dates:
        yield match.start(), match.end(), dates


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if 1850 <= year <= 2200 else None
    except ValueError:
        return None
