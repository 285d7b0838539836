"""The path of an execution, out of its history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from carefile.cli.shown.history import steps

START = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def told(*events: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """A history with a second between events."""
    return [
        {"type": kind, "timestamp": START + timedelta(seconds=place), **details}
        for place, (kind, details) in enumerate(events)
    ]


def entered(name: str) -> tuple[str, dict[str, Any]]:
    return "TaskStateEntered", {"stateEnteredEventDetails": {"name": name}}


def left(name: str, output: str = "{}") -> tuple[str, dict[str, Any]]:
    return "TaskStateExited", {"stateExitedEventDetails": {"name": name, "output": output}}


def failed(error: str) -> tuple[str, dict[str, Any]]:
    return "TaskFailed", {"taskFailedEventDetails": {"error": error, "cause": ""}}


TRY = ("TaskScheduled", {})
STARTED = ("ExecutionStarted", {})
ENDED_BADLY = ("ExecutionFailed", {"executionFailedEventDetails": {"error": "StorageThrottled"}})
REDRIVEN = ("ExecutionRedriven", {})


def test_retries_are_counted_with_their_errors() -> None:
    (step,) = steps(
        told(STARTED, entered("A"), TRY, failed("StorageThrottled"), TRY, ("TaskSucceeded", {}), left("A"))
    )
    assert (step.tries, step.errors, step.status) == (2, ["StorageThrottled"], "done")
    assert step.took == timedelta(seconds=5)


def test_the_last_state_shows_how_the_execution_ended() -> None:
    path = steps(told(STARTED, entered("A"), TRY, left("A"), entered("B"), TRY, failed("X"), ENDED_BADLY))
    assert [(step.name, step.status) for step in path] == [("A", "done"), ("B", "failed")]


def test_a_state_that_is_still_in_work_has_no_end() -> None:
    (step,) = steps(told(STARTED, entered("A"), TRY))
    assert (step.status, step.took) == ("running", None)


def test_a_redrive_is_a_stay_of_its_own_in_the_state_that_failed() -> None:
    path = steps(
        told(
            STARTED,
            entered("A"),
            TRY,
            failed("X"),
            ENDED_BADLY,
            REDRIVEN,
            TRY,
            ("TaskSucceeded", {}),
            left("A"),
        )
    )
    assert [(step.name, step.status, step.redriven) for step in path] == [
        ("A", "failed", False),
        ("A", "done", True),
    ]


def test_a_redrive_that_tells_of_its_entry_is_still_one_stay() -> None:
    path = steps(
        told(STARTED, entered("A"), TRY, failed("X"), ENDED_BADLY, REDRIVEN, entered("A"), TRY, left("A"))
    )
    assert [step.redriven for step in path] == [False, True]


def test_what_a_state_put_out_is_kept() -> None:
    (step,) = steps(told(STARTED, entered("A"), TRY, left("A", '{"disposition": "cataloged"}')))
    assert step.output == {"disposition": "cataloged"}
