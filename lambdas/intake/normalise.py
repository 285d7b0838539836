"""The work of both Normalise states, from the state's data to the state's result."""

from __future__ import annotations

from typing import Any

from carefile.core.model import Source
from lambdas.adapters.boundary import logger
from lambdas.adapters.contracts import conform
from lambdas.intake.convergence import Intake, Upload


def normalise(intake: Intake, event: dict[str, Any]) -> dict[str, Any]:
    """Run the intake of `event["upload"]` for `event["execution"]`. Every event to be announced is checked here."""
    asked = event["upload"]
    source = Source(asked["bucket"], asked["key"])
    upload = Upload(source, asked.get("version"), asked.get("version_id"), event["execution"])
    outcome = intake.run(upload)
    for item in outcome.events:
        conform(item.type.schema, item.detail)
    logger.info("normalised", disposition=outcome.disposition.value)
    result: dict[str, Any] = {
        "upload": asked,
        "disposition": outcome.disposition.value,
        "events": [item.to_json() for item in outcome.events],
    }
    if outcome.classification:
        result["classification"] = conform("classification", outcome.classification.to_json())
    return result
