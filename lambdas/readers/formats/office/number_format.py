"""A number as a cell of a workbook shows it, by the format codes of ECMA-376: `00000000`, `0.0%`, `#,##0.00`.

A code that is not understood (fractions, codes of other programs) gives None, and the number stands as it is. Names of
months and days are English, since the reader's own language is not known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

from carefile.core.documents.vocabulary import MONTHS

_LONGEST = 255  # characters of a code, as spreadsheets take them
_EXACT = Context(prec=1_000, rounding=ROUND_HALF_UP)
_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.)|_(?P<space>.)|\*(?P<fill>.)|\[(?P<bracket>[^\]]*)\]?'
    r"|(?P<general>General)|(?P<exponent>E[+-])|(?P<clock>AM/PM|A/P)|(?P<date>y+|m+|d+|h+|s+)|(?P<sign>.)",
    re.IGNORECASE | re.DOTALL,
)
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?\d+(?:\.\d+)?)")
_HOLDERS = "0#?"
_DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


@dataclass(frozen=True, slots=True)
class _Section:
    """One part of a code: its pieces, each of a kind and with its text, and when it applies."""

    pieces: tuple[tuple[str, str], ...]
    condition: tuple[str, Decimal] | None = None

    @property
    def signs(self) -> str:
        return "".join(text for kind, text in self.pieces if kind == "sign")


def number_as_shown(value: int | float, code: str) -> str | None:
    """The text of a number under a format code; None where the code is not understood."""
    if len(code) > _LONGEST or value != value or value in (float("inf"), float("-inf")):
        return None
    number = Decimal(repr(value))
    section, is_absolute = _section_for(number, _sections(code))
    if (
        section is None
        or any(kind in ("date", "clock") for kind, _ in section.pieces)
        or "/" in section.signs
    ):
        return None
    if any(kind == "general" for kind, _ in section.pieces):
        plain = general(abs(value) if is_absolute else value)
        return "".join(plain if kind == "general" else text for kind, text in section.pieces)
    text = _filled(section, abs(number))
    return f"-{text}" if number < 0 and not is_absolute and re.search(r"[1-9]", text) else text


def general(value: int | float) -> str:
    """A number without a format, with the fifteen digits that spreadsheets keep."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value) if isinstance(value, int) else f"{value:.15g}".upper()


def text_as_shown(value: str, code: str) -> str:
    """A text under a format code: `"MRN "@` puts words before it."""
    if "@" not in code or code == "@" or len(code) > _LONGEST:
        return value
    pieces = next((s.pieces for s in reversed(_sections(code)) if "@" in s.signs), ())
    return "".join(value if piece == ("sign", "@") else piece[1] for piece in pieces)


def moment_as_shown(value: date | datetime, code: str) -> str | None:
    """A date whose format shows only part of it (`Mar-24`); None where it shows year, month and day, or a time."""
    section = _sections(code)[0] if len(code) <= _LONGEST else _Section(())
    letters = {text[0].lower() for kind, text in section.pieces if kind == "date"}
    if not letters or letters >= {"y", "m", "d"} or letters & {"h", "s"}:
        return None
    return "".join(
        _part_of_date(value, text) if kind == "date" else text for kind, text in section.pieces
    ).strip()


def _part_of_date(value: date, code: str) -> str:
    length = len(code)
    match code[0].lower():
        case "y":
            return f"{value.year:04}" if length > 2 else f"{value.year % 100:02}"
        case "m" if length > 2:
            name = MONTHS[value.month - 1]
            return name[0] if length == 5 else name if length == 4 else name[:3]
        case "m":
            return f"{value.month:0{length}}"
        case _ if length > 2:
            name = _DAYS[value.weekday()]
            return name if length > 3 else name[:3]
    return f"{value.day:0{length}}"


@lru_cache(maxsize=512)
def _sections(code: str) -> tuple[_Section, ...]:
    sections: list[_Section] = []
    pieces: list[tuple[str, str]] = []
    condition: tuple[str, Decimal] | None = None
    for match in _PIECE.finditer(code):
        kind, text = match.lastgroup or "sign", match[match.lastgroup or 0]
        if kind == "sign" and text == ";":
            sections.append(_Section(tuple(pieces), condition))
            pieces, condition = [], None
        elif kind == "bracket":
            if compared := _CONDITION.fullmatch(text):
                condition = (compared[1], Decimal(compared[2]))
            elif text.startswith("$"):
                pieces.append(("quoted", text[1:].partition("-")[0]))  # a currency
            elif text and text[0].lower() in "hms" and len(set(text.lower())) == 1:
                pieces.append(("date", text))
        elif kind == "space":
            pieces.append(("quoted", " "))
        elif kind != "fill":
            pieces.append((kind, text))
    return (*sections, _Section(tuple(pieces), condition))


def _section_for(number: Decimal, sections: tuple[_Section, ...]) -> tuple[_Section | None, bool]:
    """The section that applies, and whether it shows the number without its sign."""
    sections = tuple(s for s in sections if "@" not in s.signs) or sections
    if any(section.condition for section in sections):
        for section in sections:
            if section.condition is None or _holds(number, *section.condition):
                return section, False
        return None, False
    if number < 0 and len(sections) > 1:
        return sections[1], True
    return sections[2 if number == 0 and len(sections) > 2 else 0], False


def _holds(number: Decimal, sign: str, limit: Decimal) -> bool:
    above, equal = number > limit, number == limit
    return {
        "<": not above and not equal, "<=": not above, "=": equal, "<>": not equal, ">=": above or equal, ">": above
    }[sign]  # fmt: skip


def _filled(section: _Section, number: Decimal) -> str:
    """The section with the digits of a number in its places."""
    pieces = list(section.pieces)
    places = [at for at, (kind, text) in enumerate(pieces) if kind == "sign" and text in _HOLDERS]
    if not places:
        return "".join("" if piece == ("sign", "@") else piece[1] for piece in pieces)
    exponent_at = next((at for at, (kind, _) in enumerate(pieces) if kind == "exponent"), len(pieces))
    point = next(
        (at for at, piece in enumerate(pieces[:exponent_at]) if piece == ("sign", ".") and at), exponent_at
    )
    if pieces and pieces[0] == ("sign", "."):
        point = 0
    whole = [at for at in places if at < point]
    decimals = [at for at in places if point < at < exponent_at]
    last = max((*whole, *decimals), default=0)
    commas = [at for at, piece in enumerate(pieces) if piece == ("sign", ",")]
    grouped = any(whole and whole[0] < at < whole[-1] for at in commas)
    number = number.scaleb(2 * sum(piece == ("sign", "%") for piece in pieces), _EXACT)
    number = number.scaleb(
        -3 * sum(at > last or (at > max(whole, default=0) and at < point) for at in commas), _EXACT
    )
    power = 0
    if exponent_at < len(pieces) and number:
        step = max(len(whole), 1)
        power = number.adjusted() // step * step
        if _rounded(number.scaleb(-power, _EXACT), len(decimals)) >= Decimal(10) ** step:
            power += step
        number = number.scaleb(-power, _EXACT)
    digits = format(_rounded(number, len(decimals)), "f")
    before, _, after = digits.partition(".")
    texts = dict(enumerate("" if piece == ("sign", ",") else piece[1] for piece in pieces))
    texts |= _whole_digits(before, whole, pieces, grouped)
    texts |= _decimal_digits(after, decimals, pieces)
    if exponent_at < len(pieces):
        exponents = [at for at in places if at > exponent_at]
        sign = "-" if power < 0 else "+" if "+" in pieces[exponent_at][1] else ""
        texts |= dict.fromkeys(exponents, "")
        texts[exponent_at] = f"E{sign}{abs(power):0{max(len(exponents), 1)}}"
    if not decimals and point < len(pieces) and point != exponent_at:
        texts[point] = "."
    return "".join(texts.values())


def _rounded(number: Decimal, decimals: int) -> Decimal:
    return number.quantize(Decimal(1).scaleb(-decimals), context=_EXACT)


def _whole_digits(
    digits: str, places: list[int], pieces: list[tuple[str, str]], grouped: bool
) -> dict[int, str]:
    """The digits before the point from the right; what has no place stands before the first."""
    digits = digits.lstrip("0")
    texts: dict[int, str] = {}
    count = 0
    for order, at in enumerate(reversed(places)):
        is_first = order == len(places) - 1
        rest = digits[: len(digits) - order] if order < len(digits) else ""
        here = (rest if is_first else rest[-1:]) or {"0": "0", "?": " "}.get(pieces[at][1], "")
        text = ""
        for digit in reversed(here):
            text = digit + ("," if grouped and count and count % 3 == 0 and digit.isdigit() else "") + text
            count += 1
        texts[at] = text
    return texts


def _decimal_digits(digits: str, places: list[int], pieces: list[tuple[str, str]]) -> dict[int, str]:
    needed = len(digits.rstrip("0"))
    return {
        at: digits[order] if order < needed or pieces[at][1] == "0" else " " if pieces[at][1] == "?" else ""
        for order, at in enumerate(places)
    }
