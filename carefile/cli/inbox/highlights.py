"""Where a document names somebody: the passages of its text, and the places on its pictures, that a person looks at."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from carefile.core.documents.picture import PlacedWord
from carefile.core.documents.recognition import Box
from carefile.core.patients.dates import dates_in
from carefile.core.patients.names import folded, name_words

_TOKEN = re.compile(r"[^\W_]+(?:[-./'’][^\W_]+)*")
_MOST = 400  # marks on one page


@dataclass(frozen=True)
class Sought:
    """What is looked for: words of names, whole identifiers, and dates in whatever way they are written."""

    words: frozenset[str]
    values: frozenset[str]
    dates: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str], values: Iterable[str], dates: Iterable[str]) -> Sought:
        words = frozenset(word for name in names for word in name_words(name) if len(word) > 1)
        return cls(words, frozenset(folded(value) for value in values if value), frozenset(dates))

    def holds(self, token: str) -> bool:
        plain = folded(token)
        if plain in self.words or plain in self.values:
            return True
        return bool(self.dates) and any(c.isdigit() for c in token) and bool(dates_in(token) & self.dates)


def segments(text: str, sought: Sought) -> Iterator[tuple[str, bool]]:
    """Yield the text in parts, each with whether it names somebody."""
    text = unicodedata.normalize("NFC", text)
    at = marked = 0
    for match in _TOKEN.finditer(text):
        if marked >= _MOST or not sought.holds(match[0]):
            continue
        if match.start() > at:
            yield text[at : match.start()], False
        yield match[0], True
        at, marked = match.end(), marked + 1
    if at < len(text):
        yield text[at:], False


def boxes(words: Iterable[PlacedWord], sought: Sought) -> list[Box]:
    """Return the places of the words on a picture that name somebody."""
    found = (box for text, box in words if any(sought.holds(m[0]) for m in _TOKEN.finditer(text)))
    return list(islice(found, _MOST))
