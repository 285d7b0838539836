"""MeasureBacklog: every few minutes, how far intake is behind."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point
from lambdas.adapters.measures import Metric, measure
from lambdas.intake import wiring

backlog = wiring.backlog()


@entry_point
def handler(_event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: anything. Returns {running, oldest_seconds}."""
    behind = backlog.measure()
    oldest = behind.oldest.total_seconds()
    measure({Metric.RUNNING_INTAKES: behind.running, Metric.OLDEST_UNFILED: oldest})
    return {"running": behind.running, "oldest_seconds": oldest}
