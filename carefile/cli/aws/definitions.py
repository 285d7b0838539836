"""Whether an execution runs under the definition that the machine has now. A redrive keeps the old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Listed


@dataclass(frozen=True, slots=True)
class _Reign:
    """From when to (at least) when a definition was in force, and whether it differs from today's."""

    begin: datetime
    end: datetime
    differs: bool


class Definitions:
    """Asks Step Functions once for each definition there was, not once for each execution: its answer says since when
    the definition was in force, so it holds for everything that started in between."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client("stepfunctions")
        self._machine = connection.machine
        self._current: str | None = None
        self._reigns: list[_Reign] = []

    def changed_since(self, execution: Listed) -> bool:
        """True when the definition is another one now than when this execution started."""
        for reign in self._reigns:
            if reign.begin <= execution.started <= reign.end:
                return reign.differs
        if self._current is None:
            self._current = self._client.describe_state_machine(stateMachineArn=self._machine)["definition"]
        found = self._client.describe_state_machine_for_execution(executionArn=execution.arn)
        differs = bool(found["definition"] != self._current)
        self._reigns.append(_Reign(found["updateDate"], execution.started, differs))
        return differs
