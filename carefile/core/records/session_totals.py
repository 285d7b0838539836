"""The numbers of many objects of a session together, and the parts of a large session's entry.

An entry keeps the objects that were written last. The others are in parts, which only change when one of their objects
does, and of which the entry keeps the totals. Parts are numbered from 0 and split one by one as they fill, by linear
hashing: the number of parts alone says where an object is, and which parts there are.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from carefile.core.records.session_objects import Facts

PART_OBJECTS = 24  # on average, some 700 bytes: DynamoDB bills a kilobyte as one unit
MAX_COUNTED_AGENTS = 300  # of the parts; each costs up to 64 bytes in the entry
_SUMS = ("objects", "messages", "snapshots", "size", "conflicts", "nobodys")


def part_holding(source_id: str, parts: int) -> int:
    """The number of the part that an object is in, where there are so many."""
    number, whole = int(source_id[:8], 16), 1 << (parts.bit_length() - 1)
    found = number % (2 * whole)
    return found if found < parts else number % whole


def split_for(part: int) -> int:
    """The part whose objects a new part, the one after the last, shares."""
    return part - (1 << (part.bit_length() - 1)) if part else 0


@dataclass(frozen=True, slots=True)
class Totals:
    """What so many objects amount to. Times are in milliseconds since 1970. `is_loose`: an object was taken off that
    was the first or the last, so the times have to be computed again."""

    rows: int = 0  # objects, and what is remembered of those that left
    objects: int = 0
    messages: int = 0
    snapshots: int = 0
    size: int = 0
    conflicts: int = 0
    nobodys: int = 0
    first: int | None = None
    last: int | None = None
    cataloged: int | None = None
    agents: Mapping[str, int] = field(default_factory=dict)
    is_loose: bool = False

    @classmethod
    def of(cls, found: Iterable[Facts | None]) -> Totals:
        return cls().plus(found)

    def plus(self, found: Iterable[Facts | None]) -> Totals:
        """These and more objects; None is one that left."""
        rows = list(found)
        facts = [one for one in rows if one]
        changed = self._counted(rows, 1)
        if not facts:
            return changed
        first, last = (pick(one.modified for one in facts) for pick in (min, max))
        cataloged = max(one.cataloged for one in facts)
        if self.first is None or self.last is None or self.cataloged is None:
            return replace(changed, first=first, last=last, cataloged=cataloged)
        return replace(
            changed,
            first=min(self.first, first),
            last=max(self.last, last),
            cataloged=max(self.cataloged, cataloged),
        )

    def minus(self, found: Iterable[Facts | None]) -> Totals:
        """These without some of their objects."""
        rows = list(found)
        changed = self._counted(rows, -1)
        if not changed.objects:
            return replace(changed, first=None, last=None, cataloged=None, is_loose=False)
        facts = [one for one in rows if one]
        bounds = (self.first, self.last)
        at_bound = any(one.modified in bounds or one.cataloged == self.cataloged for one in facts)
        return replace(changed, is_loose=self.is_loose or at_bound)

    def _counted(self, rows: list[Facts | None], sign: int) -> Totals:
        facts = [one for one in rows if one]
        agents = Counter(dict(self.agents))
        for one in facts:
            if one.agent is not None and (one.agent in agents or len(agents) < MAX_COUNTED_AGENTS):
                agents[one.agent] += sign
        more = {
            "objects": len(facts),
            "messages": sum(one.is_message for one in facts),
            "snapshots": sum(one.is_snapshot for one in facts),
            "size": sum(one.size for one in facts),
            "conflicts": sum(one.in_conflict for one in facts),
            "nobodys": sum(one.is_nobodys for one in facts),
        }
        sums = {name: getattr(self, name) + sign * more[name] for name in _SUMS}
        return replace(self, rows=self.rows + sign * len(rows), agents=dict(+agents), **sums)

    def to_bytes(self, parts: int) -> bytes:
        text = json.dumps([parts, asdict(self)], ensure_ascii=False, separators=(",", ":"))
        return zlib.compress(text.encode("utf-8", "surrogatepass"), 9)

    @classmethod
    def from_bytes(cls, data: bytes) -> tuple[Totals, int]:
        """The totals, and of how many parts they are."""
        parts, fields = json.loads(zlib.decompress(data).decode("utf-8", "surrogatepass"))
        return cls(**fields), parts
