"""Where a call to AWS meets the scheduler: the caller stops here until the scheduler lets the call happen.

A function runs in a greenlet of its own. Its every call switches to the scheduler and comes back with a verdict: the
call happens, or one of the faults below does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from greenlet import getcurrent

from tests.simulation.aws import errors


class Fault(StrEnum):
    """What may happen to one call. Those that end in `after` and `unanswered` have taken effect."""

    CRASH_BEFORE = "crash before"
    CRASH_AFTER = "crash after"
    TIMEOUT_BEFORE = "function times out before"
    TIMEOUT_AFTER = "function times out after"
    THROTTLED = "throttled"
    STORM = "throttled until the execution fails"
    UNANSWERED = "unanswered, but done"
    REPEATED = "done twice, since the first answer was lost"
    DENIED = "access denied"
    ABANDONED = "invocation given up by Step Functions, goes on alone"
    ABORTED = "execution aborted by an operator, the function goes on alone"


class FunctionDied(BaseException):
    """Ends a function in the middle, as a crash of its sandbox does: no handler of the function's sees it."""

    def __init__(self, error: str) -> None:
        super().__init__(error)
        self.error = error


@dataclass(slots=True)
class Call:
    """One call as the scheduler sees it."""

    service: str
    operation: str
    arguments: dict[str, Any]


class Gate:
    """Brings every call before the scheduler; `after` is told of each that took effect."""

    def __init__(self) -> None:
        self.after: Callable[[Call, Any], None] = lambda call, result: None

    def call(
        self, service: str, operation: str, arguments: dict[str, Any], perform: Callable[..., Any]
    ) -> Any:
        call = Call(service, operation, arguments)
        hub = getcurrent().parent
        verdict = hub.switch(call) if hub is not None else None
        if verdict is Fault.CRASH_BEFORE:
            raise FunctionDied("Runtime.ExitError")
        if verdict is Fault.TIMEOUT_BEFORE:
            raise FunctionDied("Sandbox.Timedout")
        if verdict is Fault.THROTTLED:
            raise errors.throttled(service, operation)
        if verdict is Fault.DENIED:
            raise errors.denied(service, operation)
        if verdict is Fault.REPEATED:
            self._perform(call, perform)
        result = self._perform(call, perform)
        if verdict is Fault.CRASH_AFTER:
            raise FunctionDied("Runtime.ExitError")
        if verdict is Fault.TIMEOUT_AFTER:
            raise FunctionDied("Sandbox.Timedout")
        if verdict is Fault.UNANSWERED:
            raise errors.no_answer(service)
        return result

    def _perform(self, call: Call, perform: Callable[..., Any]) -> Any:
        result = perform(**call.arguments)
        self.after(call, result)
        return result
