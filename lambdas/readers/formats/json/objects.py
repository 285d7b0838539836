"""Every object of a JSON value: where it stands, under which member, and whether that is somebody else's.

What stands below a relative, a contact, a provider, a donor is theirs as likely as the patient's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from lambdas.readers.formats.json.values import Object, Value
from lambdas.readers.limits import MAX_PLACE

_WORD = re.compile(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+")
_OTHERS = frozenset(
    (
        *(
            "mother",
            "father",
            "parent",
            "mum",
            "mom",
            "dad",
            "guardian",
            "spouse",
            "husband",
            "wife",
            "partner",
        ),
        *("sibling", "brother", "sister", "twin", "son", "daughter", "child", "children", "baby", "newborn"),
        *("infant", "fetus", "relative", "relation", "relationship", "family", "kin", "contact", "emergency"),
        *("caregiver", "carer", "proxy", "representative", "donor", "recipient", "subscriber", "guarantor"),
        *("insured", "holder", "policyholder", "provider", "physician", "doctor", "nurse", "practitioner"),
        *("clinician", "surgeon", "author", "performer", "requester", "referrer", "sender", "receiver"),
        *("witness", "attorney", "staff", "other", "merged", "merge", "previous", "former", "prior"),
        *("linked", "link", "related", "duplicate"),
    )
)
RELATION = frozenset(("relation", "relationship"))
_THEMSELVES = frozenset(("", "self", "patient"))


_Held: TypeAlias = tuple[str, str, bool, Value]


class Found(NamedTuple):
    """An object. `place` is its JSON pointer, `name` the member that holds it, itself or in a list."""

    place: str
    name: str
    item: Object
    is_anothers: bool


def objects(value: Value, place: str = "") -> Iterator[Found]:
    """The objects at any depth, in the document's order. One by one: their places together may be far longer than the
    document. A place that is too long is cut just beyond the limit, where no draft takes it for another.
    """
    waiting: list[Iterator[_Held]] = [iter([(place, "", False, value)])]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        place, name, is_anothers, value = entry
        if isinstance(value, Object):
            is_anothers = is_anothers or _is_relation(value)
            yield Found(place, name, value, is_anothers)
            waiting.append(_members(value, place, is_anothers))
        elif isinstance(value, list):
            waiting.append(_items(value, place, name, is_anothers))


def _members(item: Object, place: str, is_anothers: bool) -> Iterator[_Held]:
    for member, held in item.members:
        if isinstance(held, (Object, list)):
            step = member[:MAX_PLACE].replace("~", "~0").replace("/", "~1")
            yield f"{place}/{step}"[: MAX_PLACE + 1], member, is_anothers or is_another(member), held


def _items(items: list[Value], place: str, name: str, is_anothers: bool) -> Iterator[_Held]:
    for index, held in enumerate(items):
        if isinstance(held, (Object, list)):
            yield f"{place}/{index}"[: MAX_PLACE + 1], name, is_anothers, held


def is_another(name: str) -> bool:
    """Whether a name says that what it holds may be another person: `emergency_contact`, `motherInfo`."""
    return _is_another(name[:100])


@lru_cache(maxsize=4096)
def _is_another(name: str) -> bool:
    words = (word.lower() for word in _WORD.findall(name))
    return any(word in _OTHERS or word.removesuffix("s") in _OTHERS for word in words)


def _is_relation(item: Object) -> bool:
    return any(
        name in RELATION and isinstance(value, str) and value.strip().lower() not in _THEMSELVES
        for name, value in item.members
    )
