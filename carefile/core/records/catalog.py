"""The catalog's entry of one source: what a catalog event becomes, as DynamoDB holds it.

Both that index the events and that read or rebuild the index take its form from here. Items are in DynamoDB's own
form. An entry is kept as small as it can be: DynamoDB bills by the kilobyte written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.filing.stamps import noted
from carefile.core.model import PROOF, Decision, DecisionType, Kind, digest

Item = dict[str, Any]

# The index of all that is a patient's or nobody's, newest first: documents and sessions. A session's objects are found
# through their session, so they have no `listed_at` and are not in it.
PATIENT_INDEX = "by-patient"
INDEX_KEYS = ("patient_ref_key", "listed_at")
# The index of documents by the digest of their bytes, where that proves which are the same. Of a session's objects many
# are alike, and none means anything without its session, so they are not in it.
CONTENT_INDEX = "by-content"
CONTENT_KEY = "content_digest"
KEY = "source_id"
_FORGOTTEN_AT, _UNFILED_AT = "forgotten_at", "unfiled_at"
_DECISION = "decision"

# In the index, what waits for a person and what a person decided to be nobody's are apart: the first is the queue.
# Either may be a fifth of all that arrives, and DynamoDB writes a thousand units a second to one key: so each is spread
# over partitions. Entries of earlier releases stand in one without a number until they are written again.
_UNKNOWN, _NOBODYS = "UNKNOWN", "NOBODYS"
PARTITIONS = 30
PATIENT_KEYS = "PATIENT#"  # with which the index key of everything that is a patient's begins


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The newest version of a source: whose it is, where it is filed, where it came from.

    `decision` is the one that holds, which the index does not have; `is_nobodys` says that it is no patient's by that.
    `suggested` are the ids of the patients whose an unknown one may be, the best supported first.
    """

    source_id: str
    event_id: str
    revision: int
    patient: str | None
    reason: str | None
    kind: str
    session_id: str | None
    landing_bucket: str
    landing_key: str
    landing_version: str | None
    modified: str
    size: int
    bucket: str
    prefix: str
    key: str
    execution: str
    cataloged_at: str
    content_digest: str | None = None
    decision: Decision | None = None
    is_nobodys: bool = False
    suggested: tuple[str, ...] = ()

    @property
    def waits(self) -> bool:
        """Whether a person has to decide whose it is: nobody is known, and nobody decided that it is no patient's."""
        return self.patient is None and not self.is_nobodys

    @property
    def is_session(self) -> bool:
        return self.kind == Kind.SESSION

    def to_item(self) -> Item:
        texts = {
            KEY: self.source_id,
            "event_id": self.event_id,
            "patient_ref_key": patient_ref_key(self.patient, self.source_id, nobodys=self.is_nobodys),
            "listed_at": None if self.is_session else self.cataloged_at,
            "reason": self.reason,
            "kind": self.kind,
            "session_id": self.session_id,
            "landing_bucket": self.landing_bucket,
            "landing_key": self.landing_key,
            "landing_version": self.landing_version,
            "modified": self.modified,
            "bucket": self.bucket,
            "prefix": self.prefix,
            "key": self.key,
            "execution": self.execution,
            "cataloged_at": self.cataloged_at,
            CONTENT_KEY: self.content_digest,
            _DECISION: json.dumps(self.decision.to_json(), sort_keys=True) if self.decision else None,
        }
        item: Item = {name: {"S": value} for name, value in texts.items() if value}
        if self.suggested:
            item["suggested"] = {"L": [{"S": one} for one in self.suggested]}
        return item | {"revision": {"N": str(self.revision)}, "size": {"N": str(self.size)}}

    @classmethod
    def of_event(cls, detail: Mapping[str, Any]) -> Entry:
        """The entry for the detail of an event `Object Cataloged`."""
        source, location, patient = detail["source"], detail["location"], detail["patient"]
        return cls(
            source_id=detail["source_id"],
            event_id=detail["event_id"],
            revision=detail["revision"],
            patient=patient.get("id"),
            reason=patient.get("reason"),
            kind=detail["kind"],
            session_id=detail["session_info"].get("session_id"),
            landing_bucket=source["bucket"],
            landing_key=source["key"],
            landing_version=source.get("version_id"),
            modified=source["last_modified"],
            size=source["size"],
            bucket=location["bucket"],
            prefix=location["prefix"],
            key=location["objects"][0]["key"],
            execution=detail["execution"],
            cataloged_at=detail["cataloged_at"],
            content_digest=indexed_digest(detail["kind"], source.get("content_digest")),
            decision=(decision := indexed_decision(detail["kind"], detail.get("decision"))),
            is_nobodys=makes_nobodys(decision),
            suggested=suggested_in(detail),
        )

    @classmethod
    def of_item(cls, item: Mapping[str, Any]) -> Entry:
        """The entry that an item holds, including items of earlier releases with fewer attributes."""
        return cls(
            source_id=item[KEY]["S"],
            event_id=text_in(item, "event_id") or "",
            revision=number_in(item, "revision"),
            patient=patient_in(item),
            reason=text_in(item, "reason"),
            kind=text_in(item, "kind") or "",
            session_id=text_in(item, "session_id"),
            landing_bucket=text_in(item, "landing_bucket") or "",
            landing_key=text_in(item, "landing_key") or "",
            landing_version=text_in(item, "landing_version"),
            modified=text_in(item, "modified") or text_in(item, "cataloged_at") or "",
            size=number_in(item, "size"),
            bucket=text_in(item, "bucket") or "",
            prefix=text_in(item, "prefix") or "",
            key=text_in(item, "key") or "",
            execution=text_in(item, "execution") or "",
            cataloged_at=text_in(item, "cataloged_at") or "",
            content_digest=text_in(item, CONTENT_KEY),
            decision=decision_in(item),
            is_nobodys=is_nobodys(item),
            suggested=tuple(one["S"] for one in item.get("suggested", {}).get("L", ())),
        )


def suggested_in(found: Mapping[str, Any]) -> tuple[str, ...]:
    """The ids that an event's detail, or the classification of a manifest, suggests."""
    return tuple(one["patient_id"] for one in found.get("suggestions", ()))


def indexed_digest(kind: str, content_digest: str | None) -> str | None:
    """The digest under which a source is found by its bytes: a document's, of a kind that proves that they are the
    same."""
    proof = content_digest is not None and content_digest.startswith(PROOF)
    return content_digest if proof and kind == Kind.DOCUMENT else None


def indexed_decision(kind: str, stored: Mapping[str, str] | None) -> Decision | None:
    """The decision as an entry has it: a document's as its manifest has it, a session's object's as its stamp has."""
    decision = Decision.from_json(stored) if stored else None
    return noted(decision) if kind == Kind.SESSION else decision


def makes_nobodys(decision: Decision | None) -> bool:
    """Whether a decision that holds says that something is no patient's."""
    return decision is not None and decision.type is DecisionType.NOBODY


def decision_in(item: Mapping[str, Any]) -> Decision | None:
    found = text_in(item, _DECISION)
    return Decision.from_json(json.loads(found)) if found else None


def tombstone(source_id: str, revision: int, at: str) -> Item:
    """What stands in the place of a forgotten patient's entry: it names nobody, and what was announced before is of a
    lower revision and is not indexed any more."""
    return {KEY: {"S": source_id}, "revision": {"N": str(revision)}, _FORGOTTEN_AT: {"S": at}}


def unfiled_item(source_id: str, revision: int, at: str, decided_by: str) -> Item:
    """What stands in the place of the entry of what a person took out of the layout: it names no patient and no key,
    and what was announced before is of a lower revision and is not indexed any more."""
    texts = {KEY: source_id, _UNFILED_AT: at, "decided_by": decided_by}
    return {name: {"S": value} for name, value in texts.items()} | {"revision": {"N": str(revision)}}


def is_unfiled(item: Mapping[str, Any]) -> bool:
    return _UNFILED_AT in item


def is_tombstone(item: Mapping[str, Any]) -> bool:
    """Whether an item is there only to keep off what was announced before: of a forgotten source, or of one that was
    taken out."""
    return _FORGOTTEN_AT in item or _UNFILED_AT in item


def patient_ref_key(patient: str | None, key: str, *, nobodys: bool = False) -> str:
    """The index key of the item with this key: one of everything of a patient; of what waits for a person, or was
    decided to be nobody's, that of a partition. No patient's id can be mistaken for either."""
    if patient is None:
        partition = int(digest("partition", key)[:8], 16) % PARTITIONS
        return f"{_NOBODYS if nobodys else _UNKNOWN}#{partition:02}"
    return f"{PATIENT_KEYS}{patient}"


def listed_under(patient: str | None, *, nobodys: bool = False) -> tuple[str, ...]:
    """All index keys under which something of a patient, or of what is unknown, may be listed."""
    if patient is not None:
        return (f"{PATIENT_KEYS}{patient}",)
    name = _NOBODYS if nobodys else _UNKNOWN
    return (name, *(f"{name}#{partition:02}" for partition in range(PARTITIONS)))


def is_nobodys(item: Mapping[str, Any]) -> bool:
    """Whether an item of a source or a session is of what a person decided to be nobody's."""
    return (text_in(item, "patient_ref_key") or "").startswith(_NOBODYS)


def patient_in(item: Mapping[str, Any]) -> str | None:
    who = text_in(item, "patient_ref_key") or _UNKNOWN
    return who.removeprefix(PATIENT_KEYS) if who.startswith(PATIENT_KEYS) else None


def text_in(item: Mapping[str, Any], name: str) -> str | None:
    found: str | None = item.get(name, {}).get("S")
    return found


def number_in(item: Mapping[str, Any], name: str) -> int:
    return int(item.get(name, {}).get("N", 0))
