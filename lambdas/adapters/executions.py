"""The executions of the state machine, as far as a function asks for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, slots=True)
class Execution:
    """`status` in Step Functions' own words; `output` is empty until the execution succeeded."""

    status: str
    input: Any
    output: dict[str, Any]
    error: str | None
    cause: str | None
    stopped: datetime | None


class Executions:
    def __init__(self, step_functions: SFNClient) -> None:
        self._step_functions = step_functions

    def describe(self, arn: str) -> Execution:
        """How an execution stands now. Its status-change events say less: they leave out what is long or encrypted."""
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
