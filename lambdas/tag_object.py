"""TagObject: write on the landing version how its intake ended, and count it."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.metrics import MetricUnit

from lambdas.adapters.boundary import entry_point, logger, metrics
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
    logger.info("tagged", status=status.value, written=tagged, source_id=source.source_id)
    return {"status": status.value, "tagged": tagged}


def _count(disposition: Disposition, kind: str, patient: dict[str, str]) -> None:
    metrics.add_dimension("disposition", disposition.value)
    metrics.add_dimension("kind", kind)
    metrics.add_metric("Intakes", MetricUnit.Count, 1)
    if patient.get("status") == "unknown":
        conflicting = patient.get("reason") == "conflict"
        metrics.add_metric("ConflictingPatients" if conflicting else "UnknownPatients", MetricUnit.Count, 1)
    metrics.flush_metrics()
