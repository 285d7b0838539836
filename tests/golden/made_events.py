"""Events made from the golden inputs, with the clock standing still."""

from __future__ import annotations

from typing import Any

from carefile.core.deciding.classification import classify
from carefile.core.filing.layout import Layout
from carefile.core.messages import events
from carefile.core.messages.events import Event, EventType, Place
from carefile.core.model import Disposition, Hints, Observation, Source, StoredObject
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
    )


def _cataloged(given: dict[str, Any]) -> Event:
    seen = observation(given["source"])
    hints = Hints.from_json(given["hints"]) if "hints" in given else None
    found = classify(seen.source.key, given.get("metadata", {}).items(), contracts.rules(), hints)
    disposition = Disposition(given["disposition"])
    return events.object_cataloged(
        LAYOUT, seen, found, _place(given), disposition, given["execution"], given["at"]
    )


def _place(given: dict[str, Any]) -> Place:
    objects = tuple(StoredObject(**item) for item in given["objects"])
    return Place("carefile-dev-processed", given["folder"], objects, given["revision"])
