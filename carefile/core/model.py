"""The words of Carefile as types: every value that passes between its parts.

Invariants: all values are frozen; a `Patient` is known exactly when it has an id; a `source_id` is a pure function of
bucket and key, so it can stand for a source wherever the key itself, which may name a patient, must not appear.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

LAYOUT_VERSION = "1"
# Who decided what names nobody: the source of the events by which decisions are sent.
UNNAMED = "system:carefile.intake"
# How a content digest begins of which two equal ones prove that the bytes are the same.
PROOF = "sha256:"


class Kind(StrEnum):
    DOCUMENT = "document"
    SESSION = "session"

    @property
    def data_type(self) -> str:
        return "medical_notes" if self is Kind.SESSION else "document"


class PatientStatus(StrEnum):
    KNOWN = "known"
    UNKNOWN = "unknown"


class UnknownReason(StrEnum):
    NO_EVIDENCE = "no-evidence"
    CONFLICT = "conflict"
    UNLISTED = "unlisted"


class Disposition(StrEnum):
    """How an intake ended successfully. A failed intake is a failed execution."""

    CATALOGED = "cataloged"
    DUPLICATE = "duplicate"
    SUPERSEDED = "superseded"
    WITHDRAWN = "withdrawn"
    IGNORED = "ignored"
    UNFILED = "unfiled"


class EvidenceSource(StrEnum):
    ASSIGNMENT = "assignment"
    HINT = "hint"
    METADATA = "metadata"
    KEY = "key"
    CONTENT = "content"
    TEXT = "text"
    PICTURE = "picture"
    DIRECTORY = "directory"


class DecisionType(StrEnum):
    """What was decided: whose something is, that it is nobody's, that an earlier decision no longer holds, that it is
    not to be filed, or what two patients of the directory are to each other."""

    ASSIGN = "assign"
    NOBODY = "nobody"
    TAKE_BACK = "take-back"
    UNFILE = "unfile"
    HINT = "hint"
    MERGE = "merge"
    UNMERGE = "unmerge"


class ReadingStatus(StrEnum):
    """How far the pages of a scan have been read."""

    PENDING = "pending"
    DONE = "done"
    FAILED = "failed"
    OFF = "off"


class Trust(StrEnum):
    """How far a source of evidence is trusted, given who may write below the prefix that a rule describes."""

    DECIDES = "decides"
    MAY_CONTRADICT = "may-contradict"
    IGNORE = "ignore"


def digest(*parts: str) -> str:
    """128 bits of SHA-256 over the parts, as 32 hex digits; no two different lists of parts share their input."""
    encoded = [part.encode("utf-8", "surrogatepass") for part in parts]
    return hashlib.sha256(b"".join(len(data).to_bytes(4, "big") + data for data in encoded)).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Source:
    """A landing key: what an intake is about. Its versions come and go; it stays."""

    bucket: str
    key: str

    @property
    def source_id(self) -> str:
        return digest("source", self.bucket, self.key)


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided what, when and why. `decided_by` is as claimed by whoever sent it: a person, or `system:<source>`."""

    type: DecisionType
    decided_by: str
    decided_at: str
    reason: str | None = None

    def to_json(self) -> dict[str, str]:
        data = {"type": self.type.value, "decided_by": self.decided_by, "decided_at": self.decided_at}
        return data | ({"reason": self.reason} if self.reason else {})

    @classmethod
    def from_json(cls, data: Mapping[str, str]) -> Decision:
        return cls(DecisionType(data["type"]), data["decided_by"], data["decided_at"], data.get("reason"))

    def says_the_same_as(self, other: Decision | None) -> bool:
        """Whether another decision differs in nothing but its time."""
        return other is not None and replace(self, decided_at=other.decided_at) == other


@dataclass(frozen=True, slots=True)
class Hints:
    """What a person or an upstream system decided about a document. It outranks all other evidence.

    `decision` says who decided about the patient, if that is known; `hinted` whose a hint said it was before a person
    decided otherwise.
    """

    kind: Kind | None = None
    patient_id: str | None = None
    document_name: str | None = None
    session_id: str | None = None
    decision: Decision | None = None
    hinted: str | None = None

    @property
    def is_persons(self) -> bool:
        """Whether a person decided whose it is, in words that go beyond a hint."""
        return self.decision is not None and self.decision.type is not DecisionType.HINT

    def to_json(self) -> dict[str, Any]:
        pairs = {
            "kind": self.kind and self.kind.value,
            "patient_id": self.patient_id,
            "document_name": self.document_name,
            "session_id": self.session_id,
            "decision": self.decision and self.decision.to_json(),
            "hinted": self.hinted,
        }
        return {name: value for name, value in pairs.items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Hints:
        kind, decision = data.get("kind"), data.get("decision")
        return cls(
            Kind(kind) if kind else None,
            data.get("patient_id"),
            data.get("document_name"),
            data.get("session_id"),
            Decision.from_json(decision) if decision else None,
            data.get("hinted"),
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """A decision about a whole session, whatever its objects say: whose it is, or, without a patient, what `decision`
    says: that it is nobody's, or that an earlier decision no longer holds. `replaced` are the patients that this
    decision, or one before it, took the session from."""

    patient_id: str | None
    replaced: frozenset[str] = frozenset()
    decision: Decision | None = None

    @property
    def is_nobodys(self) -> bool:
        return self.decision is not None and self.decision.type is DecisionType.NOBODY


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A patient of the directory whose something may be, and the names of the factors that support it."""

    patient_id: str
    supported_by: tuple[str, ...]

    def to_json(self) -> dict[str, object]:
        return {"patient_id": self.patient_id, "supported_by": list(self.supported_by)}


@dataclass(frozen=True, slots=True)
class Reading:
    """How far the pages of a scan have been read, by which engine, how surely (in percent), or why not."""

    status: ReadingStatus
    engine: str | None = None
    confidence: int | None = None
    reason: str | None = None

    def to_json(self) -> dict[str, object]:
        pairs = {
            "status": self.status.value,
            "engine": self.engine,
            "confidence": self.confidence,
            "reason": self.reason,
        }
        return {name: value for name, value in pairs.items() if value is not None}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reading:
        return cls(
            ReadingStatus(data["status"]), data.get("engine"), data.get("confidence"), data.get("reason")
        )


@dataclass(frozen=True, slots=True)
class Observation:
    """One version of a landing object, as HEAD shows it.

    `version` identifies the version for comparison; `version_id` is S3's own id, or None in a bucket without
    versioning, where `version` is made of ETag and modification time instead. `archived`: it has to be restored before
    it can be read. `content_digest` is the algorithm and digest of all its bytes, where S3 has computed one.
    """

    source: Source
    version: str
    version_id: str | None
    etag: str
    size: int
    content_type: str
    last_modified: str
    metadata: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    tag_count: int = 0
    archived: bool = False
    content_digest: str | None = None

    def to_json(self) -> dict[str, object]:
        data: dict[str, object] = {
            "bucket": self.source.bucket,
            "key": self.source.key,
            "etag": self.etag,
            "size": self.size,
            "content_type": self.content_type,
            "last_modified": self.last_modified,
        }
        named = {"version_id": self.version_id, "content_digest": self.content_digest}
        return data | {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Deleted:
    """The landing key holds no object now. `marker` means that a delete marker says so, thus that one was there."""

    source: Source
    marker: bool


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for a classification, used or not, as the operator sees it in the console. `listed`: whether the
    patient directory holds the value, where one was asked."""

    about: str
    source: EvidenceSource
    value: str
    where: str
    used: bool
    listed: bool | None = None

    def to_json(self) -> dict[str, object]:
        data: dict[str, object] = {
            "about": self.about,
            "source": self.source.value,
            "value": self.value,
            "where": self.where,
            "used": self.used,
        }
        return data | ({} if self.listed is None else {"listed": self.listed})


@dataclass(frozen=True, slots=True)
class Patient:
    id: str | None = None
    reason: UnknownReason | None = None

    @property
    def status(self) -> PatientStatus:
        return PatientStatus.UNKNOWN if self.id is None else PatientStatus.KNOWN

    def to_json(self) -> dict[str, str]:
        pairs = {"status": self.status.value, "id": self.id, "reason": self.reason and self.reason.value}
        return {name: value for name, value in pairs.items() if value is not None}


@dataclass(frozen=True, slots=True)
class SessionPart:
    """Where a landing object stands in its session: the session's id, the source tree it is part of, its sub-path.

    `tree` is the landing prefix that holds the session (or the key itself, for a session in one file); it owns the
    session's folder in the layout, so two trees of one session id are never mixed.
    """

    session_id: str
    tree: str
    sub_path: str


@dataclass(frozen=True, slots=True)
class Classification:
    """What a landing object is and whose, with all the evidence. `session` is there exactly for sessions.

    `may_have_plain_name`: False where whoever may write there could otherwise take the place of somebody else's; the
    folder then has a suffix from the start. `decision` is what decided the patient, `suggestions` are whose an
    unknown patient's may be, `warnings` codes of what a person should look at.
    """

    kind: Kind
    patient: Patient
    rule: str
    document_name: str
    extension: str
    session: SessionPart | None
    evidence: tuple[Evidence, ...] = field(default=())
    may_have_plain_name: bool = True
    suggestions: tuple[Suggestion, ...] = ()
    decision: Decision | None = None
    warnings: tuple[str, ...] = ()

    def known_besides(self) -> dict[str, object]:
        """What only some classifications have, as events and records write it."""
        pairs: dict[str, object] = {
            "suggestions": [item.to_json() for item in self.suggestions],
            "decision": self.decision and self.decision.to_json(),
            "warnings": list(self.warnings),
        }
        return {name: value for name, value in pairs.items() if value}

    def to_json(self) -> dict[str, object]:
        name: dict[str, object] = (
            {"session": {"session_id": self.session.session_id, "sub_path": self.session.sub_path}}
            if self.session
            else {"document_name": self.document_name}
        )
        return {
            "kind": self.kind.value,
            "data_type": self.kind.data_type,
            "patient": self.patient.to_json(),
            "rule": self.rule,
            "evidence": [item.to_json() for item in self.evidence],
            **self.known_besides(),
        } | name


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One object of the layout, as it stands in the processed bucket. `content_digest` is of what was copied."""

    key: str
    role: str
    version_id: str | None
    etag: str
    size: int
    content_type: str
    content_digest: str | None = None

    def to_json(self) -> dict[str, object]:
        data: dict[str, object] = {
            "key": self.key,
            "role": self.role,
            "etag": self.etag,
            "size": self.size,
            "content_type": self.content_type,
        }
        return data | ({"version_id": self.version_id} if self.version_id else {})

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> StoredObject:
        return cls(
            data["key"],
            data["role"],
            data.get("version_id"),
            data["etag"],
            data["size"],
            data["content_type"],
        )


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every artifact carries in its metadata: whose it is, of which version, written in which round by whom.

    What is made of a document says how far its pictures are read, and which readers read it. A session's object also
    carries when its landing object was written, why its patient is unknown, and its landing key where its own does not
    say it. `decision` is what decided the patient, as `noted` shortens it. `keeps_place`: it was filed to be read
    again, and nothing that is recognised then moves it.
    """

    source_id: str
    version: str
    revision: int
    execution: str
    modified: str | None = None
    reason: str | None = None
    key: str | None = None
    reading: Reading | None = None
    readers: str | None = None
    decision: Decision | None = None
    keeps_place: bool = False
