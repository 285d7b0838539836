"""What goes into the record of decisions, besides the ledger and the directory, which have what holds now: decisions,
merges, and notes, each once however often it is retried."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from carefile.core.deciding.standing import Standing
from carefile.core.errors import RejectedAssignment
from carefile.core.messages.assignment_request import AssignmentRequest, Subject
from carefile.core.messages.events import iso_8601
from carefile.core.messages.merge_request import MergeRequest
from carefile.core.messages.note_request import NoteRequest
from carefile.core.messages.sender import Sender
from carefile.core.model import Decision, Source, digest
from carefile.core.records.decisions import NOTE
from carefile.core.records.session_entries import Place
from lambdas.adapters.ledger import Ledger

if TYPE_CHECKING:
    from lambdas.adapters.people.decisions import Decisions

Json = dict[str, Any]


@dataclass(frozen=True)
class Recording:
    """`decisions` is None in a function that may not write the record."""

    decisions: Decisions | None
    ledger: Ledger
    now: Callable[[], datetime]

    def decided(
        self,
        request: AssignmentRequest,
        subject: Subject,
        before: Standing,
        decided: Standing,
        execution: str,
    ) -> None:
        """Add a decision about a session or document, also where an earlier attempt ended before it did."""
        decision = decided.decision
        if decision is None:
            return
        patients = {decided.patient_id, before.patient_id, before.hinted, *decided.leaving, *before.leaving}
        content = _of(subject) | {"patients": sorted(filter(None, patients))}
        if request.patient_id is not None:
            content["patient_id"] = request.patient_id
        self._add(decision, content, request.sender, execution, about=subject.owner.owner_id)

    def taken_out(self, data: Mapping[str, Any]) -> Json:
        """Add that something was taken out of the layout, or is to be filed again: what the ledger has, and nothing
        else. Returns {recorded}."""
        source, decision = Source(data["bucket"], data["key"]), Decision.from_json(data["decision"])
        if decision not in self.ledger.read(source).taken_out.values():
            raise RejectedAssignment(
                "nothing-decided: the ledger has no such decision about that landing key"
            )
        patient = data.get("patient")
        content = {"bucket": source.bucket, "key": source.key, "patients": [patient] if patient else []}
        return {"recorded": self._add(decision, content, Sender(data.get("principal")))}

    def merged(self, request: MergeRequest, decision: Decision, sender: Sender, execution: str) -> None:
        """Add that two patients are one, or two again, by the decision that stands in the directory."""
        both = {"from": request.from_id, "patient_id": request.into_id}
        self._add(decision, both | {"patients": sorted(both.values())}, sender, execution)

    def noted(self, request: NoteRequest, subject: Subject, place: Place) -> Json:
        """Add a note about what is filed at a place, where whoever looks next finds it. Returns {recorded}."""
        if self.decisions is None:
            return {"recorded": False}
        payload = {
            **_of(subject),
            "type": NOTE,
            "decided_by": request.by,
            "decided_at": iso_8601(self.now()),
            "reason": request.text,
            "patients": [],
            **request.sender.to_json(),
        }
        about = subject.owner.owner_id if subject.session_id is None else place.key
        return {"recorded": self.decisions.record(request.id, NOTE, payload, about=about)}

    def _add(
        self, decision: Decision, content: Json, sender: Sender, execution: str = "", about: str | None = None
    ) -> bool:
        if self.decisions is None:
            return False
        subject = [str(content.get(name, "")) for name in ("bucket", "key", "tree", "version", "patient_id")]
        subject += [content["from"]] if "from" in content else []
        id_ = digest("decision", *subject, json.dumps(decision.to_json(), sort_keys=True))
        run = {"execution": execution} if execution else {}
        payload = content | decision.to_json() | sender.to_json() | run
        return self.decisions.record(id_, decision.type.value, payload, about=about)


def _of(subject: Subject) -> Json:
    """What a record is about, in the words that it keeps."""
    content: Json = subject.to_json()
    return content | {("tree" if subject.session_id is not None else "key"): content.pop("path")}
