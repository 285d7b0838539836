"""Reconstruct an execution's path from its history: state by state, with attempts, errors and redrives. Pure.

The machine runs one state at a time, so a state's events are those between its entry and the next one's: the order of
events is all that is needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

_FAILURES = ("TaskFailed", "TaskTimedOut", "TaskSubmitFailed", "TaskStartFailed", "LambdaFunctionFailed")
_ENDED = {"ExecutionFailed": "failed", "ExecutionTimedOut": "timed out", "ExecutionAborted": "aborted"}


@dataclass
class Step:
    """One visit to a state. A redrive starts a new visit to the state that it resumes."""

    name: str
    entered: datetime
    redriven: bool = False
    left: datetime | None = None
    status: str = "running"
    tries: int = 0
    errors: list[str] = field(default_factory=list)
    output: Mapping[str, Any] = field(default_factory=dict)

    @property
    def took(self) -> timedelta | None:
        return self.left - self.entered if self.left else None

    def to_json(self) -> dict[str, Any]:
        return {
            "state": self.name,
            "status": self.status,
            "redriven": self.redriven,
            "entered": self.entered.isoformat(),
            "seconds": round(self.took.total_seconds(), 3) if self.took is not None else None,
            "tries": self.tries,
            "errors": self.errors,
        }


def steps(events: Iterable[Mapping[str, Any]]) -> list[Step]:
    """Return the visits to states, in order. The last one is `running` while the execution is."""
    path: list[Step] = []
    for event in events:
        kind, at = str(event["type"]), event["timestamp"]
        if kind.endswith("StateEntered"):
            _enter(path, str(event["stateEnteredEventDetails"]["name"]), at)
        elif kind == "ExecutionRedriven" and path:
            path.append(Step(path[-1].name, at, redriven=True))
        elif path:
            _within(path[-1], kind, at, event)
    return path


def _enter(path: list[Step], name: str, at: datetime) -> None:
    """Enter a state. A redrive may or may not log that it re-enters its state: it is one visit either way."""
    resumed = path and path[-1].redriven and path[-1].tries == 0 and path[-1].status == "running"
    if resumed and path[-1].name == name:
        path[-1].entered = at
    else:
        path.append(Step(name, at))


def _within(step: Step, kind: str, at: datetime, event: Mapping[str, Any]) -> None:
    if kind.endswith("Scheduled"):
        step.tries += 1
    elif kind in _FAILURES:
        step.errors.append(_error(event) or kind)
    elif kind.endswith("StateExited"):
        step.left, step.status = at, "done"
        step.output = _json(event.get("stateExitedEventDetails", {}).get("output"))
    elif kind in _ENDED:
        step.left, step.status = at, _ENDED[kind]


def _error(event: Mapping[str, Any]) -> str | None:
    for name, details in event.items():
        if name.endswith("EventDetails") and isinstance(details, Mapping) and "error" in details:
            return str(details["error"])
    return None


def _json(text: str | None) -> Mapping[str, Any]:
    try:
        data = json.loads(text or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
