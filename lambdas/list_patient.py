"""ListPatient: the landing objects of all that is filed under a patient, a page at a time."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring

merging = wiring.merging()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {patient_id, after, execution}. Returns {items, next}: the pipeline's inputs, and where to go on."""
    return merging.page(event["patient_id"], event["after"])
