"""Reading in tests: bytes in, a fit record out, and what it says of whose it is."""

from __future__ import annotations

import json
from typing import Any

from carefile.core.deciding.identity import identities
from carefile.core.documents.extraction import Extraction
from lambdas.readers import Content, read
from tests.readers.schema import assert_is_fit


def read_bytes(data: bytes, name: str = "x", declared_type: str | None = None) -> Extraction:
    extraction = read(Content(data, len(data)), name=name, declared_type=declared_type)
    assert_is_fit(extraction)
    return extraction


def read_json(value: Any) -> Extraction:
    return read_bytes(json.dumps(value).encode())


def found(extraction: Extraction) -> list[tuple[str, str | None]]:
    """Every candidate, with its system."""
    return [(candidate.value, candidate.system) for candidate in extraction.patient_candidates]


def speaking(extraction: Extraction) -> set[str]:
    """The ids that count where there are no rules."""
    return set(identities(extraction.patient_candidates, (), lambda value: not value).meanings.values())


def facts_of(extraction: Extraction, type_: str) -> list[dict[str, str]]:
    """The records of a type."""
    return [dict(entity.attributes) for entity in extraction.entities if entity.type == type_]


def codes(extraction: Extraction) -> set[str]:
    return {warning.code for warning in extraction.warnings}
