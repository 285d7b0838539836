"""MeasureBacklog: every few minutes, how far intake is behind, and how many patients are listed."""

from __future__ import annotations

from typing import Any

from lambdas.adapters import settings
from lambdas.adapters.boundary import entry_point
from lambdas.adapters.measures import Metric, measure
from lambdas.intake import wiring

backlog = wiring.backlog()
counted = wiring.counted_directory()


@entry_point
def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: anything. Returns {running, oldest_seconds, listed}."""
    behind = backlog.measure()
    oldest = behind.oldest.total_seconds()
    measure({Metric.RUNNING_INTAKES: behind.running, Metric.OLDEST_UNFILED: oldest})
    listed = counted.count()
    # Nobody pays for a metric of a directory that is neither filled nor in use.
    if listed or settings.patients_are_listed():
        measure({Metric.PATIENTS_LISTED: listed})
    return {"running": behind.running, "oldest_seconds": oldest, "listed": listed}
