"""The events that the schema registry knows, and their schemas in the one draft that it takes.

The registry accepts JSON Schema draft 4 only, so the published schemas are converted. A keyword without an equivalent
in draft 4 fails synthesis; it is never dropped. No CDK.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from infrastructure.settings.config import PROJECT_ROOT

INTAKE_SOURCE = "carefile.intake"
CATALOG_SOURCE = "carefile.catalog"
# Each event's source and detail-type, the newest version of its schema, and the definition of the detail in it.
EVENTS: Mapping[tuple[str, str], tuple[str, str | None]] = {
    (CATALOG_SOURCE, "Object Cataloged"): ("object_cataloged.v2", None),
    (CATALOG_SOURCE, "Object Retired"): ("object_retired.v2", None),
    (CATALOG_SOURCE, "Object Withdrawn"): ("object_withdrawn.v1", None),
    (CATALOG_SOURCE, "Object Failed"): ("object_failed.v1", None),
    (CATALOG_SOURCE, "Patients Merged"): ("patients_merged.v1", None),
    (INTAKE_SOURCE, "Object Submitted"): ("pipeline_input.v2", "request"),
    (INTAKE_SOURCE, "Patient Identified"): ("patient_identified.v2", "request"),
    (INTAKE_SOURCE, "Patient Registered"): ("patient_registered.v1", None),
    (INTAKE_SOURCE, "Patients Merged"): ("patients_merged.v1", None),
}
_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_SAME = {"title", "description", "type", "properties", "required", "additionalProperties", "enum", "format"}
_SAME |= {
    "items",
    "oneOf",
    "anyOf",
    "allOf",
    "not",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
}
_SAME |= {"default", "minItems", "maxItems", "uniqueItems"}
_RENAMED = {"$defs": "definitions", "dependentRequired": "dependencies", "$id": "id"}


def detail_schema(name: str, definition: str | None) -> dict[str, Any]:
    """Load the schema of an event's detail, converted to draft 4."""
    schema: dict[str, Any] = json.loads(
        (PROJECT_ROOT / "schemas" / f"{name}.json").read_text(encoding="utf-8")
    )
    if definition:
        schema = {"$defs": schema["$defs"], **schema["$defs"][definition]}
    converted: dict[str, Any] = draft_4(schema)
    return converted


def envelope(source: str, detail_type: str, detail: Mapping[str, Any]) -> dict[str, Any]:
    """Build the schema of the whole event as EventBridge delivers it."""
    inner = {key: value for key, value in detail.items() if key not in ("definitions", "id", "$schema")}
    text = {"type": "string"}
    return {
        "$schema": _DRAFT_4,
        "title": detail_type,
        "type": "object",
        "properties": {
            "version": text,
            "id": text,
            "source": {"enum": [source]},
            "detail-type": {"enum": [detail_type]},
            "account": text,
            "time": {"type": "string", "format": "date-time"},
            "region": text,
            "resources": {"type": "array", "items": text},
            "detail": inner,
        },
        "required": ["source", "detail-type", "detail"],
        "definitions": detail.get("definitions", {}),
    }


def draft_4(schema: Any) -> Any:
    """Convert a schema from draft 2020-12 to draft 4; ValueError for a keyword without an equivalent."""
    if not isinstance(schema, dict):
        return schema  # true or false, as additionalProperties may be
    converted: dict[str, Any] = {}
    for word, value in schema.items():
        if word == "$schema":
            converted[word] = _DRAFT_4
        elif word == "$ref":
            converted[word] = value.replace("#/$defs/", "#/definitions/")
        elif word == "const":
            converted["enum"] = [value]
        elif word in ("properties", "$defs"):
            converted[_RENAMED.get(word) or word] = {name: draft_4(part) for name, part in value.items()}
        elif word in ("oneOf", "anyOf", "allOf"):
            converted[word] = [draft_4(part) for part in value]
        elif word in ("items", "not", "additionalProperties"):
            converted[word] = draft_4(value)
        elif word == "required" and not value:
            continue  # draft 4 allows no empty list, which requires nothing anyway
        elif word in _SAME or word in _RENAMED:
            converted[_RENAMED.get(word) or word] = value
        else:
            raise ValueError(f"JSON Schema draft 4 has no {word!r}, so the schema registry would reject it")
    if "$ref" in converted and len(converted) > 1:
        # Draft 4 ignores siblings of a reference.
        beside = {
            word: value for word, value in converted.items() if word not in ("$ref", "description", "title")
        }
        annotations = {word: converted[word] for word in ("description", "title") if word in converted}
        return {**annotations, "allOf": [{"$ref": converted["$ref"]}, *([beside] if beside else [])]}
    return converted
