"""A consumer of Carefile's events: it keeps a list of what is filed where, right under any order and any repetition.

Feed it the events of the catalog bus, from a queue or a function that a rule of yours sends them to:

    python examples/consumer.py < events.jsonl

prints the list after one event a line. Three rules make it right: what was seen is dropped, by event id and revision;
of two events about one source the one with the higher revision is the newer truth; so a place that no newer revision
names is gone.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from carefile.events import ObjectCataloged, UnknownEventError, announcement


@dataclass
class FiledObjects:
    """By source, the newest that is known of it."""

    newest: dict[str, ObjectCataloged] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Take in an event. False when it changed nothing: it was seen before, or is not newer than what is known."""
        kind, detail = said = announcement(event)
        fact = f"{kind} {detail['event_id']} {detail.get('revision', '')}"
        if fact in self.seen:
            return False
        self.seen.add(fact)
        if said[0] == "Object Cataloged":
            return self._cataloged(said[1])
        if said[0] == "Object Failed":
            self.failed[said[1]["execution"]] = said[1]["error"]
        # Retired: the place it was at is left behind by the event `Object Cataloged` of the same revision.
        # Withdrawn: it was never filed, so there is nothing to forget.
        return said[0] == "Object Failed"

    def _cataloged(self, detail: ObjectCataloged) -> bool:
        source = detail["source_id"]
        known = self.newest.get(source)
        if known and known["revision"] >= detail["revision"]:
            return False
        self.newest[source] = detail
        self.failed.pop(detail["execution"], None)
        return True

    def of(self, patient_id: str | None) -> Iterator[str]:
        """The prefixes filed under a patient, or under nobody."""
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
            sys.stderr.write(f"left out: {error}\n")
    for detail in filed.newest.values():
        owner = detail["patient"]["id"] if detail["patient"]["status"] == "known" else "unknown"
        sys.stdout.write(f"{owner}\t{detail['kind']}\t{detail['location']['prefix']}\n")


if __name__ == "__main__":
    main()
