"""FileReading: file a document's record and page anew, with what was recognised on its pages."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.upload import NamedUpload
from lambdas.adapters.boundary import entry_point, logger
from lambdas.intake import wiring
from lambdas.intake.convergence import Upload
from lambdas.intake.results import result

scans = wiring.scans()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {upload, pages, execution}. Returns {upload, disposition, classification?, events, left?}."""
    asked = NamedUpload.from_json(event["upload"])
    outcome = scans.file(
        Upload(asked.source, asked.version, asked.version_id, event["execution"]), event["pages"]
    )
    logger.info("normalised", disposition=outcome.disposition.value)
    found = result(outcome.disposition.value, outcome.events, outcome.classification)
    return {"upload": event["upload"], **found} | ({"left": True} if outcome.is_left else {})
