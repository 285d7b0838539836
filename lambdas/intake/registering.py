"""Patients that an EHR states by event, taken from the queue that the events wait in.

A queue delivers at least once and in no order: a statement that says nothing new changes nothing, and none replaces
what the same source stated later. What can never be taken goes to the dead letters at once, with the reason; what
failed otherwise stays in the queue, which tries it again.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.errors import CarefileError, RejectedEvent, RejectedPatient
from carefile.core.messages.registration import parse
from carefile.core.patients.entries import Change
from lambdas.adapters.boundary import logger, translated
from lambdas.adapters.contracts import accept_registration
from lambdas.adapters.people.patients import Patients
from lambdas.adapters.refused import Refused

_FOR_GOOD = (RejectedEvent, RejectedPatient)


@dataclass(frozen=True)
class Registering:
    patients: Patients
    refused: Refused

    def register(self, event: Mapping[str, Any]) -> Change:
        """State the patient of an event; RejectedEvent or RejectedPatient where there is none in it."""
        accept_registration(event)
        asked = parse(event)
        return self.patients.state(asked.patient_id, asked.source, asked.statement)

    def take(self, messages: Iterable[Mapping[str, Any]]) -> list[str]:
        """Register what waits in these messages; return the ids of those that are to be tried again."""
        again: list[str] = []
        for message in messages:
            try:
                logger.info("registered", entry=self.register(_event_in(message["body"])).value)
            except _FOR_GOOD as error:
                self._report(error)
                self.refused.keep(message["body"], error)
            except Exception as error:
                self._report(error if isinstance(error, CarefileError) else translated(error))
                again.append(message["messageId"])
        return again

    @staticmethod
    def _report(error: CarefileError) -> None:
        logger.error("not registered", error=type(error).__name__, reason=str(error).partition(": ")[0])


def _event_in(body: str) -> dict[str, Any]:
    try:
        event = json.loads(body)
    except ValueError:
        event = None
    if not isinstance(event, dict):
        raise RejectedEvent("malformed-input: the message holds no event")
    return event
