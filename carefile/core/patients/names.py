"""Names of persons, compared without case, accents, order and punctuation.

`same_name` is strict, since people decide nothing after it: all of the shorter name stands in the longer one, word by
word, of which an initial may stand for one, and at least two words are shared.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Neither part of a name nor told apart by it.
_TITLES = frozenset((
    "dr", "dra", "mr", "mrs", "ms", "miss", "prof", "sr", "sra", "srta", "don", "dona", "herr", "frau", "mme", "mlle",
    "jr", "senior", "junior", "ii", "iii", "iv", "md", "phd",
))  # fmt: skip
_PARTICLES = frozenset((
    "de", "del", "la", "las", "los", "da", "das", "do", "dos", "di", "van", "von", "der", "den", "y", "e",
))  # fmt: skip
# Letters that have no decomposition in Unicode.
_PLAIN = str.maketrans(
    {"ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th", "ı": "i", "’": "", "'": ""}
)


@cache
def folded(text: str) -> str:
    """A text in any script without case, accents and apostrophes."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare.translate(_PLAIN))


def name_words(text: str) -> tuple[str, ...]:
    """The words that make a name, folded; no titles, no particles."""
    words = (folded(word) for word in _WORD.findall(unicodedata.normalize("NFC", text)))
    return tuple(word for word in words if word and word not in _TITLES and word not in _PARTICLES)


def same_name(one: str, other: str) -> bool:
    """Whether these can be two writings of one person's name."""
    shorter, longer = sorted((name_words(one), name_words(other)), key=len)
    if len(shorter) < 2:
        return bool(shorter) and sorted(shorter) == sorted(longer)
    left = list(longer)
    shared = 0
    for word in sorted(shorter, key=len, reverse=True):  # whole words before initials
        found = word if word in left else next((it for it in left if _is_initial(word, it)), None)
        if found is None:
            return False
        left.remove(found)
        shared += len(word) > 1 and len(found) > 1
    return shared >= 2 or (shared == 1 and len(shorter) == len(longer))


def _is_initial(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) == 1 and long.startswith(short)
