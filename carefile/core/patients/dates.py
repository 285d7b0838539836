"""Dates of birth as people and systems write them. What can be read in two ways is both."""

from __future__ import annotations

import re
from collections.abc import Iterator
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
_YEAR_FIRST = re.compile(r"(?<!\d)(\d{4})([./])(\d\d?)\2(\d\d?)(?!\d)")
_DAY_MONTH = re.compile(
    r"(?<!\d)(\d\d?)(?:st|nd|rd|th|º)?[\s.-]+(?:de\s+)?([^\W\d_]{3,10})\.?,?[\s.-]+(?:del?\s+)?(\d{4})(?!\d)"
)
_MONTH_DAY = re.compile(r"([^\W\d_]{3,10})\.?\s+(\d\d?)(?:st|nd|rd|th)?,?\s+(\d{4})(?!\d)")
_WHOLE = re.compile(r"\d{4}(-\d\d(-\d\d)?)?")


def dates_in(text: str) -> frozenset[str]:
    """Every date that stands in a text, in ISO 8601; `03/04/1980` is the third of April and the fourth of March."""
    return frozenset(_dates(text))


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


def _dates(text: str) -> Iterator[str]:
    plain = folded(text)
    for year, month, day in _ISO.findall(plain):
        yield from _valid(int(year), int(month), int(day))
    for year, _, month, day in _YEAR_FIRST.findall(plain):
        yield from _valid(int(year), int(month), int(day))
    for first, _, second, year in _NUMBERS.findall(plain):
        yield from _valid(int(year), int(second), int(first))
        yield from _valid(int(year), int(first), int(second))
    for day, word, year in _DAY_MONTH.findall(plain):
        if word in _MONTHS:
            yield from _valid(int(year), _MONTHS[word], int(day))
    for word, day, year in _MONTH_DAY.findall(plain):
        if word in _MONTHS:
            yield from _valid(int(year), _MONTHS[word], int(day))


def _valid(year: int, month: int, day: int) -> Iterator[str]:
    found = _day(year, month, day)
    if found:
        yield found


def _day(year: int, month: int, day: int) -> str | None:
    try:
        return date(year, month, day).isoformat() if 1850 <= year <= 2200 else None
    except ValueError:
        return None
