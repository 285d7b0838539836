"""Decide whose a document or a session is: the call behind `carefile assign`, and behind every page that decides.

A decision is a request to the deployment: its function AssignPatient checks it, records it and says what has to be
filed again; its reassignment does that. Nothing here knows a terminal, a page or a server.

    decider = Decider(connection)
    wish = Wish(DecisionType.ASSIGN, "Dr. Rey", reason="name and birth date agree", key="scan.pdf", patient_id="Ana_7")
    decider.preview(wish)                   what it would move; records nothing
    started = decider.decide(wish, seen)    records it and starts the move; Changed if it is not what was looked at
    decider.follow(started, patience)       how it ended
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.patients.assigning import Assigner, Started
from carefile.cli.problem import Problem
from carefile.core.model import DecisionType

_MOST_CHARACTERS = 256  # of a name, by the schema


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody decides, and why: that a document or session is a patient's (ASSIGN), that it is nobody's (NOBODY),
    or that an earlier decision no longer holds (TAKE_BACK).

    One of `key` (a landing key), `prefix` (a folder of the layout) and `session_id` names it; the key or folder of any
    object of a session means the whole session. `patient_id` goes with ASSIGN only. `taken_from`: the patients under
    whom it may be filed now, who would otherwise refuse the decision. `decided_by` is recorded as it stands here; the
    principal of the credentials is recorded beside it.
    """

    type: DecisionType
    decided_by: str
    reason: str | None = None
    key: str | None = None
    prefix: str | None = None
    session_id: str | None = None
    bucket: str | None = None
    patient_id: str | None = None
    taken_from: tuple[str, ...] = ()

    def to_request(self) -> dict[str, Any]:
        """The request, by schemas/patient_identified.v2.json."""
        pairs = {
            "decision": self.type.value,
            "patient_id": self.patient_id,
            "decided_by": self.decided_by,
            "reason": self.reason,
            "session_id": self.session_id,
            "prefix": self.prefix,
            "key": self.key,
            "bucket": self.bucket,
            "from": sorted(set(self.taken_from)) or None,
        }
        return {name: value for name, value in pairs.items() if value is not None}


class Changed(Problem):
    """A document is no longer what the person looked at. `now` is its entry, or None if it is filed no more."""

    def __init__(self, now: Entry | None) -> None:
        super().__init__(
            "it changed while you looked at it" if now else "it is not filed any more",
            "look at it again, then decide",
        )
        self.now = now


class Decider:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._assigner, self._entries = Assigner(connection), Entries(connection)

    def preview(self, wish: Wish) -> dict[str, Any]:
        """Return what would be moved, recording nothing; a Problem if the deployment refuses the decision.

        {subject, decision, patient_id?, from, filed: [{folder, objects}], to?, nothing_to_move}
        """
        return self._assigner.plan(wish.to_request())

    def decide(self, wish: Wish, seen: Entry | None = None) -> Started:
        """Start the reassignment that records the decision and files all that it concerns anew, or redrive the one that
        failed on the same decision.

        `seen` is the catalog's entry that the person looked at, of a document: Changed if that is no longer what would
        be decided about. A session is named as a whole, whatever came to it meanwhile.
        """
        request: dict[str, Any] = {
            "source": "carefile.intake",
            "detail-type": "Patient Identified",
            "detail": wish.to_request(),
            "principal": principal_of(self._connection),
        }
        if seen is not None and not seen.is_session:
            subject = self.preview(wish)["subject"]
            self._require_unchanged(seen, subject)
            # The function compares once more, as it records the decision.
            request["seen"] = {"folder": subject["folder"], "version": subject["version"]}
        return self._assigner.start(request)

    def note(self, prefix: str, by: str, text: str) -> None:
        """Leave a note about what is filed in a folder, which decides nothing; a Problem if it cannot be recorded."""
        note = {"id": uuid.uuid4().hex, "prefix": prefix, "by": by, "text": text}
        self._assigner.ask({"note": note | {"principal": principal_of(self._connection)}})

    def follow(self, started: Started, patience: timedelta) -> dict[str, Any]:
        """Wait for the end and return {execution, redriven, status, error, reason, result}; `status` is RUNNING after
        the timeout."""
        return self._assigner.follow(started, patience)

    def _require_unchanged(self, seen: Entry, subject: Mapping[str, Any]) -> None:
        now = self._entries.get(seen.source_id)
        # Without versioning an entry has no version, and its revision alone distinguishes it from what was filed since.
        version = seen.landing_version or subject.get("version")
        is_same = now is not None and now.revision == seen.revision
        if not is_same or (subject.get("folder"), subject.get("version")) != (seen.prefix, version):
            raise Changed(now)


def principal_of(connection: Connection) -> str:
    """Return the ARN of whoever these credentials are."""
    principal: str = connection.client("sts").get_caller_identity()["Arn"]
    return principal


def name_of(connection: Connection) -> str:
    """Return what decisions call whoever gives no name: the principal of the credentials, in the room that there is."""
    return principal_of(connection)[-_MOST_CHARACTERS:]
