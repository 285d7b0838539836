"""HL7 v2's delimiters, and the escapes that stand for them, for characters and for how a text is set.

What nobody knows stays as it is written: `C:\\labs\\2024` is a path, no escape.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

_MOST_BLANKS = 20  # lines or places that one command skips


@dataclass(frozen=True, slots=True)
class Delimiters:
    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"

    @classmethod
    def of(cls, header: str) -> Delimiters:
        """As the header segment declares them; where it declares too few, the usual ones."""
        field = header[3]
        usual = cls()
        named = header[4:].partition(field)[0]
        characters = named[:4] + "^~\\&"[len(named) :]
        return cls(field, *characters) if len(set(characters) | {field}) == 5 else usual


def resolved(text: str, delimiters: Delimiters, encoding: str = "") -> str:
    """The text with its escapes resolved, bytes of `\\X..\\` in the encoding of the message."""
    return _pattern(delimiters.escape).sub(lambda match: _meant(match, delimiters, encoding), text)


@lru_cache(maxsize=32)
def _pattern(escape: str) -> re.Pattern[str]:
    at = re.escape(escape)
    # Neighbouring ones of bytes are one text: a character may be divided between them.
    return re.compile(
        rf"(?P<bytes>(?:{at}[Xx](?:[0-9A-Fa-f]{{2}}){{1,200}}+{at})++)"
        rf"|{at}(?:(?P<letter>[FSRETHNP])"
        rf"|\.(?P<command>br|sp|ce|fi|nf|in|ti|sk|BR|SP|CE|FI|NF|IN|TI|SK)[ ]?(?P<amount>[+-]?\d{{0,3}})){at}"
    )


def _meant(match: re.Match[str], delimiters: Delimiters, encoding: str) -> str:
    if found := match["bytes"]:
        digits = re.sub("[^0-9A-Fa-f]", "", found)
        return _decoded(bytes.fromhex(digits), encoding)
    if letter := match["letter"]:
        return {
            "F": delimiters.field,
            "S": delimiters.component,
            "R": delimiters.repetition,
            "E": delimiters.escape,
            "T": delimiters.subcomponent,
            "P": "#",
        }.get(letter, "")  # else bold type, or its end
    command = match["command"].lower()
    count = min(max(int(match["amount"]) if match["amount"].lstrip("+-") else 1, 1), _MOST_BLANKS)
    if command in ("br", "ce"):
        return "\n"
    return "\n" * count if command == "sp" else " " * count if command == "sk" else " "


def _decoded(data: bytes, encoding: str) -> str:
    """As the message declares; else as UTF-8, if they are that, and as Windows does."""
    for name in (encoding, "utf-8"):
        try:
            return data.decode(name or "ascii")
        except (UnicodeDecodeError, LookupError):
            continue
    return data.decode("cp1252", "replace")
