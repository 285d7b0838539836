"""The catalog's entry of one session: what all its objects together amount to, whatever the order they come in.

An entry keeps, for each object that is or was in the session's folder, the revision it was seen at, and what the
session's numbers need of it. Changes are merged by the highest revision of each object, so they commute, repeat and
overtake one another without harm, and the entry is a function of the objects' own entries alone. What an object
contributes is some 25 bytes; the identities of the objects also lead from the session to their entries. What stands in
keys is whatever an uploader wrote, so an agent's name is cut, and an entry that would be too large for DynamoDB is not
written: `fits` says so.

Invariants: the numbers are never counted up, they are computed from what is kept; an object that left, for another
patient or session, is remembered as gone, so nothing that arrives late brings it back; a session with no object left
is in no index and names nobody.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from carefile.core.deciding.agent_sessions import part_of
from carefile.core.filing.names import decode_sub_path
from carefile.core.messages.events import iso_8601
from carefile.core.model import UnknownReason, digest
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

INCOMPLETE = "incomplete"
_KEY_PREFIX = "session#"
_DIGEST_BYTES = 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_AGENT = -1
_FLAGS = {"is_message": 1, "in_conflict": 2, "is_snapshot": 4, "is_nobodys": 8}
_WHERE_ANY = frozenset({"snapshots", "more_agents"})  # numbers that are left out where they are nought
# What comes from keys is bounded: an agent's name may be a kilobyte, and every agent of a session may have one.
MAX_AGENT_BYTES = 64
MAX_AGENTS = 100  # that are named; all are counted
# DynamoDB: 400 KB an item. Beside what is kept of the objects, the bounded rest of an item has some 15 KB.
MAX_SEEN_BYTES = 380_000


@dataclass(frozen=True, slots=True)
class Place:
    """A session's folder."""

    bucket: str
    prefix: str

    @property
    def key(self) -> str:
        """The key of the session's item. It stands among the sources' and can be none of them."""
        return _KEY_PREFIX + digest("session", self.bucket, self.prefix)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a session's numbers need of one of its objects. Times are in milliseconds since 1970."""

    size: int
    modified: int
    cataloged: int
    agent: str | None = None
    is_message: bool = False
    is_snapshot: bool = False
    in_conflict: bool = False
    is_nobodys: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An object of a session at one of its revisions. Without facts, it has left the session."""

    revision: int
    facts: Facts | None


@dataclass(frozen=True, slots=True)
class Change:
    """What became of one object of a session. `seen` is None where its entry was deleted: it is to be forgotten."""

    place: Place
    source_id: str
    seen: Seen | None
    patient: str | None = None


def is_session_key(key: str) -> bool:
    return key.startswith(_KEY_PREFIX)


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
        agent=_short(part.agent) if part.agent else None,
        is_message=part.is_message,
        is_snapshot=part.is_snapshot,
        in_conflict=entry.reason == UnknownReason.CONFLICT,
        is_nobodys=entry.is_nobodys,
    )


@dataclass(frozen=True, slots=True)
class SessionEntry:
    """One session. `objects` are those that are or were in its folder, by their source."""

    place: Place
    patient: str | None
    seen: Mapping[str, Seen]

    @property
    def session_id(self) -> str:
        return self.place.prefix.rstrip("/").rpartition("/")[2]

    @property
    def present(self) -> dict[str, Facts]:
        return {source_id: seen.facts for source_id, seen in self.seen.items() if seen.facts}

    @property
    def reason(self) -> str | None:
        """Why nobody is known: conflicting evidence about one object is conflicting evidence about the session."""
        if self.patient is not None:
            return None
        conflict = any(facts.in_conflict for facts in self.present.values())
        return (UnknownReason.CONFLICT if conflict else UnknownReason.NO_EVIDENCE).value

    @property
    def is_nobodys(self) -> bool:
        """Whether a person decided that all of it is no patient's. While some of it does not show that, it waits."""
        present = self.present.values()
        return self.patient is None and bool(present) and all(facts.is_nobodys for facts in present)

    def merged(self, changes: Iterable[Change]) -> SessionEntry:
        """The entry that knows these changes too. The highest revision of each object holds. With an object about
        which the evidence is in conflict, the session is nobody's, whatever came last."""
        seen, patient = dict(self.seen), self.patient
        for change in changes:
            known = seen.get(change.source_id)
            if change.seen is None:
                seen.pop(change.source_id, None)
            elif known is None or known.revision < change.seen.revision:
                seen[change.source_id] = change.seen
                patient = change.patient if change.seen.facts else patient
        if any(one.facts and one.facts.in_conflict for one in seen.values()):
            patient = None
        return replace(self, seen=seen, patient=patient)

    def to_item(self) -> Item | None:
        """The item for DynamoDB, or None if there is nothing to keep. The numbers are there for readers."""
        if not self.seen:
            return None
        item: Item = {KEY: {"S": self.place.key}, "seen": {"B": _packed(self.seen)}}
        present = self.present.values()
        if not present:
            return item
        cataloged_at = _iso_8601(max(facts.cataloged for facts in present))
        texts = {
            "patient_ref_key": patient_ref_key(self.patient, nobodys=self.is_nobodys),
            "reason": self.reason,
            "session_id": self.session_id,
            "bucket": self.place.bucket,
            "prefix": self.place.prefix,
            "first_activity": _iso_8601(min(facts.modified for facts in present)),
            "last_activity": _iso_8601(max(facts.modified for facts in present)),
            "cataloged_at": cataloged_at,
            "listed_at": cataloged_at,
        }
        numbers = {
            "objects": len(present),
            "messages": sum(facts.is_message for facts in present),
            "snapshots": sum(facts.is_snapshot for facts in present),
            "size": sum(facts.size for facts in present),
        }
        agents = sorted({facts.agent for facts in present if facts.agent})
        numbers["more_agents"] = max(0, len(agents) - MAX_AGENTS)
        item |= {name: {"S": value} for name, value in texts.items() if value}
        item |= {
            name: {"N": str(value)} for name, value in numbers.items() if value or name not in _WHERE_ANY
        }
        named = [{"S": agent} for agent in agents[:MAX_AGENTS]]
        return item | ({"agents": {"L": named}} if named else {})


def fits(item: Item | None) -> bool:
    """Whether a session's item fits in DynamoDB."""
    return item is None or len(item["seen"]["B"]) <= MAX_SEEN_BYTES


def entry_at(place: Place, item: Mapping[str, Any] | None) -> SessionEntry:
    """The entry of a session as its item holds it; of one never heard of, without an item."""
    if not item:
        return SessionEntry(place, None, {})
    return SessionEntry(place, patient_in(item), unpacked(item["seen"]["B"]))


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


def _packed(seen: Mapping[str, Seen]) -> bytes:
    """The digests of the sources as they are, and the rest column by column, oldest first: so it packs best."""
    rows = sorted(
        seen.items(), key=lambda row: (row[1].facts.modified if row[1].facts else 0, row[1].revision, row[0])
    )
    agents = sorted({one.facts.agent for one in seen.values() if one.facts and one.facts.agent})
    columns: list[list[Any]] = [[one.revision for _, one in rows]]
    before = Facts(0, 0, 0)
    times: list[list[int]] = [[], []]
    for _, one in rows:
        if one.facts:
            times[0].append(one.facts.modified - before.modified)
            times[1].append(one.facts.cataloged - one.facts.modified)
            before = one.facts
    columns += times
    columns.append([one.facts.size if one.facts else None for _, one in rows])
    present = [one.facts for _, one in rows if one.facts]
    columns.append([agents.index(facts.agent) if facts.agent else _NO_AGENT for facts in present])
    columns.append([sum(flag * getattr(facts, name) for name, flag in _FLAGS.items()) for facts in present])
    text = json.dumps([agents, *columns], ensure_ascii=False, separators=(",", ":"))
    digests = b"".join(bytes.fromhex(source_id) for source_id, _ in rows)
    return len(rows).to_bytes(4, "big") + digests + zlib.compress(text.encode("utf-8", "surrogatepass"), 9)


def unpacked(data: bytes) -> dict[str, Seen]:
    """The inverse of `_packed`."""
    count = int.from_bytes(data[:4], "big")
    end = 4 + count * _DIGEST_BYTES
    sources = [data[at : at + _DIGEST_BYTES].hex() for at in range(4, end, _DIGEST_BYTES)]
    agents, revisions, steps, delays, sizes, whose, flags = json.loads(zlib.decompress(data[end:]))
    seen: dict[str, Seen] = {}
    modified, rest = 0, zip(steps, delays, whose, flags, strict=True)
    for source_id, revision, size in zip(sources, revisions, sizes, strict=True):
        if size is None:
            seen[source_id] = Seen(revision, None)
            continue
        step, delay, agent, flag = next(rest)
        modified += step
        name = None if agent == _NO_AGENT else _short(agents[agent])
        told = {kind: bool(flag & bit) for kind, bit in _FLAGS.items()}
        facts = Facts(size, modified, modified + delay, name, **told)
        seen[source_id] = Seen(revision, facts)
    return seen


def _short(agent: str) -> str:
    """Shorten an agent's name for the entry: a long one is cut, and ends in a hash of the whole."""
    whole = agent.encode("utf-8", "surrogatepass")
    if len(whole) <= MAX_AGENT_BYTES:
        return agent
    return f"{whole[: MAX_AGENT_BYTES - 12].decode('utf-8', 'ignore')}…{digest('agent', agent)[:8]}"


def _milliseconds(moment: str) -> int:
    return (datetime.fromisoformat(moment) - _EPOCH) // timedelta(milliseconds=1)


def _iso_8601(milliseconds: int) -> str:
    return iso_8601(_EPOCH + timedelta(milliseconds=milliseconds))
