"""The work of both Normalise states, from the state's data to the state's result."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.upload import NamedUpload, Reread
from lambdas.adapters.boundary import logger
from lambdas.intake.convergence import Intake, Upload
from lambdas.intake.results import result


def normalise(intake: Intake, event: dict[str, Any]) -> dict[str, Any]:
    """run the intake of `event["upload"]` for `event["execution"]`. Every event to be announced is checked here."""
    asked = NamedUpload.from_json(event["upload"])
    reread = Reread(event["reread"]) if event.get("reread") else None
    outcome = intake.run(Upload(asked.source, asked.version, asked.version_id, event["execution"], reread))
    found = result(outcome.disposition.value, outcome.events, outcome.classification)
    logger.info("normalised", disposition=outcome.disposition.value)
    return {"upload": event["upload"], **found} | ({"left": True} if outcome.is_left else {})
