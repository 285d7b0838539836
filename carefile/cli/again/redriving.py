"""Redrive executions in bulk: a window of executions in flight, each followed to its end.

Invariants: a command redrives an execution at most once. One that cannot be redriven is reported, or with --resubmit
started again under a name derived from the execution, so that running the command twice starts nothing twice. Started
executions keep running if the command is interrupted; what still waits for its turn then is not started.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import islice
from threading import Event, Lock
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.definitions import Definitions
from carefile.cli.aws.executions import ENDED_BADLY, Executions, Listed
from carefile.cli.aws.rate import TokenBucket
from carefile.cli.shown.advice import Then, advice_for
from carefile.core.model import digest

_THREADS = 8
_WINDOW = 1000
_CLOCK_SKEW = timedelta(minutes=5)


class Action(StrEnum):
    REDRIVEN = "redriven"
    RESUBMITTED = "resubmitted"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one execution. `status` is that of Step Functions, or None if it was not followed to its end;
    `followed` is the execution that did the work: the same one, or a new one."""

    execution: Listed
    action: Action
    followed: str
    status: str | None = None
    reason: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status == "SUCCEEDED"


@dataclass(frozen=True, slots=True)
class _Flight:
    result: Result
    stopped_before: datetime | None


class Redriver:
    def __init__(
        self, connection: Connection, executions: Executions, *, rate: float, resubmit: bool, follow: bool
    ) -> None:
        self._connection = connection
        self._client = connection.client("stepfunctions")
        self._executions = executions
        self._stopping = Event()
        self._bucket = TokenBucket(rate, max(rate, 1), sleep=self._stopping.wait)
        self._resubmit, self._follow = resubmit, follow
        self._definitions = Definitions(connection)
        self._pause = 3.0 if connection.endpoint is None else 0.5
        self._started, self._counting = 0, Lock()
        self._pool: ThreadPoolExecutor | None = None

    def run(self, chosen: Iterable[Listed], patience: timedelta) -> Iterator[Result]:
        """Redrive each execution, and yield each result as soon as it is known."""
        with ThreadPoolExecutor(_THREADS) as self._pool:
            try:
                yield from self._run(self._pool, chosen, patience)
            except BaseException:
                self._stopping.set()
                raise

    def stop(self) -> int:
        """Start no more, wait for requests under way, and return how many executions were started."""
        self._stopping.set()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        return self._started

    def _run(
        self, pool: ThreadPoolExecutor, chosen: Iterable[Listed], patience: timedelta
    ) -> Iterator[Result]:
        source, flights = iter(chosen), dict[str, _Flight]()
        deadline, began, more = time.monotonic() + patience.total_seconds(), None, True
        while more or flights:
            if more and len(flights) < _WINDOW:
                batch = list(islice(source, _THREADS * 4))
                more = bool(batch)
                for result in pool.map(self._begin, batch):
                    if result.status or result.action is Action.NONE or not self._follow:
                        yield result
                    else:
                        began = began or datetime.now().astimezone()
                        stopped = result.execution.stopped if result.action is Action.REDRIVEN else None
                        flights[result.followed] = _Flight(result, stopped)
                if more and len(flights) < _WINDOW // 2:
                    continue
            if flights and began:
                yield from self._ended(flights, began - _CLOCK_SKEW)
            if flights and time.monotonic() > deadline:
                yield from (flight.result for flight in flights.values())
                return
            if flights:
                time.sleep(self._pause)

    def _begin(self, execution: Listed) -> Result:
        if execution.status not in ENDED_BADLY:
            return Result(execution, Action.NONE, execution.arn, execution.status, "it has not failed")
        if self._resubmit and (
            self._definitions.changed_since(execution) or self._would_fail_again(execution)
        ):
            return self._start_new(execution)
        if not self._has_its_turn():
            return _interrupted(execution)
        try:
            self._client.redrive_execution(executionArn=execution.arn)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ExecutionNotRedrivable":
                raise
            if self._resubmit:
                return self._start_new(execution)
            reason = str(error.response["Error"].get("Message", "Step Functions gives no reason"))
            return Result(execution, Action.NONE, execution.arn, execution.status, reason)
        self._count()
        return Result(execution, Action.REDRIVEN, execution.arn)

    def _has_its_turn(self) -> bool:
        """Wait until the rate allows another; False if the command was interrupted meanwhile."""
        self._bucket.take()
        return not self._stopping.is_set()

    def _would_fail_again(self, execution: Listed) -> bool:
        error = self._executions.must_describe(execution.arn).error
        return advice_for(error).then is Then.RESUBMIT

    def _start_new(self, execution: Listed) -> Result:
        described = self._executions.must_describe(execution.arn)
        name = f"resubmit-{digest('resubmit', execution.arn, str(execution.stopped))}"
        if not self._has_its_turn():
            return _interrupted(execution)
        try:
            started = self._client.start_execution(
                stateMachineArn=self._connection.machine, name=name, input=described.input
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ExecutionAlreadyExists":
                raise
            before = self._executions.must_describe(name)
            return Result(
                execution,
                Action.NONE,
                before.listed.arn,
                before.listed.status,
                f"already resubmitted as {name}",
            )
        self._count()
        return Result(execution, Action.RESUBMITTED, started["executionArn"])

    def _count(self) -> None:
        """At once, in the thread that has started it: whoever interrupts the command sees every one."""
        with self._counting:
            self._started += 1

    def _ended(self, flights: dict[str, _Flight], since: datetime) -> Iterator[Result]:
        """Remove executions that have ended from those in flight, and yield their results."""
        for status in ("SUCCEEDED", *ENDED_BADLY):
            for item in self._executions.changed_since(since, status):
                flight = flights.get(item.arn)
                if flight is None or item.stopped == flight.stopped_before:
                    continue
                del flights[item.arn]
                result = flight.result
                yield Result(result.execution, result.action, item.arn, status, self._why(item.arn, status))
                if not flights:
                    return

    def _why(self, arn: str, status: str) -> str | None:
        if status == "SUCCEEDED":
            return None
        described = self._executions.describe(arn)
        if described is None:
            return None
        return ": ".join(text for text in (described.error, described.reason) if text) or None


def _interrupted(execution: Listed) -> Result:
    return Result(execution, Action.NONE, execution.arn, execution.status, "interrupted")


def to_json(result: Result, key: str | None) -> dict[str, Any]:
    return {
        "key": key,
        "name": result.execution.name,
        "action": result.action.value,
        "status": result.status,
        "reason": result.reason,
        "execution": result.execution.arn,
        "followed": result.followed,
    }
