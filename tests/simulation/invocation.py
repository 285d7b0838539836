"""A function at work: a greenlet that stops at every call to AWS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlet import greenlet

from tests.simulation.aws.gate import Call, Fault, FunctionDied
from tests.simulation.functions import Sandbox

if TYPE_CHECKING:
    from tests.simulation.execution import Execution


@dataclass(frozen=True, slots=True)
class Returned:
    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The error as Step Functions sees it, and its text."""

    error: str
    text: str
    exception: Exception


@dataclass(frozen=True, slots=True)
class Died:
    error: str


Outcome = Returned | Raised | Died


class Invocation:
    """`then` is told the outcome. `sandbox` is None for what Step Functions does itself."""

    def __init__(
        self, actor: str, sandbox: Sandbox | None, then: Callable[[Any], None], about: str = ""
    ) -> None:
        self.actor = actor
        self.sandbox = sandbox
        self.about = about
        self.then = then
        self.execution: Execution | None = None
        self.storm: Fault | None = None
        self.alone = False
        self.call: Call | None = None
        self.outcome: Any = None
        self.answer: Any = None
        self.since = 0  # the moment from which it stands before its call, for who looks on
        self._greenlet: greenlet | None = None

    def begin(self, work: Callable[[], Any]) -> bool:
        """Run to the first call. True when there was none."""

        def body() -> Outcome:
            try:
                return Returned(work())
            except FunctionDied as death:
                return Died(death.error)
            except Exception as error:
                return Raised(type(error).__name__, str(error), error)

        self._greenlet = greenlet(body)
        return self._take(self._greenlet.switch())

    def resume(self, verdict: Fault | None) -> bool:
        """Let the waiting call happen, with what goes wrong with it. True when that was the last one."""
        assert self._greenlet is not None
        return self._take(self._greenlet.switch(verdict))

    def kill(self) -> None:
        if self._greenlet is not None and not self._greenlet.dead:
            self._greenlet.throw()

    def _take(self, found: Any) -> bool:
        if isinstance(found, Call):
            self.call = found
            return False
        self.outcome = found
        return True
