"""The records of decisions as DynamoDB holds them: append-only, chained by hash, a day at a time.

An item a decision, under its `day` and `number` (counted from 1): its `type` and `recorded_at`, the `digest` of its
salted payload, the hash of the record before it (`previous`) and its own `hash` over all of these. The payload (who,
what, whose, why) and its salt can be deleted, and the record still proves that it was there: that is what forgetting a
patient leaves. An item `head` of each day has how many records the day has and the last one's hash; an item of the day
in the partition `days` has which day came before, and a hash of that one, from which this day's chain begins. An item
under a decision's own id keeps it from being recorded twice. A note decides nothing, and is a record like any other.
Under what they are about, an item `notes` says where the notes about it are (by the catalog's key), and an item
`decisions` where the decisions are (by the id of the source, or of the session's tree).

Invariants: what a hash covers is never changed; of two who add at once one finds the head changed and begins anew; a
record, a day's end or a day that is removed shows, unless it is the newest of all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DAY, NUMBER = "day", "number"
DAYS, HEAD = "days", "head"
NOTE, PLACES = "note", "places"
NOTES, DECISIONS = "notes", "decisions"
PAYLOAD, SALT, FORGOTTEN_AT = "payload", "salt", "forgotten_at"
_AFTER_DAY, _AFTER_HASH = "after_day", "after_hash"
_RECORDS, _HASH = "records", "hash"
_DIGITS = 8
Item = Mapping[str, Any]
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Record:
    """One decision as it was recorded. Without a payload, it was deleted when a patient was forgotten."""

    day: str
    number: int
    type: str
    recorded_at: str
    digest: str
    previous: str
    hash: str
    payload: str | None = None
    salt: str | None = None
    forgotten_at: str | None = None

    @property
    def content(self) -> dict[str, Any]:
        """What was decided, as its payload says it."""
        found: dict[str, Any] = json.loads(self.payload) if self.payload else {}
        return found

    def to_item(self) -> dict[str, Any]:
        texts = {
            DAY: self.day,
            NUMBER: number_key(self.number),
            "type": self.type,
            "recorded_at": self.recorded_at,
            "digest": self.digest,
            "previous": self.previous,
            _HASH: self.hash,
            PAYLOAD: self.payload,
            SALT: self.salt,
            FORGOTTEN_AT: self.forgotten_at,
        }
        return {name: {"S": value} for name, value in texts.items() if value is not None}

    @classmethod
    def of_item(cls, item: Item) -> Record | None:
        """The record of an item; None of the heads of the chain and of the ids."""
        if "digest" not in item:
            return None
        text = {name: value["S"] for name, value in item.items() if "S" in value}
        return cls(
            text[DAY],
            int(text[NUMBER]),
            text["type"],
            text["recorded_at"],
            text["digest"],
            text["previous"],
            text[_HASH],
            text.get(PAYLOAD),
            text.get(SALT),
            text.get(FORGOTTEN_AT),
        )


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a day's chain, and the day before it with the hash from which it begins."""

    day: str
    records: int = 0
    hash: str = ""
    after_day: str = ""
    after_hash: str = ""

    @classmethod
    def of_items(cls, day: str, opened: Item, head: Item) -> Head:
        return cls(
            day,
            int(head.get(_RECORDS, {}).get("N", 0)),
            head.get(_HASH, {}).get("S", ""),
            opened.get(_AFTER_DAY, {}).get("S", ""),
            opened.get(_AFTER_HASH, {}).get("S", ""),
        )

    @property
    def start(self) -> str:
        """The hash from which a day's chain begins."""
        return _hashed("day", self.day, self.after_day, self.after_hash)

    def next(self, kind: str, recorded_at: str, payload: str, salt: str) -> Record:
        """The record that follows."""
        previous, number, digest = self.hash or self.start, self.records + 1, payload_digest(payload, salt)
        sealed = record_hash(previous, self.day, number, kind, recorded_at, digest)
        return Record(self.day, number, kind, recorded_at, digest, previous, sealed, payload, salt)

    def opening(self) -> dict[str, Any]:
        """The item that opens the day."""
        texts = {DAY: DAYS, NUMBER: self.day, _AFTER_DAY: self.after_day, _AFTER_HASH: self.after_hash}
        return {name: {"S": value} for name, value in texts.items() if value}


class Fault(StrEnum):
    """What a check of the chain finds."""

    MISSING = "missing"
    CHANGED = "changed"
    PAYLOAD_CHANGED = "payload-changed"
    TAIL_MISSING = "tail-missing"
    DAY_MISSING = "day-missing"


@dataclass(frozen=True, slots=True)
class Finding:
    day: str
    number: int
    fault: Fault


def number_key(number: int) -> str:
    return f"{number:0{_DIGITS}}"


def id_key(id_: str) -> str:
    """The partition that keeps a decision from being recorded twice."""
    return f"id#{id_}"


def about_key(key: str) -> str:
    """The partition that says where the records about something are."""
    return f"about#{key}"


def place_of(day: str, number: int) -> str:
    """The place of a record, as it is written down."""
    return f"{day} {number_key(number)}"


def key_at(place: str) -> dict[str, Any]:
    """The key of the record at a place."""
    day, _, number = place.partition(" ")
    return {DAY: {"S": day}, NUMBER: {"S": number}}


def payload_text(payload: Json) -> str:
    return json.dumps(payload, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def payload_digest(payload: str, salt: str) -> str:
    """The digest of a payload, which nobody can test a guess against without the salt."""
    return hashlib.sha256(f"{salt}:{payload}".encode("utf-8", "surrogatepass")).hexdigest()


def record_hash(previous: str, day: str, number: int, kind: str, recorded_at: str, digest: str) -> str:
    return _hashed("record", previous, day, str(number), kind, recorded_at, digest)


def check_day(head: Head, records: Sequence[Record]) -> Iterator[Finding]:
    """What is wrong with a day's records, which are sorted by number."""
    expected, previous = 1, head.start
    for record in records:
        for number in range(expected, record.number):
            yield Finding(head.day, number, Fault.MISSING)
        facts = (record.day, record.number, record.type, record.recorded_at, record.digest)
        follows = record.number != expected or record.previous == previous
        if not follows or record.hash != record_hash(record.previous, *facts):
            yield Finding(head.day, record.number, Fault.CHANGED)
        if record.payload is not None and record.digest != payload_digest(record.payload, record.salt or ""):
            yield Finding(head.day, record.number, Fault.PAYLOAD_CHANGED)
        expected, previous = record.number + 1, record.hash
    for number in range(expected, head.records + 1):
        yield Finding(head.day, number, Fault.MISSING)
    if len(records) == head.records and head.records and previous != head.hash:
        yield Finding(head.day, head.records, Fault.TAIL_MISSING)
    if expected - 1 > head.records:
        yield Finding(head.day, head.records, Fault.TAIL_MISSING)


def check_days(heads: Sequence[Head], hashes: Mapping[str, Iterable[str]]) -> Iterator[Finding]:
    """What is wrong between the days, which are sorted; `hashes` are those of each day's records."""
    opened = {head.day for head in heads}
    for head in heads:
        if head.after_day and (
            head.after_day not in opened or head.after_hash not in set(hashes.get(head.after_day, ()))
        ):
            yield Finding(head.after_day, 0, Fault.DAY_MISSING)
    for day in sorted(hashes.keys() - opened):
        yield Finding(day, 0, Fault.DAY_MISSING)


def _hashed(*parts: str) -> str:
    encoded = (part.encode("utf-8", "surrogatepass") for part in parts)
    return hashlib.sha256(b"".join(len(part).to_bytes(4, "big") + part for part in encoded)).hexdigest()
