"""Every object of a JSON value: where it stands, under which member, and whether that is somebody else's.

What stands below a relative, a contact, a provider, a donor is theirs as likely as the patient's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from lambdas.readers.json_values import Object, Value

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
_RELATION = frozenset(("relation", "relationship"))
_THEMSELVES = frozenset(("", "self", "patient"))


class Found(NamedTuple):
    """An object. `place` is its JSON pointer, `name` the member that holds it, itself or in a list."""

    place: str
    name: str
    item: Object
    is_anothers: bool


def objects(value: Value, place: str = "") -> Iterator[Found]:
    """The objects at any depth, in the document's order."""
    waiting = [(place, "", False, value)]
    while waiting:
        place, name, is_anothers, value = waiting.pop()
        inside: list[tuple[str, str, bool, Value]] = []
        if isinstance(value, Object):
            is_anothers = is_anothers or _is_relation(value)
            yield Found(place, name, value, is_anothers)
            for member, held in value.members:
                if isinstance(held, (Object, list)):
                    pointer = member.replace("~", "~0").replace("/", "~1")
                    inside.append((f"{place}/{pointer}", member, is_anothers or is_another(member), held))
        elif isinstance(value, list):
            for index, held in enumerate(value):
                if isinstance(held, (Object, list)):
                    inside.append((f"{place}/{index}", name, is_anothers, held))
        waiting += reversed(inside)


@lru_cache(maxsize=4096)
def is_another(name: str) -> bool:
    """Whether a name says that what it holds may be another person: `emergency_contact`, `motherInfo`."""
    words = (word.lower() for word in _WORD.findall(name[:100]))
    return any(word in _OTHERS or word.removesuffix("s") in _OTHERS for word in words)


def _is_relation(item: Object) -> bool:
    return any(
        name in _RELATION and isinstance(value, str) and value.strip().lower() not in _THEMSELVES
        for name, value in item.members
    )
