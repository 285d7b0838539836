"""Whose a JSON document is: the values of five fields, wherever they stand, by JSON pointer.

Of the fields in one object, or in one around it, the first of the list speaks; the others are further names
of the same patient. That choice is made when placeholders are gone (`lambdas/core/identity.py`). Here every one
is told.
"""

from __future__ import annotations

from collections.abc import Iterator

from lambdas.core.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.json_values import Object, Value

FIELDS = ("patient_id", "medical_record_number", "mrn", "patient_identifier", "patientId")
_RANKS = {field: rank for rank, field in enumerate(FIELDS)}


def tell_candidates(value: Value, draft: Draft, prefix: str = "") -> None:
    """All patient ids in the value, at any depth, in the document's order."""
    stack = [iter([(prefix, value)])]
    while stack:
        entry = next(stack[-1], None)
        if entry is None:
            stack.pop()
            continue
        place, value = entry
        if isinstance(value, Object):
            for name, member in value.members:
                if name in _RANKS:
                    _tell_field(name, member, place, draft)
        stack.append(containers(value, place))


def containers(value: Value, place: str) -> Iterator[tuple[str, Value]]:
    """What in the value may hold something, with its pointer."""
    if isinstance(value, Object):
        for name, member in value.members:
            if isinstance(member, (Object, list)):
                yield f"{place}/{name.replace('~', '~0').replace('/', '~1')}", member
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if isinstance(item, (Object, list)):
                yield f"{place}/{index}", item


def _tell_field(name: str, value: Value, scope: str, draft: Draft) -> None:
    where = f"{scope}/{name}"
    if isinstance(value, list):
        named = [(f"{where}/{index}", item) for index, item in enumerate(value)]
    else:
        named = [(where, value)]
    for place, item in named:
        if isinstance(item, str):
            draft.candidate(PatientCandidate(item.strip(), place, rank=_RANKS[name], scope=scope))
