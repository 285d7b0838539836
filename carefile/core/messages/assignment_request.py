"""A request for an assignment, by the event `Patient Identified` or typed by a person, and its subject."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.deciding.identity import identity
from carefile.core.deciding.rules import RuleTable
from carefile.core.errors import RejectedAssignment
from carefile.core.filing.layout import Owner


@dataclass(frozen=True, slots=True)
class AssignmentRequest:
    """Whose it is, whom it may be taken from, and one name of it: a session's id, a folder of the layout, or a landing
    key (in a bucket, or in the one there is)."""

    patient_id: str
    replacing: frozenset[str]
    session_id: str | None = None
    prefix: str | None = None
    key: str | None = None
    bucket: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is assigned: a session, by its source tree, or a version of a document, by its landing key and folder."""

    bucket: str
    path: str
    session_id: str | None = None
    folder: str | None = None
    version: str | None = None

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
    """The request in an input that its schema accepts. RejectedAssignment where it names no patient.

    Taking something from `unknown` needs no word, so a placeholder there says nothing.
    """
    asked = data["detail"] if shape_of(data) == "event" else data
    patient_id = identity(asked.get("patient_id", ""))
    if rules.is_placeholder(patient_id):
        raise RejectedAssignment(
            "placeholder-patient: the patient id stands for nobody; give the id of the patient it belongs to"
        )
    named = asked.get("from", ())
    named = [named] if isinstance(named, str) else named
    replacing = {identity(name) for name in named if not rules.is_placeholder(name)} - {patient_id}
    names = {name: asked.get(name) for name in ("session_id", "prefix", "key", "bucket")}
    return AssignmentRequest(patient_id, frozenset(replacing), **names)
