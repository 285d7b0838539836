"""The published schema of `extracted_data.json`, held against what the readers make."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema

from carefile.core.documents.extraction import Extraction

SCHEMA = json.loads(
    (Path(__file__).parents[2] / "schemas" / "extracted_data.v3.json").read_text(encoding="utf-8")
)
_VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def assert_is_fit(extraction: Extraction) -> None:
    """Valid against the schema as it is written to the file, and read back as the same, save the picture."""
    written = json.loads(extraction.to_bytes().decode("utf-8"))
    _VALIDATOR.validate(written)
    assert Extraction.from_json(written) == replace(extraction, picture=None)
