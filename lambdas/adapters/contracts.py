"""The published schemas at run time: what comes in and what goes out is held against them.

Reports name the place and the rule that was broken, never the value, which may be a patient's, nor a member's name that
the schema leaves open, which a document may have chosen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema_rs

from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import ContractViolation, RejectedEvent
from carefile.core.messages import assignment_request, intake_request
from lambdas.adapters.settings import ROOT


@cache
def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((ROOT / "schemas" / f"{name}.v1.json").read_bytes())
    return schema


@cache
def _validator(name: str, definition: str | None = None) -> Any:
    schema = _schema(name)
    if definition:
        schema = {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    return jsonschema_rs.Draft202012Validator(schema)


def _members(part: object) -> Iterator[str]:
    """The names of all members that a schema, or a part of one, speaks of."""
    if isinstance(part, dict):
        yield from part.get("properties", ())
        for value in part.values():
            yield from _members(value)
    elif isinstance(part, list):
        for value in part:
            yield from _members(value)


def _fault(name: str, instance: object, definition: str | None = None) -> str | None:
    for error in _validator(name, definition).iter_errors(instance):
        known = set(_members(_schema(name)))
        steps = (str(step) if isinstance(step, int) or step in known else "*" for step in error.instance_path)
        place = "/".join(steps) or "the top"
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            return f"at {place}: the member '{error.kind.property}' is missing"
        keyword = "/".join(str(part) for part in error.schema_path[-1:])
        return f"at {place}: breaks the rule '{keyword}'"
    return None


def _is_unicode(instance: object) -> bool:
    """False where JSON's escapes brought in half a surrogate pair: no key of S3 holds one."""
    try:
        json.dumps(instance, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def accept_input(instance: object) -> None:
    """Hold the machine's input against the shape it claims to have. RejectedEvent names what is wrong with it."""
    shape = intake_request.shape_of(instance)
    own = shape is intake_request.Shape.SCAN_RESULT
    _accept(shape.value if own else "pipeline_input", shape.value, instance)


def accept_assignment(instance: object) -> None:
    """The same for what asks for an assignment."""
    _accept("patient_identified", assignment_request.shape_of(instance), instance)


def _accept(name: str, shape: str, instance: object) -> None:
    if not _is_unicode(instance):
        raise RejectedEvent("malformed-input: the input holds text that is no valid Unicode")
    if fault := _fault(name, instance, None if shape == name else shape):
        raise RejectedEvent(
            f"malformed-input: the input is no valid {shape}, {fault}; see schemas/{name}.v1.json"
        )


def conform(name: str, instance: dict[str, Any]) -> dict[str, Any]:
    """The instance itself, when it is what the schema of that name publishes. ContractViolation otherwise."""
    if fault := _fault(name, instance):
        raise ContractViolation(
            f"contract-broken: the data made for schemas/{name}.v1.json is invalid, {fault}"
        )
    return instance


def load(name: str, data: bytes) -> dict[str, Any]:
    """Parsed JSON that conforms to the schema of that name."""
    return conform(name, json.loads(data))


@cache
def rules() -> RuleTable:
    """The deployment's rule table."""
    return RuleTable.from_json(load("rule_table", (ROOT / "rules" / "default.json").read_bytes()))
