"""Ids that a slip of the hand makes of one another: shown to a person, never used."""

from __future__ import annotations

import string
from collections.abc import Iterator

_LONGEST = 64  # characters; every place has 36 neighbours at most


def near_misses(value: str) -> frozenset[str]:
    """Every id that differs in one digit, one letter or two neighbours swapped, or in case."""
    if len(value) > _LONGEST:
        return frozenset()
    return frozenset(_near(value)) - {value}


def _near(value: str) -> Iterator[str]:
    yield value.upper()
    yield value.lower()
    for at, character in enumerate(value):
        before, after = value[:at], value[at + 1 :]
        if after and character.isalnum() and after[0].isalnum():
            yield before + after[0] + character + after[1:]
        for other in _others(character):
            yield before + other + after


def _others(character: str) -> str:
    if character in string.digits:
        return string.digits
    if character in string.ascii_uppercase:
        return string.ascii_uppercase
    return string.ascii_lowercase if character in string.ascii_lowercase else ""
