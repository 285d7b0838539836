"""What schedules went through: which calls there are, which faults each of them met, and what others changed about the
same landing key just before each. What no schedule ever tried shows as a number."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.aws.gate import Call, Fault

# Calls that change something which another actor may see.
_CHANGES = frozenset(
    {"PutObject", "CopyObject", "DeleteObject", "PutObjectTagging", "PutItem", "UpdateItem", "PutEvents"}
)
_HOLDERS = (
    "source",
    "upload",
    "object",
    "s3ObjectDetails",
    "detail",
    "input",
    "Detail",
    "Entries",
    "Input",
    "MessageBody",
)
# Faults that a call cannot meet, and why: "never" is said of what could have happened.
CANNOT: dict[str, tuple[frozenset[Fault], str]] = {
    "Step Functions SendMessage": (
        frozenset(Fault) - {Fault.STORM},
        "a promotion is queued once StartExecution was refused through all its retries: while throttling goes on",
    )
}
_OF_EXECUTIONS = frozenset({Fault.STORM, Fault.ABANDONED, Fault.ABORTED})


@dataclass
class Coverage:
    """`calls` says of each call whether an execution waited for it; the pairs are counted."""

    calls: dict[str, bool] = field(default_factory=dict)
    faults: Counter[tuple[str, str]] = field(default_factory=Counter)
    between: Counter[tuple[str, str]] = field(
        default_factory=Counter
    )  # call, change of another just before it

    def add(self, other: Coverage) -> None:
        for call, waited in other.calls.items():
            self.calls[call] = waited or self.calls.get(call, False)
        self.faults.update(other.faults)
        self.between.update(other.between)

    @property
    def changes(self) -> set[str]:
        return {change for _, change in self.between}

    def faults_unseen(self) -> list[tuple[str, str]]:
        """Pairs of a call and a fault that can happen to it, and never did."""
        possible = [
            (call, fault.name)
            for call, waited in sorted(self.calls.items())
            for fault in Fault
            if (waited or fault not in _OF_EXECUTIONS) and fault not in _cannot(call)
        ]
        return [pair for pair in possible if pair not in self.faults]

    def between_unseen(self) -> list[tuple[str, str]]:
        """Pairs of a call and another's change that was never the one between the call before and it."""
        possible = [(call, change) for call in sorted(self.calls) for change in sorted(self.changes)]
        return [pair for pair in possible if pair not in self.between]

    def told(self) -> str:
        faults, between = self.faults_unseen(), self.between_unseen()
        return (
            f"{len(self.calls)} calls; {len(self.faults):,} pairs of call and fault seen, {len(faults):,} never; "
            f"{len(self.between):,} of call and another's change in between, {len(between):,} never"
        )


def _cannot(call: str) -> frozenset[Fault]:
    return CANNOT[call][0] if call in CANNOT else frozenset()


class Observer:
    """Looks on at one schedule. `moment` is how many changes there were."""

    def __init__(self) -> None:
        self.coverage = Coverage()
        self._changes: list[tuple[str | None, str]] = []  # of which landing key, or of all, what

    @property
    def moment(self) -> int:
        return len(self._changes)

    def stepped(self, key: str | None, what: str) -> None:
        """The world outside did something."""
        self._changes.append((key, what))

    def called(
        self, key: str, function: str, call: Call, fault: Fault | None, *, since: int, waited: bool
    ) -> None:
        """The call happened, or a fault did; it was about to since that moment."""
        name = f"{function} {call.operation}{_where(call)}"
        coverage = self.coverage
        coverage.calls[name] = waited or coverage.calls.get(name, False)
        if fault is not None:
            coverage.faults[name, fault.name] += 1
        for change in {what for about, what in self._changes[since:] if about in (key, None)}:
            coverage.between[name, change] += 1
        if call.operation in _CHANGES:
            self._changes.append((key, name))


def key_in(data: Any) -> str:
    """The landing key that an event, a function's input or a state's arguments are about; "" where they name none."""
    if isinstance(data, list):
        return key_in(data[0]) if data else ""
    if not isinstance(data, dict):
        return ""
    for name in ("key", "objectKey"):
        if isinstance(data.get(name), str):
            return str(data[name])
    return next(filter(None, (key_in(data.get(name)) for name in _HOLDERS)), "")


def _where(call: Call) -> str:
    """Of what: the bucket or the table."""
    arguments = call.arguments
    found = (
        arguments.get("Bucket")
        or arguments.get("TableName")
        or next(iter(arguments.get("RequestItems", ())), "")
    )
    return f" {found}" if found else ""
