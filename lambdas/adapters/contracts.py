"""The published schemas at run time: input and output are validated against them.

What goes out is held against the newest version of its schema. What comes in may be of an older version, or of a newer
minor one with members that this release does not know, which are ignored.

Reports name the place and the rule that was broken, never the value, which may be a patient's, nor a member's name that
the schema leaves open, which a document may have chosen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs

from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import ContractViolation, RejectedEvent
from carefile.core.messages import assignment_request, intake_request, merge_request
from lambdas.adapters.settings import ROOT


@cache
def versions(name: str) -> dict[int, Path]:
    """The files with the versions of a schema, by major version, newest last."""
    found = {
        int(path.name.split(".")[1].removeprefix("v")): path
        for path in (ROOT / "schemas").glob(f"{name}.v*.json")
    }
    return dict(sorted(found.items()))


@cache
def _schema(name: str) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads([*versions(name).values()][-1].read_bytes())
    return schema


@cache
def _validator(name: str, definition: str | None = None) -> Any:
    schema = _schema(name)
    if definition:
        schema = {"$schema": schema["$schema"], "$defs": schema["$defs"], "$ref": f"#/$defs/{definition}"}
    return jsonschema_rs.Draft202012Validator(schema)


@cache
def _reader(file: Path) -> tuple[Any, dict[str, Any]]:
    """A validator that ignores members which a schema does not name, and that schema."""
    schema = _open(json.loads(file.read_bytes()))
    return jsonschema_rs.Draft202012Validator(schema), schema


def _open(part: Any) -> Any:
    if isinstance(part, list):
        return [_open(item) for item in part]
    if not isinstance(part, dict):
        return part
    closed = part.get("additionalProperties") is False
    return {
        word: _open(value) for word, value in part.items() if not (closed and word == "additionalProperties")
    }


def _members(part: object) -> Iterator[str]:
    """The names of all members that a schema, or a part of one, mentions."""
    if isinstance(part, dict):
        yield from part.get("properties", ())
        for value in part.values():
            yield from _members(value)
    elif isinstance(part, list):
        for value in part:
            yield from _members(value)


def _fault(name: str, instance: object, definition: str | None = None) -> str | None:
    return _first_fault(_validator(name, definition), _schema(name), instance)


def _first_fault(validator: Any, schema: dict[str, Any], instance: object) -> str | None:
    for error in validator.iter_errors(instance):
        known = set(_members(schema))
        steps = (str(step) if isinstance(step, int) or step in known else "*" for step in error.instance_path)
        place = "/".join(steps) or "the top"
        if isinstance(error.kind, jsonschema_rs.ValidationErrorKind.Required):
            return f"at {place}: the member '{error.kind.property}' is missing"
        keyword = "/".join(str(part) for part in error.schema_path[-1:])
        return f"at {place}: breaks the rule '{keyword}'"
    return None


def _is_unicode(instance: object) -> bool:
    """False if JSON's escapes introduced half a surrogate pair, which no S3 key holds."""
    try:
        json.dumps(instance, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def accept_input(instance: object) -> None:
    """Validate the machine's input against the shape it claims to have. RejectedEvent names what is wrong."""
    shape = intake_request.shape_of(instance)
    own = shape is intake_request.Shape.SCAN_RESULT
    _accept(shape.value if own else "pipeline_input", shape.value, instance)


def accept_assignment(instance: object) -> None:
    """The same for a request for an assignment."""
    _accept("patient_identified", assignment_request.shape_of(instance), instance)


def accept_merge(instance: Mapping[str, Any]) -> None:
    """The same for a request for a merge: the event `Patients Merged`, or its detail."""
    if instance.get("detail-type", "Patients Merged") != "Patients Merged":
        raise RejectedEvent("malformed-input: the event is no Patients Merged")
    _accept("patients_merged", "patients_merged", merge_request.detail_of(instance))


def accept_registration(event: Mapping[str, Any]) -> None:
    """The same for the event `Patient Registered`, whose schema describes the detail."""
    if event.get("detail-type") != "Patient Registered":
        raise RejectedEvent("malformed-input: the event is no Patient Registered")
    _accept("patient_registered", "patient_registered", event.get("detail"))


def _accept(name: str, shape: str, instance: object) -> None:
    if not _is_unicode(instance):
        raise RejectedEvent("malformed-input: the input holds text that is no valid Unicode")
    if fault := _fault(name, instance, None if shape == name else shape):
        name = _file(name)
        raise RejectedEvent(f"malformed-input: the input is no valid {shape}, {fault}; see schemas/{name}")


def conform(name: str, instance: dict[str, Any]) -> dict[str, Any]:
    """Return the instance if it conforms to the published schema of that name, or raise ContractViolation."""
    if fault := _fault(name, instance):
        name = _file(name)
        raise ContractViolation(f"contract-broken: the data made for schemas/{name} is invalid, {fault}")
    return instance


def read(name: str, instance: dict[str, Any]) -> dict[str, Any]:
    """Return the instance if it is an event of a published version, or raise ContractViolation."""
    major = str(instance.get("schema_version", "")).partition(".")[0]
    file = next((path for number, path in versions(name).items() if str(number) == major), None)
    if file is None:
        raise ContractViolation("contract-broken: the event is of a version that this release does not know")
    validator, schema = _reader(file)
    if fault := _first_fault(validator, schema, instance):
        name = file.name
        raise ContractViolation(f"contract-broken: the event is invalid by schemas/{name}, {fault}")
    return instance


def _file(name: str) -> str:
    """The name of the file with the newest version."""
    return next((path.name for path in reversed(versions(name).values())), name)


def load(name: str, data: bytes) -> dict[str, Any]:
    """Load JSON that conforms to the schema of that name."""
    return conform(name, json.loads(data))


@cache
def rules() -> RuleTable:
    """The deployment's rule table."""
    return RuleTable.from_json(load("rule_table", (ROOT / "rules" / "default.json").read_bytes()))
