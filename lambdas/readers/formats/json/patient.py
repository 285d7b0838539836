"""Whose a JSON document is: the values of the fields that hold a patient's id, wherever they stand, by JSON pointer.

Of the fields in one object, or in one around it, the first of the list speaks; the others are further names
of the same patient. That choice is made when placeholders are gone (`carefile/core/deciding/identity.py`). Here every
one is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.formats.json.objects import Found
from lambdas.readers.formats.json.values import Value


def describe_fields(found: Iterable[Found], draft: Draft) -> None:
    """All patient ids among the members of these objects."""
    for place, _, item, is_anothers in found:
        for name, member in item.members:
            rank = draft.fields.rank(name)
            if rank is not None:
                _describe_field(name, rank, member, place, draft, is_anothers)


def _describe_field(name: str, rank: int, value: Value, scope: str, draft: Draft, is_anothers: bool) -> None:
    where = f"{scope}/{name}"
    named: Iterator[tuple[str, Value]]
    if isinstance(value, list):
        named = ((f"{where}/{index}", item) for index, item in enumerate(value))
    else:
        named = iter([(where, value)])
    for place, item in named:
        if isinstance(item, str):
            candidate = PatientCandidate(item.strip(), place, rank=rank, scope=scope)
            draft.candidate(candidate, is_doubtful=is_anothers)
