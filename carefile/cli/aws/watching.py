"""Watch the pipeline's executions: what runs, in which state, and what has ended, one look after the other.

A look makes a bounded number of calls, whatever goes on: the lists of what runs and of what changed, a description of
each of the newest changes, and the states of a few of those that run. What comes faster than it can be described waits
for the next look; beyond that it is counted only, failures last.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice

from carefile.cli.aws.executions import ENDED_BADLY, Described, Executions, Listed

LISTED, DESCRIBED, STATES = 2000, 40, 16  # at most, per look; a call lists a thousand
WAITING = 400  # at most, from one look to the next
_OVERLAP = timedelta(minutes=1)  # the lists are eventually consistent
_THREADS = 8


@dataclass(frozen=True, slots=True)
class Seen:
    """An execution at one look; `state` is the one that a running one was in."""

    execution: Described
    state: str | None
    at: datetime

    @property
    def running(self) -> bool:
        return self.execution.listed.status == "RUNNING"

    @property
    def seconds(self) -> float:
        listed = self.execution.listed
        return max(((listed.stopped or self.at) - listed.started).total_seconds(), 0)


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found: what changed since the last one, what runs, and how many were only counted."""

    changed: list[Seen]
    running: list[Seen]
    counted: int


class Watcher:
    """What ended before `since` is left out."""

    def __init__(self, executions: Executions, since: datetime) -> None:
        self._executions, self._since, self._horizon = executions, since, since
        self._handled: dict[str, Listed] = {}
        self._running: dict[str, Described] = {}
        self._states: dict[str, str | None] = {}

    def look(self, now: datetime | None = None) -> Look:
        now = now or datetime.now(UTC)
        running = list(islice(self._executions.changed_since(None, "RUNNING"), LISTED))
        recent = list(islice(self._executions.changed_since(self._since), LISTED))
        listed = {item.arn: item for item in (*running, *recent)}
        news = sorted(filter(self._is_new, listed.values()), key=_urgency, reverse=True)
        # One that no list has any more has ended, too long ago for the list of changes.
        gone = [item.listed for arn, item in self._running.items() if arn not in listed]
        todo = [*gone, *news]
        described = list(self._executions.described(todo[:DESCRIBED]))
        waiting, counted = todo[DESCRIBED : DESCRIBED + WAITING], todo[DESCRIBED + WAITING :]
        self._handled |= {item.arn: item for item in (*todo[:DESCRIBED], *counted)}
        self._handled |= {one.listed.arn: one.listed for one in described}  # it may have ended in between
        for one in described:
            self._running.pop(one.listed.arn, None)
            if one.listed.status == "RUNNING":
                self._running[one.listed.arn] = one
        entered = self._enter()
        changed = [Seen(one, self._states.get(one.listed.arn), now) for one in described]
        entered -= {one.listed.arn for one in described}
        shown = [Seen(one, self._states.get(arn), now) for arn, one in self._running.items()]
        changed += [one for one in shown if one.execution.listed.arn in entered]
        self._advance(recent, waiting)
        return Look(sorted(changed, key=_order), sorted(shown, key=_order), len(counted))

    def _is_new(self, item: Listed) -> bool:
        known = self._handled.get(item.arn)
        return known is None or (known.status, known.changed) != (item.status, item.changed)

    def _enter(self) -> set[str]:
        """Look up the states of those that started last, and return which are in another one than before."""
        arns = list(self._running)[-STATES:]
        with ThreadPoolExecutor(_THREADS) as pool:
            states = dict(zip(arns, pool.map(self._executions.failed_state, arns), strict=True))
        changed = {arn for arn, state in states.items() if state != self._states.get(arn)}
        self._states = {arn: state for arn, state in self._states.items() if arn in self._running} | states
        return changed

    def _advance(self, recent: Iterable[Listed], waiting: Iterable[Listed]) -> None:
        """Let the next look begin where this one ended, and forget what it can no longer list."""
        newest = max((item.changed for item in recent), default=self._since)
        oldest = min((item.changed for item in waiting if item.stopped), default=newest)
        self._since = max(self._horizon, min(newest, oldest) - _OVERLAP)
        self._handled = {
            arn: item
            for arn, item in self._handled.items()
            if item.changed >= self._since or arn in self._running
        }


def _urgency(item: Listed) -> tuple[bool, datetime]:
    return item.status in ENDED_BADLY, item.changed


def _order(one: Seen) -> datetime:
    return one.execution.listed.changed
