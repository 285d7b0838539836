"""AssignPatient: record whose a session or document is, that it is nobody's, or that an earlier decision no longer
holds, and say what is to be moved."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point, logger
from lambdas.intake import wiring

assigning = wiring.assigning()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {input, execution?, started?, only_plan?}. Returns {subject, decision, patient_id?, from, filed, to?,
    nothing_to_move}. Or `event`: {unfiled}, to record that something was taken out, or {note}, what a person says
    of something that waits. Returns {recorded}."""
    if "unfiled" in event:
        return assigning.recording.taken_out(event["unfiled"])
    if "note" in event:
        return assigning.note(event["note"])
    plan = bool(event.get("only_plan"))
    execution = event.get("execution", "")
    found = assigning.assign(event["input"], event.get("started"), execution, only_plan=plan)
    if not plan:
        logger.info("assigned")
    return found
