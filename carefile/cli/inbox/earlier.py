"""Decisions of before, by anybody: the deployment's own record of them, the latest first."""

from __future__ import annotations

from dataclasses import dataclass

from carefile.cli.aws.connection import Connection
from carefile.cli.patients.decided import Decided
from carefile.core.filing.layout import Owner
from carefile.core.model import DecisionType, Source
from carefile.core.records.decisions import NOTE, Record

_SHOWN = 200
_REVERSIBLE = frozenset((DecisionType.ASSIGN.value, DecisionType.NOBODY.value))


@dataclass(frozen=True, slots=True)
class Before:
    """One decision. `landing_key` names what it is about: a document, or any object of a session."""

    id: str
    key: str
    name: str
    type: str
    bucket: str
    landing_key: str
    patient_id: str | None
    by: str
    at: str
    reason: str
    can_be_taken_back: bool = False


class Earlier:
    def __init__(self, connection: Connection) -> None:
        is_recorded = connection.has_output("DecisionsTableName")
        self._decided = Decided(connection) if is_recorded else None

    def list(self) -> list[Before]:
        """Return the latest decisions and notes. Of several about one thing only the last decision can be taken
        back."""
        if self._decided is None:
            return []
        found: list[Before] = []
        decided: set[str] = set()
        for record in self._decided.latest(_SHOWN):
            if record.content:
                before = _before(record, is_last=True)
                found.append(before if before.key not in decided else _before(record, is_last=False))
                decided |= {before.key} if record.type != NOTE else set()
        return found

    def find(self, id_: str) -> Before | None:
        """Return a decision by its day and number."""
        day, _, number = id_.partition(" ")
        record = self._decided.get(day, int(number)) if self._decided and number.isdigit() else None
        return _before(record, is_last=True) if record and record.content else None


def _before(record: Record, *, is_last: bool) -> Before:
    content = record.content
    tree, key, bucket = content.get("tree"), content.get("key"), content.get("bucket", "")
    if tree:
        key = f"{tree}session.json" if tree.endswith("/") else tree
        owner, name = Owner(bucket, tree, tree=True).owner_id, tree.rstrip("/")
    elif key:
        owner, name = Source(bucket, key).source_id, key
    else:  # two patients
        owner, name = f"patient {content.get('from', '')}", content.get("from", "")
    return Before(
        f"{record.day} {record.number}",
        owner,
        name.rpartition("/")[2],
        record.type,
        bucket,
        key or "",
        content.get("patient_id"),
        content.get("decided_by", ""),
        content.get("decided_at", record.recorded_at),
        content.get("reason", ""),
        is_last and record.type in _REVERSIBLE,
    )
