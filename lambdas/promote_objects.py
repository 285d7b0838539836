"""PromoteObjects: start the promoted executions that wait in the queue, no faster than Step Functions takes them."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring

promoting = wiring.promoting()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: a batch of the queue. Returns {batchItemFailures}: the messages to be tried again."""
    again = promoting.take(event["Records"])
    return {"batchItemFailures": [{"itemIdentifier": message} for message in again]}
