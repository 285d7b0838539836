"""NormaliseSession: bring the session into the layout, and say what is to be announced."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring
from lambdas.intake.normalise import normalise

intake = wiring.intake()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {upload, execution}. Returns {upload, disposition, classification?, events}."""
    return normalise(intake, event)
