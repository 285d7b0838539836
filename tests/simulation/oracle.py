"""What ought to be, by the design's own words and without any of the project's code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.simulation.scenario import LandingKey

if TYPE_CHECKING:
    from tests.simulation.actors import Judge

PREFIX = "processed/"
_SUFFIX = re.compile(r"(-[0-9a-f]{8}|-[0-9a-f]{16}|-[0-9a-f]{32})?")
_HEX = re.compile(r"-[0-9a-f]{8,32}")
Hints = tuple[tuple[str, str], ...]
NOBODYS = {"nobodys": "yes"}  # a hint by which something is nobody's


def without_partition(listed: str) -> str:
    """What the catalog lists something under, in whichever of its partitions."""
    return listed if listed.startswith("PATIENT#") else listed.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Uploaded:
    """A version as it was uploaded; `number` orders the versions of all keys."""

    name: str
    number: int
    key: LandingKey
    version: str
    body: bytes
    metadata: str | None
    content: str | None
    tags: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A submission with hints. `version` is None where the submitter named none, and means the one that is current when
    the decision is recorded first; `body` are the bytes that it holds for whenever they are sent again."""

    name: str
    key: LandingKey
    version: str | None
    hints: Hints
    at: datetime
    body: bytes | None = None

    def is_about_bytes_of(self, upload: Uploaded) -> bool:
        return self.body is not None and self.key == upload.key and self.body == upload.body


@dataclass(frozen=True, slots=True)
class Assigned:
    """Whose a session is by a person's word, and the patients it was taken from."""

    patient: str | None  # without one, it is nobody's, or judged by what it is
    replaced: frozenset[str]
    at: datetime
    nobodys: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version belongs. `plain` is the folder's name when nobody else has it; `owner` who may have it."""

    plain: str
    owner: str
    objects: tuple[str, ...]
    is_session: bool
    patient: str | None
    nobodys: bool = False  # by a person's word

    @property
    def listed(self) -> str:
        """What the catalog lists it under."""
        if self.patient is None:
            return "NOBODYS" if self.nobodys else "UNKNOWN"
        return f"PATIENT#{self.patient}"

    def of_nobody(self) -> Place:
        """Where it is while its patient is not known."""
        if self.patient is None:
            return self
        rest = self.plain.removeprefix(f"{PREFIX}{self.patient}")
        return replace(self, plain=f"{PREFIX}unknown{rest}", patient=None)

    def has(self, folder: str) -> bool:
        """Whether this folder is one that the version may be in."""
        rest = folder.removesuffix("/")
        if not rest.startswith(self.plain):
            return False
        suffix = rest[len(self.plain) :]
        if not self.is_session and self.plain.endswith("_medical_notes"):
            return _HEX.fullmatch(suffix) is not None
        return _SUFFIX.fullmatch(suffix) is not None


def tree_of(key: LandingKey) -> str:
    return key.tree or key.key


def place_of(
    upload: Uploaded,
    hints: Hints = (),
    assigned: Assigned | None = None,
    merged: Mapping[str, str] = MappingProxyType({}),
) -> Place:
    """Where a version belongs; `merged` says of ids which patient each means."""
    key, hint = upload.key, dict(hints)
    is_session = hint.get("kind", "session" if key.session else "document") == "session"
    hinted = hint.get("patient_id")
    hinted = hinted and merged.get(hinted, hinted)
    patient = hinted or _patient(upload, merged, is_session=is_session)
    nobodys = assigned.nobodys if assigned and (assigned.nobodys or assigned.patient) else "nobodys" in hint
    if nobodys:
        patient = None
    elif assigned and assigned.patient:
        agreeing = {merged.get(one, one) for one in (*assigned.replaced, assigned.patient)}
        patient = merged.get(assigned.patient, assigned.patient)
        patient = patient if hinted is None or hinted in agreeing else None
    who = f"{PREFIX}{patient or 'unknown'}"
    if is_session:
        session = hint.get("session_id") or key.session or key.stem
        if not session.startswith("session_"):
            session = f"session_{session}"
        tree = tree_of(key)
        path = key.key.removeprefix(tree) or key.file
        return Place(f"{who}_medical_notes/{session}", f"tree {tree}", (path,), True, patient, nobodys)
    name = hint.get("document_name") or key.stem
    files = (f"original.{key.extension}", "extracted_data.json", "result.html", "_manifest.json")
    return Place(f"{who}_{name}", f"source {key.key}", files, False, patient, nobodys)


def _patient(upload: Uploaded, merged: Mapping[str, str], *, is_session: bool) -> str | None:
    """Sources that name different patients name nobody."""
    if not upload.key.believed:
        return None
    sources = (upload.key.patient, upload.metadata, None if is_session else upload.content)
    named = {merged.get(one, one) for one in sources if one is not None}
    return named.pop() if len(named) == 1 else None


@dataclass
class Known:
    """All that was ever uploaded and decided."""

    uploads: list[Uploaded] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    meant: dict[str, str] = field(
        default_factory=dict
    )  # by a decision that named no version, which one was found
    assignments: dict[str, list[Assigned]] = field(default_factory=dict)  # of a tree, the last one holds
    clean: set[tuple[str, str]] = field(default_factory=set)  # key and version, by a verdict that was told
    refused: set[tuple[str, str]] = field(
        default_factory=set
    )  # those of them that a later one said otherwise of
    judges: tuple[Judge, ...] = ()  # of what further actors decided
    merged: list[dict[str, str]] = field(default_factory=lambda: [{}])  # what ids meant; the last holds

    def assign(self, tree: str, patient: str, replacing: str | None, at: datetime) -> bool:
        """Whether the decision holds: it takes the session from nobody, or from whom it says."""
        history = self.assignments.setdefault(tree, [])
        last = history[-1] if history else None
        if last and last.patient and last.patient not in (patient, replacing):
            return False
        replaced = (last.replaced if last else frozenset()) | ({replacing} - {None, patient})
        history.append(Assigned(patient, replaced, at))
        return True

    def reverse(self, tree: str, *, back: bool, at: datetime) -> None:
        """The session is nobody's by a person's word, or what was decided about it no longer holds."""
        history = self.assignments.setdefault(tree, [])
        last = history[-1] if history else None
        replaced = frozenset({last.patient} - {None}) | last.replaced if last and not back else frozenset()
        history.append(Assigned(None, replaced, at, nobodys=not back))

    def assigned(self, key: LandingKey) -> Assigned | None:
        return next(reversed(self.assignments.get(tree_of(key), [])), None) if key.session else None

    def taken_out(self, upload: Uploaded) -> bool:
        return any(judge.takes_out(upload) for judge in self.judges)

    def forgotten(self, key: str) -> bool:
        return any(judge.forgets(key) for judge in self.judges)

    def of_version(self, key: str, version: str) -> Uploaded | None:
        return next((u for u in self.uploads if u.key.key == key and u.version == version), None)

    def about(self, decision: Decision) -> str | None:
        """The version that a decision is about; None where it was not recorded yet."""
        return decision.version or self.meant.get(decision.name)

    def possible(self, upload: Uploaded) -> Sequence[Place]:
        """Every place that some decision taken so far, or none, gives to this version."""
        hints: list[Hints] = [()]
        for decision in self.decisions:
            named = decision.key == upload.key and self.about(decision) in (None, upload.version)
            if named or decision.is_about_bytes_of(upload):
                hints.append(decision.hints)
        history = self.assignments.get(tree_of(upload.key), []) if upload.key.session else []
        places: Sequence[Place] = [
            place_of(upload, found, assigned, merged)
            for found in hints
            for assigned in (None, *history)
            for merged in self.merged
        ]
        for judge in self.judges:
            places = judge.ever(upload, places)
        return places
