"""MergePatients: record that two patients are one, or two again, and say what is to be moved."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point, logger
from lambdas.intake import wiring

merging = wiring.merging()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {input, execution?, started?, only_plan?}. Returns {decision, from, into, moves_from, moves_to, event},
    and with a plan {objects}."""
    plan = bool(event.get("only_plan"))
    execution = event.get("execution", "")
    found = merging.merge(event["input"], event.get("started"), execution, only_plan=plan)
    if not plan:
        logger.info("merged")
    return found
