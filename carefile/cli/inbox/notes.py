"""Notes that people leave about what waits: who said what, when. They decide nothing; whoever looks next reads them.

A note is a record of decisions like any other (`carefile decisions` lists it), so it can be added and not be changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from carefile.cli.aws.connection import Connection
from carefile.cli.inbox.queue import Row
from carefile.cli.patients.decided import Decided
from carefile.cli.patients.deciding import Decider
from carefile.core.records.decisions import NOTES, Record

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Note:
    """`is_of_another` says that it was left about another version than the one that waits."""

    by: str
    at: str
    text: str
    is_of_another: bool


class Notes:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._decided = Decided(connection) if connection.records_decisions else None

    @property
    def can_be_left(self) -> bool:
        return self._decided is not None

    def about(self, row: Row) -> list[Note]:
        """Return the newest notes about a row, the oldest first."""
        found = self._decided.latest_about(row.key, NOTES, _SHOWN) if self._decided else []
        return [_note(one, row) for one in found]

    def counts(self, keys: Sequence[str]) -> dict[str, int]:
        """Return how many notes there are about rows, of those with any."""
        found = self._decided.places_about(keys, NOTES) if self._decided else {}
        return {key: len(places) for key, places in found.items()}

    def leave(self, row: Row, by: str, text: str) -> None:
        Decider(self._connection).note(row.found.prefix, by, text)


def _note(record: Record, row: Row) -> Note:
    content, version = record.content, getattr(row.found, "landing_version", None)
    is_of_another = bool(version and content.get("version") and content["version"] != version)
    return Note(
        content.get("decided_by", ""), content["decided_at"], content.get("reason", ""), is_of_another
    )
