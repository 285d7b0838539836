"""Names of persons, compared without case, accents, order and punctuation.

`same_name` is strict, since people decide nothing after it: all of the shorter name stands in the longer one, word by
word, of which an initial may stand for one, and at least two words are shared. `exact_name` takes no initials.
`similar_name` allows for typing errors, and is for suggestions only.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
# Neither part of a name nor a difference between two.
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


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """A text in any script without case, accents and apostrophes."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(c for c in decomposed if not unicodedata.combining(c))
    return unicodedata.normalize("NFC", bare.translate(_PLAIN))


@lru_cache(maxsize=16_384)
def name_words(text: str) -> tuple[str, ...]:
    """The words that make a name, folded; no titles, no particles."""
    words = (folded(word) for word in _WORD.findall(unicodedata.normalize("NFC", text)))
    return tuple(word for word in words if word and word not in _TITLES and word not in _PARTICLES)


def exact_name(one: str, other: str) -> bool:
    """Whether all words of one of these names stand in the other, and two at least."""
    shorter, longer = sorted((Counter(name_words(one)), Counter(name_words(other))), key=Counter.total)
    return shorter <= longer and sum(len(word) > 1 for word in shorter.elements()) >= 2


def same_name(one: str, other: str) -> bool:
    """Whether these can be two writings of one person's name."""
    shorter, longer = sorted((name_words(one), name_words(other)), key=len)
    if len(shorter) < 2:
        return bool(shorter) and sorted(shorter) == sorted(longer)
    shared = _shared(shorter, longer, _is_initial)
    return shared is not None and (shared >= 2 or (shared == 1 and len(shorter) == len(longer)))


def similar_name(one: str, other: str) -> bool:
    """Whether these may be one person's name, initials and typing errors allowed. One word at least is the same."""
    shorter, longer = sorted((name_words(one), name_words(other)), key=len)
    return len(shorter) >= 2 and bool(_shared(shorter, longer, _is_like))


def _shared(
    shorter: Sequence[str], longer: Sequence[str], stands_for: Callable[[str, str], bool]
) -> int | None:
    """How many whole words two names share; None where a word of the shorter one has none that it stands for."""
    left = list(longer)
    shared = 0
    for word in sorted(shorter, key=lambda it: (it not in longer, -len(it))):  # whole words before others
        found = word if word in left else next((it for it in left if stands_for(word, it)), None)
        if found is None:
            return None
        left.remove(found)
        shared += word == found and len(word) > 1
    return shared


def _is_initial(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) == 1 and long.startswith(short)


def _is_like(one: str, other: str) -> bool:
    return _is_initial(one, other) or (min(len(one), len(other)) >= 4 and within_one_slip(one, other))


def within_one_slip(one: str, other: str) -> bool:
    """Whether a letter left out, added, replaced, or two neighbours swapped make one word of the other."""
    if abs(len(one) - len(other)) > 1:
        return False
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), None)
    if start is None:
        return True
    left, right = one[start:], other[start:]
    swapped = left[:2] == right[1::-1] and left[2:] == right[2:]
    return swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]


def flattened(text: str) -> str:
    """A text in NFC as long as before, each letter and digit in its plainest form: to look for words in it."""
    return text.lower() if text.isascii() else text.translate(_FLAT)


class _Flat(dict[int, str]):
    def __missing__(self, code: int) -> str:
        letter = chr(code).casefold()[0]
        bare = [it for it in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(it)]
        plain = bare[0] if bare else letter
        digit = unicodedata.digit(plain, None)
        self[code] = plain if digit is None else str(digit)
        return self[code]


_FLAT = _Flat()
