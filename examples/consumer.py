"""A consumer of Carefile's events that keeps a list of filed objects, correct under any order and repetition.

Feed it events of the catalog bus, from a queue or a function that your own rule targets:

    python examples/consumer.py < events.jsonl

reads one event per line and prints the list. Three rules make it correct: repeated events are dropped by event id and
revision; of two events about one source, the higher revision wins; so a location that no newer revision names is gone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from carefile.events import (
    ObjectCataloged,
    ObjectCatalogedV2,
    ObjectRetired,
    ObjectRetiredV2,
    UnknownEventError,
    announcement,
)


@dataclass
class FiledObjects:
    """The newest known event of each source, and the revision at which a source was taken out."""

    newest: dict[str, ObjectCataloged | ObjectCatalogedV2] = field(default_factory=dict)
    taken_out: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Apply an event; False if it changed nothing because it was seen before or is not newer."""
        kind, detail = announced = announcement(event)
        fact = f"{kind} {detail['event_id']} {detail.get('revision', '')}"
        if fact in self.seen:
            return False
        self.seen.add(fact)
        if announced[0] == "Object Cataloged":
            return self._cataloged(announced[1])
        if announced[0] == "Object Failed":
            self.failed[announced[1]["execution"]] = announced[1]["error"]
        if announced[0] == "Object Retired" and announced[1].get("disposition") == "unfiled":
            return self._unfiled(announced[1])
        # Retired with a successor: `Object Cataloged` of the same revision replaces the old location.
        # Withdrawn: it was never filed, so there is nothing to remove.
        return announced[0] == "Object Failed"

    def _unfiled(self, detail: ObjectRetired | ObjectRetiredV2) -> bool:
        source, revision = detail["source_id"], detail["revision"]
        self.taken_out[source] = max(revision, self.taken_out.get(source, 0))
        if source in self.newest and self.newest[source]["revision"] < revision:
            del self.newest[source]
            return True
        return False

    def _cataloged(self, detail: ObjectCataloged | ObjectCatalogedV2) -> bool:
        source = detail["source_id"]
        known = self.newest.get(source)
        if max(known["revision"] if known else 0, self.taken_out.get(source, 0)) >= detail["revision"]:
            return False
        self.newest[source] = detail
        self.failed.pop(detail["execution"], None)
        return True

    def of(self, patient_id: str | None) -> Iterator[str]:
        """Yield the prefixes filed under a patient, or under nobody."""
        for detail in self.newest.values():
            patient = detail["patient"]
            if (patient["id"] if patient["status"] == "known" else None) == patient_id:
                yield detail["location"]["prefix"]


def main() -> None:
    filed = FiledObjects()
    for line in sys.stdin:
        try:
            filed.take(json.loads(line))
        except UnknownEventError as error:
            sys.stderr.write(f"skipped: {error}\n")
    for detail in filed.newest.values():
        owner = detail["patient"]["id"] if detail["patient"]["status"] == "known" else "unknown"
        sys.stdout.write(f"{owner}\t{detail['kind']}\t{detail['location']['prefix']}\n")


if __name__ == "__main__":
    main()
