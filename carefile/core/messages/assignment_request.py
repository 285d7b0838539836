"""A request for an assignment, by the event `Patient Identified` or typed by a person, and its subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from carefile.core.deciding.identity import identity
from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import RejectedAssignment
from carefile.core.filing.layout import Owner
from carefile.core.messages.events import iso_8601
from carefile.core.messages.sender import Sender
from carefile.core.model import UNNAMED, Decision, DecisionType


@dataclass(frozen=True, slots=True)
class AssignmentRequest:
    """What is decided, by whom and why; whose it is (of an assignment only), whom it may be taken from, and one name of
    it: a session's id, a folder of the layout, or a landing key (in a bucket, or in the one there is).

    `seen` is the folder and the version that a person looked at, where the sender says so; `sender` who sent it.
    """

    patient_id: str | None
    replacing: frozenset[str]
    type: DecisionType = DecisionType.ASSIGN
    decided_by: str = UNNAMED
    decided_at: str | None = None
    reason: str | None = None
    sender: Sender = field(default_factory=Sender)
    seen: tuple[str, str | None] | None = None
    session_id: str | None = None
    prefix: str | None = None
    key: str | None = None
    bucket: str | None = None

    def decision(self, at: str) -> Decision:
        """The decision, taken at a moment at the latest: a clock that is ahead puts it before none that comes later."""
        return Decision(self.type, self.decided_by, min(self.decided_at or at, at), self.reason)


@dataclass(frozen=True, slots=True)
class Subject:
    """What is assigned: a session, by its source tree, or a version of a document, by its landing key and folder;
    `uploaded` when that version was."""

    bucket: str
    path: str
    session_id: str | None = None
    folder: str | None = None
    version: str | None = None
    uploaded: str | None = field(default=None, compare=False)

    @property
    def owner(self) -> Owner:
        return Owner(self.bucket, self.path, tree=self.session_id is not None)

    def to_json(self) -> dict[str, str]:
        pairs = {
            "bucket": self.bucket,
            "path": self.path,
            "session_id": self.session_id,
            "folder": self.folder,
            "version": self.version,
        }
        return {name: value for name, value in pairs.items() if value is not None}


def shape_of(data: object) -> str:
    """The definition in `schemas/patient_identified.v2.json` that an input is held against."""
    return "event" if isinstance(data, Mapping) and "detail-type" in data else "request"


def parse(data: Mapping[str, Any], rules: RuleTable) -> AssignmentRequest:
    """The request in an input that its schema accepts. RejectedAssignment where it assigns something to a placeholder.

    Taking something from `unknown` needs no word, so a placeholder there says nothing. What is around the detail of an
    event may say who sent it (`principal`) and what they looked at (`seen`: folder and version).
    """
    around = data if shape_of(data) == "event" else {}
    asked = data["detail"] if around else data
    decision = DecisionType(asked.get("decision", DecisionType.ASSIGN))
    patient_id = identity(asked.get("patient_id", "")) if decision is DecisionType.ASSIGN else None
    if patient_id is not None and rules.is_placeholder(patient_id):
        raise RejectedAssignment(
            "placeholder-patient: the patient id stands for nobody; give the id of the patient it belongs to"
        )
    named = asked.get("from", ())
    named = [named] if isinstance(named, str) else named
    replacing = {identity(name) for name in named if not rules.is_placeholder(name)} - {patient_id}
    names = {name: asked.get(name) for name in ("session_id", "prefix", "key", "bucket")}
    decided_at = asked.get("decided_at")
    return AssignmentRequest(
        patient_id,
        frozenset(replacing),
        decision,
        asked.get("decided_by", UNNAMED),
        iso_8601(datetime.fromisoformat(decided_at)) if decided_at else None,
        asked.get("reason"),
        Sender.of(data),
        _seen(around.get("seen")),
        **names,
    )


def _seen(given: object) -> tuple[str, str | None] | None:
    if not isinstance(given, Mapping) or not isinstance(given.get("folder"), str):
        return None
    version = given.get("version")
    return given["folder"], version if isinstance(version, str) else None
