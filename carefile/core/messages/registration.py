"""The event `Patient Registered`: which patient a system states, and when it said so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from carefile.core.deciding.damaged_numbers import damaged_number
from carefile.core.deciding.identity import identity
from carefile.core.errors import RejectedPatient
from carefile.core.patients.entries import Statement
from carefile.core.patients.moments import moment

DEFAULT_SOURCE = "carefile.intake"


@dataclass(frozen=True, slots=True)
class Registration:
    patient_id: str
    source: str
    statement: Statement


def parse(event: Mapping[str, Any]) -> Registration:
    """The registration in an event that its schema accepts. RejectedPatient where its id cannot be a patient's.

    A sender's clock that is ahead does not put its statement before those that come later.
    """
    detail = event["detail"]
    patient_id = identity(detail["patient_id"])
    if not patient_id:
        raise RejectedPatient("no-patient-id: the patient id is blank")
    if damaged_number(patient_id):
        raise RejectedPatient(
            "damaged-patient-id: a spreadsheet or a program has damaged the patient id (1.2E+11, 4711.0, a date); "
            "send the id as text"
        )
    statement = Statement.from_json(detail)
    moments = filter(None, (statement.stated_at, moment(str(event.get("time", "")))))
    return Registration(
        patient_id,
        detail.get("source", DEFAULT_SOURCE),
        replace(statement, stated_at=min(moments, default="")),
    )
