"""TagObject: write on the landing version how its intake ended, and count it."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.measures import Metric, measure
from lambdas.core.model import Disposition, Source
from lambdas.core.tagging import status_of
from lambdas.intake import wiring

marks = wiring.marks()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {upload, disposition, kind?, patient?, execution}. Returns {status, tagged}."""
    asked, disposition = event["upload"], Disposition(event["disposition"])
    source, status = Source(asked["bucket"], asked["key"]), status_of(disposition)
    version_id = asked.get("version_id")
    version = version_id or asked.get("version")
    # Without a version the upload was gone before it was ever seen: what is there now is another's.
    tagged = marks.ended(source, version, version_id, status) if version else False
    _count(disposition, event.get("kind") or "none", event.get("patient") or {})
    logger.info("tagged", status=status.value, written=tagged)
    return {"status": status.value, "tagged": tagged}


def _count(disposition: Disposition, kind: str, patient: dict[str, str]) -> None:
    counted = {Metric.INTAKES: 1}
    if patient.get("status") == "unknown":
        conflicting = patient.get("reason") == "conflict"
        counted[Metric.CONFLICTING_PATIENTS if conflicting else Metric.UNKNOWN_PATIENTS] = 1
    measure(counted, disposition=disposition.value, kind=kind)
