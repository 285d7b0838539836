"""ListObjects: the landing objects of an assigned session or document, a page at a time."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.assignment_request import Subject
from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring

assigning = wiring.assigning()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {subject, after, execution}. Returns {items, next}: the pipeline's inputs, and where to go on."""
    return assigning.page(Subject(**event["subject"]), event["after"])
