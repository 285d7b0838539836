"""What one schedule has at all, and how much of it: drawn for each by itself (swarm testing, Groce et al. 2012).

With one mixture for all, every schedule has a little of everything: what is frequent keeps what is rare from building
up, and what needs ten of a kind, or none of another, never comes. So each kind of step, of upload and of fault is left
out of about half of the schedules, and the numbers reach from none to many.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.simulation.aws.gate import Fault

T = TypeVar("T")

UPLOADS = ("metadata", "content", "same bytes", "empty", "copied", "marked")
OTHERS = ("again", "delete", "scan", "submitted", "decided whose", "decided what", "renamed")
_DECISIONS = ("decided whose", "decided what", "renamed")
_FAULT_WEIGHTS = {
    Fault.CRASH_BEFORE: 2, Fault.CRASH_AFTER: 4, Fault.TIMEOUT_BEFORE: 1, Fault.TIMEOUT_AFTER: 1, Fault.THROTTLED: 2,
    Fault.STORM: 1, Fault.UNANSWERED: 2, Fault.REPEATED: 2, Fault.DENIED: 4, Fault.ABANDONED: 2, Fault.ABORTED: 2,
}  # fmt: skip
_VERDICTS = ((60, 30, 10), (90, 10, 0), (0, 80, 20), (34, 33, 33))  # clean, a threat, skipped

# Operations and functions that are rare, so that what goes wrong nearly always goes wrong elsewhere.
RARE = (
    frozenset({"FileReading"}),
    frozenset({"ReadPages", "FileReading"}),
    frozenset({"ListObjectVersions"}),
    frozenset({"DeleteObject"}),
    frozenset({"GetItem", "Query"}),
    frozenset({"StartExecution", "SendMessage"}),
    frozenset({"GetObject", "ListObjectsV2"}),
)


@dataclass(frozen=True, slots=True)
class Mixture:
    """`uploads` and `others` are the kinds there are, `faults` those with their weights."""

    keys: int
    count: int  # of uploads
    uploads: frozenset[str]
    patients: int  # how many of them uploads and decisions may name
    others: tuple[str, ...]
    other_count: int
    assign_count: int
    faults: tuple[Fault, ...]
    fault_weights: tuple[int, ...]
    fault_count: int
    fault_rate: float
    repeat_rate: float  # events that come twice
    loss_rate: float
    verdicts: tuple[int, int, int]
    second_verdicts: float
    copied_verdicts: float
    alone_last: bool = False  # functions that nobody waits for go on when nobody else can
    aimed: frozenset[str] = frozenset()  # operations or functions that faults hit, where it is not all


def draw(rng: random.Random) -> Mixture:
    size = rng.choices(("some", "few", "many"), (65, 30, 5))[0]
    count = {"some": rng.randint(2, 6), "few": rng.randint(1, 2), "many": rng.randint(7, 20)}[size]
    keys = 1 if size == "many" else rng.choice((1, 1, 1, 2, 2, 3, 4))
    faults, fault_count = _faults(rng)
    others = _some(rng, OTHERS)
    other_count = rng.choice((0, 1, 2, 3, 3, 5)) if rng.random() < 0.95 else 12
    assign_count = rng.choice((0, 1, 1, 2, 3)) if rng.random() < 0.95 else 8
    if size == "few":
        # Little happens, and so much of it at the same time.
        keys, other_count, assign_count = min(keys, count), min(other_count, 1), min(assign_count, 2)
    if not fault_count and rng.random() < 0.3:
        others, other_count, assign_count = _DECISIONS, max(3, other_count), max(2, assign_count)
    return Mixture(
        keys,
        count,
        frozenset(_some(rng, UPLOADS)),
        rng.choice((1, 2, 2, 3)),
        others,
        other_count if others else 0,
        assign_count,
        faults,
        tuple(_FAULT_WEIGHTS[fault] for fault in faults),
        fault_count,
        rng.choice((0.01, 0.03, 0.1, 0.3)),
        rng.choice((0.0, 0.0, 0.1, 0.3)),
        rng.choice((0.0, 0.0, 0.05, 0.2)),
        rng.choice(_VERDICTS),
        rng.choice((0.0, 0.25, 0.6)),
        rng.choice((0.0, 0.3)),
    )


def _faults(rng: random.Random) -> tuple[tuple[Fault, ...], int]:
    """A fifth has none, a fifth one kind, of which there may be ten."""
    how = rng.random()
    if how < 0.2:
        return (), 0
    if how < 0.4:
        return (rng.choice(tuple(Fault)),), rng.choice((1, 2, 3, 10))
    return _some(rng, tuple(Fault)) or tuple(Fault), rng.choice((1, 1, 2, 3, 6))


def _some(rng: random.Random, kinds: Sequence[T]) -> tuple[T, ...]:
    return tuple(kind for kind in kinds if rng.random() < 0.5)


def by_number(mixture: Mixture, number: int) -> Mixture:
    """What a schedule's number adds to what was drawn: in one of five, functions that are left alone go on last; in one
    of seven, what goes wrong is aimed at rare operations."""
    return replace(
        mixture,
        alone_last=mixture.alone_last or number % 5 == 0,
        aimed=RARE[number // 7 % len(RARE)] if number % 7 == 0 else mixture.aimed,
    )
