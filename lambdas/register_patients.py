"""RegisterPatients: take `Patient Registered` events from their queue into the patient directory."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point, logger
from lambdas.intake import wiring

registering = wiring.registering()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: a batch of the queue, or one EventBridge event that an operator sends again. Returns
    {batchItemFailures}: the messages to be tried again, or {entry}: what became of the one."""
    if "Records" in event:
        again = registering.take(event["Records"])
        return {"batchItemFailures": [{"itemIdentifier": message} for message in again]}
    entry = registering.register(event).value
    logger.info("registered", entry=entry)
    return {"entry": entry}
