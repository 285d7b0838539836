"""Locate a patient's sessions, and the id that each loads by, for their readers: an assistant, a script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carefile.core.filing.layout import Layout, manifest_key
from carefile.core.filing.names import SESSION_PREFIX, with_session_prefix
from carefile.core.model import Patient

if TYPE_CHECKING:
    from carefile.cli.aws.connection import Connection

Answer = dict[str, dict[str, Any]]


def where(
    patient_id: str | None,
    session_id: str | None = None,
    *,
    prefix: str = "processed/",
    deployed: Connection | None = None,
) -> Answer:
    """Locate a patient's sessions (None: the unknown patient's), in the form of the catalog event.

    With a session, `session_info.load_by` gives the prefix and the id that each of the SDK's session managers loads it
    by. Without `deployed` the answer is computed, and correct unless another source tree with the same id claimed that
    folder first. With `deployed` (from `carefile.cli.aws.connection.connect()`) the catalog is queried, and a Problem
    is raised if sessions of several source trees have the id.
    """
    if deployed is not None and session_id is not None:
        from carefile.cli.problem import Problem

        found = list(sessions_named(deployed, patient_id, session_id))
        if len(found) > 1:
            raise Problem(
                f"{len(found)} source trees have a session with that id",
                "list them with `carefile where --session`",
            )
        if found:
            return found[0].answer
    layout = deployed.layout if deployed is not None else Layout(prefix)
    answer = _of_patient(layout, patient_id)
    if session_id is None:
        return answer
    name = with_session_prefix(session_id)
    folder = f"{layout.session_stem(Patient(patient_id), session_id)}/"
    return _Session(answer, folder, name.removeprefix("session_")).answer


def sessions_named(deployed: Connection, patient_id: str | None, session_id: str) -> Iterator[_Session]:
    """Look up a patient's sessions with this id in the catalog (None: the unknown patient's); plain folder first.

    An id that starts with `session_` may be the layout's form of it or a session manager's own.
    """
    from carefile.cli.aws.entries import Entries

    layout, patient = deployed.layout, Patient(patient_id)
    names = list(dict.fromkeys((with_session_prefix(session_id), f"{SESSION_PREFIX}{session_id}")))
    stems = [stem for name in names for stem in layout.session_stems(patient, name)]
    prefixes = sorted(
        (
            found.prefix
            for found in Entries(deployed).sessions_of(patient_id)
            if any(found.prefix.startswith(stem) for stem in stems)
        ),
        key=lambda prefix: (len(prefix), prefix),
    )
    for prefix in prefixes:
        if (name := _session_in(deployed, prefix)) in names:
            yield _Session(_of_patient(layout, patient_id), prefix, name.removeprefix("session_"))


@dataclass(frozen=True, slots=True)
class _Session:
    """A session's folder, and the id its writer gave it."""

    of_patient: Answer
    folder: str
    id: str

    @property
    def answer(self) -> Answer:
        sessions = self.of_patient["patient_context"]["session_prefix"]
        name = self.folder.removeprefix(sessions).rstrip("/")
        info = {
            "session_id": name,
            "load_by": {
                "S3SessionManager": {"prefix": sessions, "session_id": name.removeprefix("session_")},
                # The SDK's S3Storage doubles a slash at the end of the prefix.
                "SnapshotSessionManager": {"prefix": self.folder.rstrip("/"), "session_id": self.id},
            },
        }
        return {**self.of_patient, "session_info": info | self.of_patient["session_info"]}


def _of_patient(layout: Layout, patient_id: str | None) -> Answer:
    return {
        "patient_context": {
            "session_prefix": layout.session_prefix(Patient(patient_id)),
            "consistent_with_documents": True,
        },
        "session_info": {"structure_pattern": layout.structure_pattern},
    }


def _session_in(deployed: Connection, folder: str) -> str:
    """The id of the session that claimed the folder, as it was written."""
    client = deployed.client("s3")
    try:
        found = json.loads(
            client.get_object(Bucket=deployed.processed, Key=manifest_key(folder))["Body"].read()
        )
    except (client.exceptions.NoSuchKey, ValueError):
        return ""
    return str(found.get("session_id", "")) if isinstance(found, dict) else ""
