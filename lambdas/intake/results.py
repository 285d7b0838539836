"""What a function that files answers its machine with: every event and classification checked against its schema."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from carefile.core.messages.events import Event
from carefile.core.model import Classification
from lambdas.adapters.contracts import conform


def result(
    disposition: str, events: Iterable[Event], classification: Classification | None
) -> dict[str, Any]:
    """{disposition, events, classification?}. Raises what `conform` raises."""
    announced = list(events)
    for event in announced:
        conform(event.type.schema, event.detail)
    found: dict[str, Any] = {"disposition": disposition, "events": [event.to_json() for event in announced]}
    if classification:
        found["classification"] = conform("classification", classification.to_json())
    return found
