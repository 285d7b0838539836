"""The words of the inbox, one file a language. All have the same names, and the same places for values."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

_HERE = Path(__file__).parent
LANGUAGES = ("en", "es")
Say = Callable[..., str]


@cache
def texts(language: str) -> Mapping[str, str]:
    found: Mapping[str, str] = json.loads((_HERE / f"{language}.json").read_text(encoding="utf-8"))
    return found


def say_in(language: str) -> Say:
    """Return the function that gives a text of a language by its name, with values in their places.

    A name that ends in `.n` counts: where the value `n` is one, the text of `….one` is given.
    """
    known = texts(language)

    def say(name: str, /, **values: object) -> str:
        if name.endswith(".n") and values.get("n") == 1:
            name = f"{name[:-2]}.one"
        return known[name].format(**values)

    return say


def language_for(accepted: str) -> str:
    """Return the first known language of an `Accept-Language` header; English if there is none."""
    for part in accepted.split(","):
        code = part.partition(";")[0].strip().casefold().partition("-")[0]
        if code in LANGUAGES:
            return code
    return LANGUAGES[0]
