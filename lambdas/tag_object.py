"""TagObject: write on the landing version how its intake ended, count it, and report how long it took."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from carefile.core.filing.tagging import status_of
from carefile.core.messages.upload import NamedUpload
from carefile.core.model import Disposition
from lambdas.adapters.boundary import entry_point, logger
from lambdas.adapters.measures import Metric, measure
from lambdas.intake import wiring

marks = wiring.marks()
_BY_REASON = {"conflict": Metric.CONFLICTING_PATIENTS, "unlisted": Metric.UNLISTED_PATIENTS}


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {upload, disposition, kind?, patient?, execution, uploaded_at?}. Returns {status, tagged}.

    `uploaded_at`: of an intake that an upload started, when the version was uploaded that it filed. What a backfill, an
    assignment or a late submission files may have lain there for years, which says nothing of how fast intake is.
    """
    asked, disposition = NamedUpload.from_json(event["upload"]), Disposition(event["disposition"])
    status, tagged = status_of(disposition), False
    # Without a version the upload was gone before it was ever seen: what is there now is another's.
    if asked.version:
        tagged = marks.ended(asked.source, asked.version, asked.version_id, status)
    counted = _counted(event.get("patient") or {})
    if uploaded_at := event.get("uploaded_at"):
        counted[Metric.UPLOAD_TO_CATALOG] = _milliseconds_since(uploaded_at)
    measure(counted, disposition=disposition.value, kind=event.get("kind") or "none")
    logger.debug("tagged", status=status.value, written=tagged)
    return {"status": status.value, "tagged": tagged}


def _counted(patient: dict[str, str]) -> dict[Metric, float]:
    counted: dict[Metric, float] = {Metric.INTAKES: 1}
    if patient.get("status") == "unknown":
        counted[_BY_REASON.get(patient.get("reason", ""), Metric.UNKNOWN_PATIENTS)] = 1
    return counted


def _milliseconds_since(moment: str) -> int:
    return round((datetime.now(UTC) - datetime.fromisoformat(moment)).total_seconds() * 1000)
