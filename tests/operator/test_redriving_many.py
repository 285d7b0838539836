"""Re-driving by the thousand: streamed, below the quotas, nothing twice and nothing forgotten."""

from __future__ import annotations

import time
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from carefile.cli.again.redriving import Action, Redriver
from carefile.cli.aws.executions import Executions, Listed
from carefile.cli.aws.rate import Quotas, TokenBucket

START = datetime(2026, 11, 20, tzinfo=UTC)


class StepFunctions:
    """Executions that succeed as soon as they are re-driven; every tenth fails again, one cannot be re-driven."""

    def __init__(self) -> None:
        self.redriven: Counter[str] = Counter()
        self.ended: dict[str, str] = {}
        self.error = "StorageDenied"

    def redrive_execution(self, *, executionArn: str) -> None:  # noqa: N803
        if executionArn.endswith(":7"):
            error = {"Error": {"Code": "ExecutionNotRedrivable", "Message": "it is too old"}}
            raise ClientError(error, "RedriveExecution")  # type: ignore[arg-type]
        self.redriven[executionArn] += 1
        self.ended[executionArn] = "FAILED" if executionArn.endswith("0") else "SUCCEEDED"

    def list_executions(self, *, statusFilter: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        now = datetime.now(UTC)
        ended = [arn for arn, status in list(self.ended.items()) if status == statusFilter]
        for arn in ended:
            del self.ended[arn]
        common = {"status": statusFilter, "startDate": START, "stopDate": now}
        return {"executions": [{"executionArn": arn, "name": arn, **common} for arn in ended]}

    def describe_execution(self, *, executionArn: str) -> dict[str, Any]:  # noqa: N803
        common = {"status": "FAILED", "startDate": START, "stopDate": START}
        found = {"executionArn": executionArn, "name": executionArn, "error": self.error, "input": "{}"}
        return found | common | {"stateMachineArn": "m"}

    def describe_state_machine(self, **_: Any) -> dict[str, Any]:
        return {"updateDate": START, "definition": "{}"}

    describe_state_machine_for_execution = describe_state_machine

    def start_execution(self, *, name: str, **_: Any) -> dict[str, Any]:
        self.ended[name] = "SUCCEEDED"
        return {"executionArn": name}


def failed(count: int) -> Iterator[Listed]:
    for number in range(count):
        yield Listed(
            f"arn:aws:states:eu:1:execution:m:{number}", str(number), "FAILED", START, START, 0, START
        )


@pytest.fixture
def states() -> StepFunctions:
    return StepFunctions()


def redriver(states: StepFunctions, **options: Any) -> Redriver:
    connection: Any = SimpleNamespace(
        client=lambda _: states,
        quotas=Quotas.none(),
        machine="arn:aws:states:eu:1:stateMachine:m",
        endpoint="x",
        execution_arn=lambda name: name,
    )
    found = Redriver(
        connection, Executions(connection), **({"rate": 10**6, "resubmit": False, "follow": True} | options)
    )
    found._pause = 0.001
    return found


def test_each_is_redriven_once_and_has_one_result(states: StepFunctions) -> None:
    results = list(redriver(states).run(failed(5000), timedelta(minutes=1)))
    assert len(results) == len({result.execution.arn for result in results}) == 5000
    assert set(states.redriven.values()) == {1}
    outcomes = Counter((result.action, result.status) for result in results)
    assert outcomes == {
        (Action.REDRIVEN, "SUCCEEDED"): 4499,
        (Action.REDRIVEN, "FAILED"): 500,
        (Action.NONE, "FAILED"): 1,
    }


def test_memory_does_not_grow_with_their_number(states: StepFunctions) -> None:
    states.redriven = Counter()
    tracemalloc.start()
    for count, _ in enumerate(redriver(states).run(failed(20_000), timedelta(minutes=1))):
        states.redriven.clear()
        if count == 5000:
            tracemalloc.reset_peak()
            early = tracemalloc.get_traced_memory()[0]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak - early < 3_000_000


def test_what_has_not_ended_in_time_is_told_all_the_same(states: StepFunctions) -> None:
    states.list_executions = lambda **_: {"executions": []}  # type: ignore[method-assign]
    results = list(redriver(states).run(failed(5), timedelta(0)))
    assert [result.status for result in results] == [None] * 5


def test_whoever_interrupts_it_is_told_of_all_that_were_begun(states: StepFunctions) -> None:
    interrupted = redriver(states)
    redrive, begun = states.redrive_execution, Barrier(2)

    def third_is_interrupted(*, executionArn: str) -> None:  # noqa: N803
        if executionArn.endswith(":0"):
            begun.wait(10)
            raise KeyboardInterrupt
        redrive(executionArn=executionArn)
        if executionArn.endswith(":4"):
            begun.wait(10)

    states.redrive_execution = third_is_interrupted  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        list(interrupted.run(failed(5), timedelta(minutes=1)))
    assert interrupted.stop() == sum(states.redriven.values()) == 4


@pytest.mark.parametrize("where", ["in the command", "in what shows the results"])
def test_after_an_interruption_nothing_more_is_started(states: StepFunctions, where: str) -> None:
    interrupted, began = redriver(states, rate=1, follow=False), time.monotonic()
    results = interrupted.run(failed(30), timedelta(minutes=1))
    next(results)
    if where == "in the command":
        with pytest.raises(KeyboardInterrupt):
            results.throw(KeyboardInterrupt)  # type: ignore[attr-defined]
    started = interrupted.stop()
    assert started == sum(states.redriven.values()) <= 3
    assert time.monotonic() - began < 5


def test_without_following_it_ends_when_all_are_begun(states: StepFunctions) -> None:
    results = list(redriver(states, follow=False).run(failed(100), timedelta(minutes=1)))
    assert Counter(result.action for result in results) == {Action.REDRIVEN: 99, Action.NONE: 1}


@pytest.mark.parametrize(
    ("error", "resubmit", "action"),
    [
        ("StorageDenied", True, Action.REDRIVEN),
        ("UnexpectedResult", True, Action.RESUBMITTED),
        ("States.QueryEvaluationError", True, Action.RESUBMITTED),
        ("UnexpectedResult", False, Action.REDRIVEN),
    ],
)
def test_what_a_redrive_would_only_fail_again_is_started_afresh_where_that_is_asked_for(
    states: StepFunctions, error: str, resubmit: bool, action: Action
) -> None:
    states.error = error
    (result,) = redriver(states, resubmit=resubmit, follow=False).run(failed(1), timedelta(minutes=1))
    assert result.action is action


def test_a_bucket_lets_no_more_through_than_its_rate_and_burst() -> None:
    now, slept = [0.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    bucket = TokenBucket(10, 5, clock=lambda: now[0], sleep=sleep)
    for _ in range(5):
        bucket.take()
    assert slept == []
    for _ in range(20):
        bucket.take()
    assert now[0] == pytest.approx(2.0)


def test_a_bucket_that_rested_holds_no_more_than_its_burst() -> None:
    now, slept = [0.0], []
    bucket = TokenBucket(10, 2, clock=lambda: now[0], sleep=slept.append)
    now[0] = 100.0
    for _ in range(3):
        bucket.take()
    assert slept == [pytest.approx(0.1)]
