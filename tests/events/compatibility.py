"""What may change in a schema that was published: nothing but words for people, and new members that may be absent.

`released/` holds each schema as it was published. The rule is one for events that are emitted and accepted, so it is as
strict as either: whoever relies on a member, a type or a choice of words still finds it, and whoever sends what was
valid is still heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_FOR_PEOPLE = {"title", "description", "$comment", "examples"}


def breaks(old: Any, new: Any, place: str = "") -> Iterator[str]:
    """Each change that would break somebody, as one line."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield f"{place or 'the top'}: {old!r} became {new!r}"
        return
    for word in sorted((set(old) | set(new)) - _FOR_PEOPLE):
        here = f"{place}/{word}"
        if word in ("properties", "$defs"):
            yield from _members(old.get(word, {}), new.get(word, {}), here)
        elif word not in new:
            yield f"{here}: was removed"
        elif word not in old:
            yield f"{here}: was added"
        elif word in ("oneOf", "anyOf", "allOf") and len(old[word]) == len(new[word]):
            for number, pair in enumerate(zip(old[word], new[word], strict=True)):
                yield from breaks(*pair, f"{here}/{number}")
        elif word == "required" or (word == "enum" and isinstance(old[word], list)):
            if sorted(map(str, old[word])) != sorted(map(str, new[word])):
                yield f"{here}: {old[word]} became {new[word]}"
        else:
            yield from breaks(old[word], new[word], here)


def _members(old: dict[str, Any], new: dict[str, Any], place: str) -> Iterator[str]:
    for name, part in old.items():
        if name in new:
            yield from breaks(part, new[name], f"{place}/{name}")
        else:
            yield f"{place}/{name}: was removed or renamed"
