"""Counts of what `carefile forget` deletes, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from carefile.cli.aws.versions import Version
from carefile.core.model import Source

_COUNTED = (
    "landing_versions",
    "layout_versions",
    "readings",
    "catalog_entries",
    "session_entries",
    "ledger_items",
    "decisions",
    "directory_entries",
    "suggestions",
    "bytes",
)


@dataclass(slots=True)
class Tally:
    """Counts of what was, or would be, deleted."""

    landing_versions: int = 0
    layout_versions: int = 0
    readings: int = 0
    bytes: int = 0
    catalog_entries: int = 0
    session_entries: int = 0
    ledger_items: int = 0
    decisions: int = 0
    directory_entries: int = 0
    suggestions: int = 0
    claims_left: int = 0
    held: list[Source] = field(default_factory=list)
    left: list[Version] = field(default_factory=list)

    @property
    def counts(self) -> dict[str, int]:
        """What was deleted, by what it is."""
        return {name: getattr(self, name) for name in _COUNTED}

    def __add__(self, other: Tally) -> Tally:
        return Tally(**{one.name: getattr(self, one.name) + getattr(other, one.name) for one in fields(self)})
