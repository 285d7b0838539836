"""The result of one check: its subject, its state, and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Check:
    of: str
    state: State
    says: str
    to_do: str | None = None

    def to_json(self) -> dict[str, Any]:
        return {"check": self.of, "state": self.state.value, "says": self.says, "to_do": self.to_do}


def result(of: str, good: bool, says: str, otherwise: str, to_do: str, bad: State = State.FAILED) -> Check:
    return Check(of, State.OK, says) if good else Check(of, bad, otherwise, to_do)
