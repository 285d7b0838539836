"""AdoptObject: catalog an object of the layout that others wrote, where it stands."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.contracts import conform
from lambdas.intake import wiring

adoption = wiring.adoption()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {bucket, key, execution}. Returns {disposition, left?, classification?, events}."""
    adopted = adoption.adopt(event["key"], event["execution"])
    for item in adopted.events:
        conform(item.type.schema, item.detail)
    disposition = adopted.disposition.value if adopted.disposition else "left"
    logger.info("adopted", disposition=disposition)
    result: dict[str, Any] = {
        "disposition": disposition,
        "events": [item.to_json() for item in adopted.events],
    }
    if adopted.left:
        result["left"] = adopted.left
    if adopted.classification:
        result["classification"] = conform("classification", adopted.classification.to_json())
    return result
