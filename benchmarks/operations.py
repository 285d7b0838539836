"""The counted AWS operations of one object. Pure values; `counting.py` fills them from real executions."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """The work of one function: calls, DynamoDB units, log bytes and events, processor time."""

    function: str
    memory_mb: int
    calls: Counter[str] = field(default_factory=Counter)
    read_units: float = 0
    write_units: float = 0
    log_bytes: int = 0
    log_events: int = 0
    cpu_ms: float = 0
    per_object: float = 1.0  # its share in one object


@dataclass(frozen=True)
class Operations:
    """The operations of one object. `states` are in order; `tags` counts all versions, overwritten ones too."""

    kind: str
    size: int
    states: tuple[str, ...]
    works: tuple[Work, ...]
    event_bytes: int
    tags: float
    stored_bytes: int

    @property
    def calls(self) -> dict[str, float]:
        total: defaultdict[str, float] = defaultdict(float)
        for work in self.works:
            for name, count in work.calls.items():
                total[name] += count * work.per_object
        return dict(total)

    def of_works(self, name: str) -> float:
        """Sum one attribute over the functions, weighted by their share in one object."""
        return float(sum(getattr(work, name) * work.per_object for work in self.works))
