"""Whole machines run as Step Functions runs them: retries, catchers, branches and maps, by sfnx.

Each expression that it evaluates is held against the reference engine, and what a state is given and gives against the
most that Step Functions passes on. No time passes: a retry waits for nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any
from unittest import mock

from sfnx import testing
from sfnx.testing import Call, Execution, Failure

from carefile.core.errors import CarefileError
from tests.asl.definition import fits
from tests.asl.engines import agree
from tests.asl.machines import MACHINES

Tasks = Callable[[Call], Any]
# By the documents neither States.ALL nor States.TaskFailed means these; sfnx found the first caught by both.
LEFT_OUT = ("States.DataLimitExceeded", "States.Runtime")
DEFAULT_ARN = "arn:aws:states:eu-west-1:111122223333:execution:machine:e1"


def execute(machine: str, data: Any, tasks: Tasks, *, arn: str = DEFAULT_ARN) -> Execution:
    """Run a machine. `tasks` answers each task and each listing of a map, or raises an error of ours or a Failure."""

    def answered(call: Call) -> Any:
        fits(call.arguments)
        try:
            result = json.loads(json.dumps(tasks(call)))
        except CarefileError as error:
            raise failure(type(error).__name__, str(error)) from error
        if "s3:" not in call.resource:  # a map's listing is read by itself
            fits(result)
        return result

    _checked(machine)
    with _watched(arn):
        return testing.run(MACHINES[machine], data, answered)


@cache
def _checked(machine: str) -> None:
    """Hold a machine against what Step Functions takes. It lasts longer than a run, so it is done once."""
    testing.check(MACHINES[machine])


def failure(name: str, text: str = "") -> Failure:
    """A function's error as Step Functions shows it."""
    return Failure(name, json.dumps({"errorType": name, "errorMessage": text}))


def top(machine: str, done: Execution) -> list[str]:
    """The states entered, without those of maps and branches."""
    return [name for name in done.states if name in MACHINES[machine]["States"]]


def called(done: Execution, state: str) -> list[Any]:
    """The arguments of each call of a state."""
    return [call.arguments for call in done.calls if call.state == state]


@contextmanager
def _watched(arn: str) -> Iterator[None]:
    evaluate, settled, context = testing.evaluate, testing.settled, testing.execution_context
    matches = testing.matches

    def compared(code: str, variables: Any, states: Any) -> Any:
        try:
            value = evaluate(code, variables, states)
        except Failure as fault:
            agree(code, None, fault.cause or "no value", states=states, **variables)
            raise
        agree(code, value, None, states=states, **variables)
        return value

    def measured(fields: Any, variables: Any, frame: Any, default: Any) -> Any:
        fits(frame["input"])
        assigned, output = settled(fields, variables, frame, default)
        fits(output)
        return assigned, output

    def documented(errors: list[str], error: str) -> bool:
        return error in errors if error in LEFT_OUT else matches(errors, error)

    def named(*given: Any) -> dict[str, Any]:
        found = context(*given)
        return {**found, "Execution": {**found["Execution"], "Id": arn}}  # type: ignore[dict-item]

    with (
        mock.patch.object(testing, "check", return_value=None),
        mock.patch.object(testing, "evaluate", compared),
        mock.patch.object(testing, "settled", measured),
        mock.patch.object(testing, "matches", documented),
        mock.patch.object(testing, "execution_context", named),
    ):
        yield
