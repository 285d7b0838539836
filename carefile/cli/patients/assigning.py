"""Decide whose something is, or that two patients are one: plan, start or resume, and follow the machine that moves it.

The machine's first function alone decides what a request refers to and whether it is allowed; this module calls it. If
an execution failed on the same request, it is redriven instead of starting another.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import ENDED_BADLY, reason_in
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import advice_for
from carefile.core.errors import AssignmentConflict, RejectedAssignment, RejectedEvent

_LOOKED_AT = 100  # failed executions, the latest first
_REDRIVABLE = "REDRIVABLE"
_REFUSED = frozenset(it.__name__ for it in (AssignmentConflict, RejectedAssignment, RejectedEvent))


@dataclass(frozen=True, slots=True)
class Started:
    """An execution, started or redriven."""

    arn: str
    redriven: bool


class Assigner:
    """`function` is the first one of the `machine`."""

    def __init__(
        self,
        connection: Connection,
        machine: str = "ReassignPatientStateMachineArn",
        function: str = "AssignPatient",
    ) -> None:
        self._connection = connection
        self._client = connection.client("stepfunctions")
        self._machine = connection.output(machine)
        self._function = function

    def plan(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Preview the move without recording anything; raise a Problem if the deployment refuses it."""
        return self.ask({"input": request, "only_plan": True})

    def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Call the function itself; raise a Problem if it refuses."""
        done = self._connection.client("lambda").invoke(
            FunctionName=self._connection.function(self._function), Payload=json.dumps(message).encode()
        )
        answer: dict[str, Any] = json.loads(done["Payload"].read() or b"{}")
        if done.get("FunctionError"):
            reason = str(answer.get("errorMessage", "")).partition(": ")
            raise Problem(reason[2] or reason[0], advice_for(answer.get("errorType")).to_do)
        return answer

    def start(self, request: Mapping[str, Any]) -> Started:
        """Start the machine, or redrive the execution that failed on the same request.

        One that was refused recorded nothing and would decide as of then, against what was decided since: it is left.
        """
        for arn in self._failed():
            self._connection.quotas.describe.take()
            found = self._client.describe_execution(executionArn=arn)
            resumes = found.get("redriveStatus") == _REDRIVABLE and found.get("error") not in _REFUSED
            if resumes and json.loads(found["input"]) == request:
                self._client.redrive_execution(executionArn=arn)
                return Started(arn, redriven=True)
        started = self._client.start_execution(
            stateMachineArn=self._machine, input=json.dumps(request, ensure_ascii=False)
        )
        return Started(started["executionArn"], redriven=False)

    def follow(self, started: Started, patience: timedelta) -> dict[str, Any]:
        """Wait for the execution's end and return its result; after the timeout, its state so far."""
        deadline, pause = time.monotonic() + patience.total_seconds(), 0.3
        while True:
            self._connection.quotas.describe.take()
            found = self._client.describe_execution(executionArn=started.arn)
            if found["status"] != "RUNNING" or time.monotonic() > deadline:
                return {
                    "execution": started.arn,
                    "redriven": started.redriven,
                    "status": found["status"],
                    "error": found.get("error"),
                    "reason": reason_in(found.get("cause")),
                    "result": json.loads(found.get("output") or "{}"),
                }
            time.sleep(pause)
            pause = min(pause * 1.5, 5.0 if self._connection.endpoint is None else 1.0)

    def _failed(self) -> list[str]:
        pages = (
            self._client.list_executions(
                stateMachineArn=self._machine, statusFilter=status, maxResults=_LOOKED_AT
            )
            for status in ENDED_BADLY
        )
        found = [item for page in pages for item in page["executions"]]
        latest = sorted(found, key=lambda item: item["stopDate"], reverse=True)
        return [item["executionArn"] for item in islice(latest, _LOOKED_AT)]
