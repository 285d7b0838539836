"""Events made from the golden inputs, with the clock standing still."""

from __future__ import annotations

import dataclasses
from typing import Any

from carefile.core.deciding.classification import classify
from carefile.core.filing.layout import Layout
from carefile.core.messages import events
from carefile.core.messages.events import Event, EventType, Place
from carefile.core.model import (
    Classification,
    Decision,
    DecisionType,
    Disposition,
    Hints,
    Observation,
    Patient,
    Reading,
    ReadingStatus,
    Source,
    StoredObject,
    Suggestion,
    UnknownReason,
)
from lambdas.adapters import contracts

LAYOUT = Layout()


def made(given: dict[str, Any]) -> Event:
    """The event that a golden input asks for."""
    told, execution, at = given.get("source"), given["execution"], given["at"]
    source = Source(told["bucket"], told["key"]) if told else None
    match EventType(given["type"]):
        case EventType.CATALOGED:
            return _cataloged(given)
        case EventType.RETIRED:
            if "decision" in given:
                return _unfiled(given)
            seen, place = observation(told), _place(given)
            return events.object_retired(seen, place.bucket, given["retired"], place, execution, at)
        case EventType.WITHDRAWN:
            assert source
            return events.object_withdrawn(source, told.get("version_id"), execution, at)
        case EventType.FAILED:
            version = told and told.get("version_id")
            return events.object_failed(source, version, given["error"], given["cause"], execution, at)
    raise AssertionError


def observation(told: dict[str, Any]) -> Observation:
    return Observation(
        source=Source(told["bucket"], told["key"]),
        version=told.get("version_id") or f"{told['etag']}@{told['last_modified']}",
        version_id=told.get("version_id"),
        etag=told["etag"],
        size=told["size"],
        content_type=told["content_type"],
        last_modified=told["last_modified"],
        content_digest=told.get("content_digest"),
    )


def _decision(told: dict[str, Any]) -> Decision:
    return Decision(**told | {"type": DecisionType(told["type"])})


def _unfiled(given: dict[str, Any]) -> Event:
    told = given["source"]
    return events.object_unfiled(
        Source(told["bucket"], told["key"]),
        told["version_id"],
        told,
        "carefile-dev-processed",
        given["retired"],
        given["revision"],
        _decision(given["decision"]),
        given["execution"],
        given["at"],
    )


def _cataloged(given: dict[str, Any]) -> Event:
    seen = observation(given["source"])
    hints = Hints.from_json(given["hints"]) if "hints" in given else None
    found = classify(seen.source.key, given.get("metadata", {}).items(), contracts.rules(), hints)
    disposition = Disposition(given["disposition"])
    if "unlisted" in given:
        found = _unlisted(found, given["unlisted"])
    told = given.get("reading")
    reading = Reading(**told | {"status": ReadingStatus(told["status"])}) if told else None
    return events.object_cataloged(
        LAYOUT, seen, found, _place(given), disposition, given["execution"], given["at"], reading
    )


def _unlisted(found: Classification, told: dict[str, Any]) -> Classification:
    """What the patient directory adds to a classification whose patient it does not hold."""
    return dataclasses.replace(
        found,
        patient=Patient(reason=UnknownReason.UNLISTED),
        evidence=tuple(dataclasses.replace(item, used=False, listed=False) for item in found.evidence),
        suggestions=tuple(
            Suggestion(it["patient_id"], tuple(it["supported_by"])) for it in told["suggestions"]
        ),
        decision=_decision(told["decision"]),
        warnings=tuple(told["warnings"]),
    )


def _place(given: dict[str, Any]) -> Place:
    objects = tuple(StoredObject(**item) for item in given["objects"])
    return Place("carefile-dev-processed", given["folder"], objects, given["revision"])
