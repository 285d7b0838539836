"""Whose a JSON value is, in every way that JSON names a patient: as FHIR does, and by plain fields."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lambdas.readers.draft import Draft
from lambdas.readers.formats.fhir.patient import describe_resources
from lambdas.readers.formats.json.objects import Found, objects
from lambdas.readers.formats.json.patient import describe_fields
from lambdas.readers.formats.json.values import Value
from lambdas.readers.limits import MAX_PLACE


def describe_patients(values: Sequence[tuple[str, Value]], draft: Draft) -> None:
    """All the patients that the values name, each value with its place."""
    describe_fields(_objects(values, draft), draft)
    describe_resources(_objects(values, draft), draft)


def _objects(values: Sequence[tuple[str, Value]], draft: Draft) -> Iterator[Found]:
    for place, value in values:
        for found in objects(value, place):
            if len(found.place) > MAX_PLACE:
                draft.doubt("odd-place", "Names in this document are too long to distinguish its parts.")
            yield found
