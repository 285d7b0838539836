"""The executions of the state machine, as far as a function asks for them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


@dataclass(frozen=True, slots=True)
class Execution:
    """`status` in Step Functions' own words; `output` is empty until the execution succeeded."""

    status: str
    output: dict[str, Any]


class Executions:
    def __init__(self, step_functions: SFNClient) -> None:
        self._step_functions = step_functions

    def status(self, arn: str) -> Execution:
        found = self._step_functions.describe_execution(executionArn=arn)
        output = json.loads(found.get("output") or "{}")
        return Execution(found["status"], output if isinstance(output, dict) else {})
