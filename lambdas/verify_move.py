"""VerifyMove: nothing of an assigned session or document is where it was."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.assignment_request import Subject
from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring

assigning = wiring.assigning()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {subject, from, execution}. Returns {left: 0}, or fails with LeftBehind."""
    assigning.verify(Subject(**event["subject"]), frozenset(event["from"]))
    return {"left": 0}
