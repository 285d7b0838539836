"""The catalog's entry of one session: what all its objects together amount to, whatever the order they come in.

An entry keeps, for each object that is or was in the session's folder, the revision it was seen at, and what the
session's numbers need of it. Changes are merged by the highest revision of each object, so they commute, repeat and
overtake one another without harm, and the entry is a function of the objects' own entries alone.

The session's item holds the objects that were written last. What exceeds that is sealed into parts, items of their own,
so a further message costs no more than the first few did, however long the session is. A part changes only together
with the session's item, in one transaction, so the item's condition guards them all. An item that would be too large
for DynamoDB all the same is not written: `fits` says so.

Invariants: an object is in the item or in one part, and the totals of the parts are of what they hold; an object that
left, for another patient or session, is remembered as gone, so nothing that arrives late brings it back; a session with
no object left is in no index and names nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from carefile.core.deciding.agent_sessions import part_of
from carefile.core.filing.names import decode_sub_path
from carefile.core.messages.events import iso_8601
from carefile.core.model import Decision, DecisionType, UnknownReason
from carefile.core.records.catalog import (
    KEY,
    Entry,
    Item,
    is_nobodys,
    number_in,
    patient_in,
    patient_ref_key,
    text_in,
)
from carefile.core.records.session_objects import (
    Facts,
    Place,
    Seen,
    is_session_key,
    oldest_first,
    packed,
    short,
    unpacked,
)
from carefile.core.records.session_totals import PART_OBJECTS, Totals, part_holding, split_for

__all__ = ["Facts", "Place", "Seen", "is_session_key"]
INCOMPLETE = "incomplete"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHERE_ANY = frozenset({"snapshots", "more_agents"})  # numbers that are left out where they are nought
MAX_AGENTS = 100  # that are named; so many more are counted
# An item of 40 objects has some 1.5 KB, and most sessions have no more. A transaction takes 100 items.
MAX_RECENT, KEPT = 40, 8
SEALED_AT_ONCE, MAX_SPLITS = 64, 8
# DynamoDB: 400 KB an item. Beside what is kept of the objects, the bounded rest of an item has some 20 KB.
MAX_SEEN_BYTES = 380_000


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object of a session. `seen` is None where its entry was deleted: it is to be forgotten."""

    place: Place
    source_id: str
    seen: Seen | None
    patient: str | None = None


def changes_between(
    old: Entry | None, new: Entry | None, taken_out_at: int | None = None
) -> Iterator[Change]:
    """What the sessions have to know of an object's entry that was one thing and is now another, or was taken out of
    the layout at a revision."""
    if new and new.is_session:
        yield Change(_place_of(new), new.source_id, Seen(new.revision, facts_of(new)), new.patient)
    if old and old.is_session and not (new and new.is_session and _place_of(old) == _place_of(new)):
        left_at = new.revision if new else taken_out_at
        gone = None if left_at is None else Seen(left_at, None)
        yield Change(_place_of(old), old.source_id, gone)


def facts_of(entry: Entry) -> Facts:
    part = part_of(decode_sub_path(entry.key.removeprefix(entry.prefix)))
    return Facts(
        size=entry.size,
        modified=_milliseconds(entry.modified),
        cataloged=_milliseconds(entry.cataloged_at),
        agent=short(part.agent) if part.agent else None,
        is_message=part.is_message,
        is_snapshot=part.is_snapshot,
        in_conflict=entry.reason == UnknownReason.CONFLICT,
        is_nobodys=entry.is_nobodys,
    )


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One session. `seen` are the objects that are or were in its folder and are in its item, by their source, `sealed`
    the totals of those in its parts, and `held` the parts that were read. `turn` counts the writes of an entry with
    parts, whose item may otherwise look as it did before."""

    place: Place
    patient: str | None
    seen: Mapping[str, Seen]
    sealed: Totals = field(default_factory=Totals)
    parts: int = 0
    turn: int = 0
    held: Mapping[int, Mapping[str, Seen]] = field(default_factory=dict)

    @property
    def session_id(self) -> str:
        return self.place.prefix.rstrip("/").rpartition("/")[2]

    @property
    def totals(self) -> Totals:
        return self.sealed.plus(seen.facts for seen in self.seen.values())

    @property
    def is_nobodys(self) -> bool:
        """Whether a person decided that all of it is no patient's. While some of it does not show that, it waits."""
        return _is_nobodys(self.patient, self.totals)

    def holding(self, source_ids: Iterable[str]) -> set[int]:
        """The parts in which these objects are, if not in the item."""
        if not self.parts:
            return set()
        return {part_holding(one, self.parts) for one in source_ids if one not in self.seen}

    def merged(self, changes: Iterable[Change]) -> SessionEntry:
        """The entry that knows these changes too; the parts that hold their objects were read. The highest revision of
        each object holds. With an object about which the evidence is in conflict, the session is nobody's, whatever
        came last."""
        seen, held, sealed, patient = dict(self.seen), dict(self.held), self.sealed, self.patient
        for change in changes:
            id, part = change.source_id, part_holding(change.source_id, self.parts) if self.parts else None
            there = held[part].get(id) if part is not None and id not in seen else None
            known = seen.get(id, there)
            if change.seen is not None and known is not None and known.revision >= change.seen.revision:
                continue
            if part is not None and there is not None:  # what changes again is likely to go on changing
                held[part] = {one: row for one, row in held[part].items() if one != id}
                sealed = sealed.minus([there.facts])
            if change.seen is None:
                seen.pop(id, None)
                continue
            seen[id] = change.seen
            patient = change.patient if change.seen.facts else patient
        changed = replace(self, seen=seen, sealed=sealed, held=held, patient=patient)
        return replace(changed, patient=None) if changed.totals.conflicts else changed

    # Parts

    @property
    def overflow(self) -> list[str]:
        """The objects to be sealed next: more than the item should hold, the oldest first."""
        if len(self.seen) <= MAX_RECENT:
            return []
        return [one for one, _ in oldest_first(self.seen)][: min(len(self.seen) - KEPT, SEALED_AT_ONCE)]

    @property
    def parts_then(self) -> int:
        """How many parts there are once the overflow is sealed."""
        due = -(-(self.sealed.rows + len(self.overflow)) // PART_OBJECTS)
        return max(1, self.parts, min(due, self.parts + MAX_SPLITS))

    def to_seal(self) -> set[int]:
        """The parts that sealing the overflow reads and writes."""
        new = range(self.parts, self.parts_then)
        there = {part_holding(one, self.parts_then) for one in self.overflow}
        return there | {*new} | {split_for(part) for part in new}

    def sealing(self) -> SessionEntry:
        """The entry whose overflow is in its parts, as many as it takes. All of `to_seal` were read."""
        seen, held = dict(self.seen), {part: dict(rows) for part, rows in self.held.items()}
        for part in range(max(1, self.parts), self.parts_then):
            rows = held.pop(split_for(part))
            for number in (split_for(part), part):
                held[number] = {
                    one: row for one, row in rows.items() if part_holding(one, part + 1) == number
                }
        moved = {one: seen.pop(one) for one in self.overflow}
        for one, row in moved.items():
            held[part_holding(one, self.parts_then)][one] = row
        sealed = self.sealed.plus(row.facts for row in moved.values())
        return replace(self, seen=seen, sealed=sealed, parts=self.parts_then, held=held)

    def tightened(self, parts: Iterable[Mapping[str, Seen]]) -> SessionEntry:
        """The entry with its totals computed again from all its parts."""
        found = Totals.of(row.facts for rows in parts for row in rows.values())
        return replace(self, sealed=found)

    def to_item(self) -> Item | None:
        """The item for DynamoDB, or None if there is nothing to keep. The numbers are there for readers."""
        if not self.seen and not self.sealed.rows:
            return None
        item: Item = {KEY: {"S": self.place.key}}
        if self.parts:
            item |= {
                "recent": {"B": packed(self.seen)},
                "sealed": {"B": self.sealed.to_bytes(self.parts)},
                "turn": {"N": str(self.turn)},
            }
        else:
            item["seen"] = {"B": packed(self.seen)}
        totals = self.totals
        if totals.first is None or totals.last is None or totals.cataloged is None:
            return item
        cataloged_at = _iso_8601(totals.cataloged)
        texts = {
            "patient_ref_key": patient_ref_key(
                self.patient, self.place.key, nobodys=_is_nobodys(self.patient, totals)
            ),
            "reason": _reason(self.patient, totals),
            "session_id": self.session_id,
            "bucket": self.place.bucket,
            "prefix": self.place.prefix,
            "first_activity": _iso_8601(totals.first),
            "last_activity": _iso_8601(totals.last),
            "cataloged_at": cataloged_at,
            "listed_at": cataloged_at,
        }
        agents = sorted(totals.agents)
        numbers = {name: getattr(totals, name) for name in ("objects", "messages", "snapshots", "size")}
        numbers["more_agents"] = max(0, len(agents) - MAX_AGENTS)
        item |= {name: {"S": value} for name, value in texts.items() if value}
        item |= {
            name: {"N": str(value)} for name, value in numbers.items() if value or name not in _WHERE_ANY
        }
        named = [{"S": agent} for agent in agents[:MAX_AGENTS]]
        return item | ({"agents": {"L": named}} if named else {})

    def part_items(self, before: SessionEntry) -> dict[str, Item | None]:
        """The items of the parts that differ from those before, by their keys; None where nothing is left of one. What
        stands where a new part begins is of a session that was deleted."""
        changed = {
            part: rows
            for part, rows in self.held.items()
            if part >= before.parts or rows != before.held.get(part, {})
        }
        return {
            self.place.part(part): {KEY: {"S": self.place.part(part)}, "kept": {"B": packed(rows)}}
            if rows
            else None
            for part, rows in changed.items()
        }


def _is_nobodys(patient: str | None, totals: Totals) -> bool:
    return patient is None and 0 < totals.objects == totals.nobodys


def _reason(patient: str | None, totals: Totals) -> str | None:
    """Why nobody is known: conflicting evidence about one object is conflicting evidence about the session."""
    if patient is not None:
        return None
    return (UnknownReason.CONFLICT if totals.conflicts else UnknownReason.NO_EVIDENCE).value


def fits(*items: Item | None) -> bool:
    """Whether items of a session fit in DynamoDB."""
    held = (item[name]["B"] for item in items if item for name in ("seen", "recent", "kept") if name in item)
    return all(len(data) <= MAX_SEEN_BYTES for data in held)


def decision_shown(objects: Iterable[Entry]) -> Decision | None:
    """The decision of a person that a session's objects show: the latest, as each follows it when it is filed again. A
    hint is about one object and says nothing of the session."""
    shown = (one.decision for one in objects if one.decision and one.decision.type is not DecisionType.HINT)
    return max(shown, key=lambda decision: decision.decided_at, default=None)


def entry_at(place: Place, item: Mapping[str, Any] | None) -> SessionEntry:
    """The entry of a session as its item holds it; of one never heard of, without an item."""
    if not item:
        return SessionEntry(place, None, {})
    if "sealed" not in item:
        return SessionEntry(place, patient_in(item), unpacked(item["seen"]["B"]))
    sealed, parts = Totals.from_bytes(item["sealed"]["B"])
    seen = unpacked(item["recent"]["B"])
    return SessionEntry(place, patient_in(item), seen, sealed, parts, number_in(item, "turn"))


def part_in(item: Mapping[str, Any] | None) -> dict[str, Seen]:
    """The objects that the item of a part holds; none without an item."""
    return unpacked(item["kept"]["B"]) if item else {}


def condition_on(item: Mapping[str, Any] | None) -> dict[str, Any]:
    """The condition of a write that nobody wrote the session's item since it was read."""
    if not item:
        return {"ConditionExpression": f"attribute_not_exists({KEY})"}
    name = "turn" if "turn" in item else "seen"
    return {
        "ConditionExpression": f"{name} = :known",
        "ExpressionAttributeValues": {":known": item[name]},
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSummary:
    """A session as a reader asks for it: the numbers of its item. `incomplete`: it has more objects than an entry
    holds, and the numbers are of an earlier moment."""

    patient: str | None
    reason: str | None
    session_id: str
    bucket: str
    prefix: str
    messages: int
    snapshots: int = 0
    agents: tuple[str, ...]
    more_agents: int = 0
    incomplete: bool = False
    objects: int
    size: int
    first_activity: str
    last_activity: str
    cataloged_at: str
    is_nobodys: bool = False

    @property
    def waits(self) -> bool:
        """Whether a person has to decide whose it is."""
        return self.patient is None and not self.is_nobodys

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> SessionSummary | None:
        """Read a session's item; None if it has no object left."""
        if "prefix" not in item:
            return None
        return cls(
            patient=patient_in(item),
            reason=text_in(item, "reason"),
            session_id=item["session_id"]["S"],
            bucket=item["bucket"]["S"],
            prefix=item["prefix"]["S"],
            messages=number_in(item, "messages"),
            snapshots=number_in(item, "snapshots"),
            more_agents=number_in(item, "more_agents"),
            incomplete=INCOMPLETE in item,
            agents=tuple(agent["S"] for agent in item.get("agents", {}).get("L", ())),
            objects=number_in(item, "objects"),
            size=number_in(item, "size"),
            first_activity=item["first_activity"]["S"],
            last_activity=item["last_activity"]["S"],
            cataloged_at=item["cataloged_at"]["S"],
            is_nobodys=is_nobodys(item),
        )


def _place_of(entry: Entry) -> Place:
    return Place(entry.bucket, entry.prefix)


def _milliseconds(moment: str) -> int:
    return (datetime.fromisoformat(moment) - _EPOCH) // timedelta(milliseconds=1)


def _iso_8601(milliseconds: int) -> str:
    return iso_8601(_EPOCH + timedelta(milliseconds=milliseconds))
