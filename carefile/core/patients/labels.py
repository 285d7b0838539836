"""The words by which a text announces a patient's number, name or date of birth, and those that announce somebody else.

They are data of the rule file, in any language. Case, accents and dots do not matter, and `number`, `no.`, `nº` and `#`
are one word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from carefile.core.patients.names import folded

_NUMBER = r"(?:n\s?[.]?\s?o|number|num|numero|nro|nr|nbr|\#)[.]?"
_NUMBER_WORDS = ("n", "no", "number", "num", "numero", "nro", "nr", "nbr")
_NUMBERS = frozenset((*_NUMBER_WORDS[1:], "#"))
_BETWEEN = r"[\s._]*"
_WORD = re.compile(r"[^\W_]+")


class Label(StrEnum):
    IDENTIFIER = "identifier"
    NAME = "name"
    PATIENT = "patient"  # a name's label that says whose name it is
    FAMILY_NAME = "family_name"
    BIRTH_DATE = "birth_date"
    OTHER_PERSON = "other_person"
    NO_PERSON = "no_patient"


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label where it stands in a text."""

    label: Label
    start: int
    end: int


@dataclass(frozen=True)
class TextLabels:
    """`words` are the labels of each kind. Of two that begin at one place the longer one is meant."""

    words: Mapping[Label, Sequence[str]]
    # By the first word, so that a text is gone through once however many labels there are.
    _by_word: Mapping[str, Sequence[tuple[re.Pattern[str], Label]]] = field(
        init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        every = [(label, folded(word).strip(" .")) for label, words in self.words.items() for word in words]
        every.sort(key=lambda one: (-len(one[1]), one))
        by_word: dict[str, list[tuple[re.Pattern[str], Label]]] = {}
        for label, word in every:
            for first in _first_words(word):
                by_word.setdefault(first, []).append((_pattern(word, label), label))
        object.__setattr__(self, "_by_word", by_word)

    @classmethod
    def from_json(cls, data: Mapping[str, Sequence[str]]) -> TextLabels:
        return cls({label: tuple(data.get(label.value, ())) for label in Label})

    def found_in(self, flat: str) -> Iterator[Labelled]:
        """Yield the labels of a flattened text in order."""
        end = 0
        for word in _WORD.finditer(flat):
            for pattern, label in self._by_word.get(word.group(), ()):
                if word.start() >= end and (match := pattern.match(flat, word.start())):
                    end = match.end()
                    yield Labelled(label, match.start(), end)
                    break


def _first_words(label: str) -> Sequence[str]:
    first = label.split()[0]
    return _NUMBER_WORDS if first in _NUMBERS else _WORD.findall(first)[:1]


def _pattern(word: str, label: Label) -> re.Pattern[str]:
    words = [
        _NUMBER if one in _NUMBERS else _BETWEEN.join(map(re.escape, filter(None, re.split(r"[._]", one))))
        for one in word.split()
    ]
    if label is Label.IDENTIFIER and words[-1] != _NUMBER:
        words[-1] += rf"(?:{_BETWEEN}{_NUMBER})?"
    return re.compile(_BETWEEN.join(words) + r"(?![^\W_])")


NO_LABELS = TextLabels({})
