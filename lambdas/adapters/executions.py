"""The executions of the state machine, as far as functions need them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.literals import ExecutionStatusType


@dataclass(frozen=True, slots=True)
class Execution:
    """`status` in Step Functions' own words; `output` is empty until the execution succeeded."""

    status: str
    input: Any
    output: dict[str, Any]
    error: str | None
    cause: str | None
    stopped: datetime | None


@dataclass(frozen=True, slots=True)
class Listed:
    """An execution as a list shows it."""

    arn: str
    started: datetime


class Executions:
    def __init__(self, step_functions: SFNClient) -> None:
        self._step_functions = step_functions

    def start(self, machine: str, name: str, data: Any) -> bool:
        """Start an execution of this name; False if there is one already."""
        try:
            self._step_functions.start_execution(stateMachineArn=machine, name=name, input=json.dumps(data))
        except self._step_functions.exceptions.ExecutionAlreadyExists:
            return False
        return True

    def describe(self, arn: str) -> Execution:
        """Describe an execution. Its status-change events omit what is long or encrypted."""
        found = self._step_functions.describe_execution(executionArn=arn)
        output = json.loads(found.get("output") or "{}")
        return Execution(
            found["status"],
            json.loads(found.get("input") or "null"),
            output if isinstance(output, dict) else {},
            found.get("error"),
            found.get("cause"),
            found.get("stopDate"),
        )

    def listed(self, machine: str, status: ExecutionStatusType, most: int) -> Iterator[Listed]:
        """List the machine's executions with this status, newest first."""
        pages = self._step_functions.get_paginator("list_executions").paginate(
            stateMachineArn=machine, statusFilter=status
        )
        found = (item for page in pages for item in page["executions"])
        for item in islice(found, most):
            yield Listed(item["executionArn"], item["startDate"])
