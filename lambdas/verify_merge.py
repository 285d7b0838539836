"""VerifyMerge: nothing that a merge, or taking one back, moves is where it was."""

from __future__ import annotations

from typing import Any

from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring

merging = wiring.merging()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {decision, moves_from, moves_to, execution}. Returns {left: 0}, or fails with LeftBehind."""
    merging.verify(event)
    return {"left": 0}
