"""Detect executions that ran an older definition than the machine's current one; a redrive would keep the old one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Listed


@dataclass(frozen=True, slots=True)
class _Reign:
    """A period in which a definition was in force, and whether it differs from the current one."""

    begin: datetime
    end: datetime
    differs: bool


class Definitions:
    """Query Step Functions once per definition rather than once per execution: the answer includes when the definition
    took effect, so it holds for everything that started in between."""

    def __init__(self, connection: Connection) -> None:
        self._client = connection.client("stepfunctions")
        self._machine = connection.machine
        self._current: str | None = None
        self._reigns: list[_Reign] = []

    def changed_since(self, execution: Listed) -> bool:
        """Return whether the definition has changed since this execution started."""
        for reign in self._reigns:
            if reign.begin <= execution.started <= reign.end:
                return reign.differs
        if self._current is None:
            self._current = self._client.describe_state_machine(stateMachineArn=self._machine)["definition"]
        found = self._client.describe_state_machine_for_execution(executionArn=execution.arn)
        differs = bool(found["definition"] != self._current)
        self._reigns.append(_Reign(found["updateDate"], execution.started, differs))
        return differs
