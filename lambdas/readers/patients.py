"""Whose a JSON value is, in every way that JSON names a patient: as FHIR does, and by plain fields."""

from __future__ import annotations

from collections.abc import Iterable

from lambdas.readers.draft import Draft
from lambdas.readers.fhir_patient import tell_resources
from lambdas.readers.json_objects import Found, objects
from lambdas.readers.json_patient import tell_fields
from lambdas.readers.json_values import Value


def tell_patients(values: Iterable[tuple[str, Value]], draft: Draft) -> list[Found]:
    """All the patients that the values name, each value with its place. Returns their objects."""
    found = [entry for place, value in values for entry in objects(value, place)]
    tell_fields(found, draft)
    tell_resources(found, draft)
    return found
