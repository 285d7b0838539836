"""AdoptObject: catalog in place an object of the layout that others wrote."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point, logger
from lambdas.intake import wiring
from lambdas.intake.results import result

adoption = wiring.adoption()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {bucket, key, execution}. Returns {disposition, left?, classification?, events}."""
    adopted = adoption.adopt(event["key"], event["execution"])
    disposition = adopted.disposition.value if adopted.disposition else "left"
    found = result(disposition, adopted.events, adopted.classification)
    logger.info("adopted", disposition=disposition)
    return found | ({"left": adopted.left} if adopted.left else {})
