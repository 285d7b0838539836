"""RecordFailure: when an execution failed, mark the landing version and announce it."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring

failures = wiring.failures()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: Step Functions' `Execution Status Change`, or, of an item of a Distributed Map, which has none,
    {input, error, cause, execution}. Returns {recorded}: False when it runs again already."""
    if "detail" in event:
        return {"recorded": failures.record(event["detail"]["executionArn"])}
    return {"recorded": failures.record_item(event)}
