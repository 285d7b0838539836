"""How far intake is behind: what runs and what failed counts, what was settled in any way does not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lambdas import measure_backlog
from lambdas.adapters import aws
from lambdas.adapters.executions import Execution, Listed
from lambdas.intake import wiring
from lambdas.intake.backlog import MOST_ASKED, Backlog
from tests.unit.world import LANDING, World, created_event, execution_arn, stopped

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@dataclass
class Machine:
    """Step Functions' lists: by status, each execution with its age and its input."""

    by_status: dict[str, list[tuple[str, timedelta, Any]]]
    asked: list[str] = field(default_factory=list)

    def listed(self, machine: str, status: str, most: int) -> Iterator[Listed]:
        newest_first = sorted(self.by_status.get(status, []), key=lambda item: item[1])
        for name, age, _ in newest_first[:most]:
            yield Listed(execution_arn(name), NOW - age)

    def describe(self, arn: str) -> Execution:
        self.asked.append(arn)
        inputs = {execution_arn(name): data for each in self.by_status.values() for name, _, data in each}
        return stopped(data=inputs[arn])


def backlog(machine: Machine) -> Backlog:
    return Backlog(machine, wiring.landing(), "machine", lambda: NOW)  # type: ignore[arg-type]


def minutes(number: int) -> timedelta:
    return timedelta(minutes=number)


def failed_upload(world: World, key: str) -> Any:
    """An upload whose intake failed and was marked so. What its execution was started with."""
    event = created_event(key, world.upload(key))
    world.record_failure(stopped(data=event))
    assert world.tags(key, bucket=LANDING) == {"pipeline-status": "failed"}
    return event


def test_nothing_to_do_is_nothing_behind(world: World) -> None:
    behind = backlog(Machine({})).measure()
    assert (behind.running, behind.oldest) == (0, timedelta())


def test_the_oldest_running_and_the_oldest_failed_count(world: World) -> None:
    data = failed_upload(world, "documents/Ana/failed.txt")
    running = [("r1", minutes(2), None), ("r2", minutes(9), None)]
    behind = backlog(Machine({"RUNNING": running})).measure()
    assert (behind.running, behind.oldest) == (2, minutes(9))
    for status in ("FAILED", "TIMED_OUT", "ABORTED"):
        behind = backlog(Machine({"RUNNING": running, status: [("f", minutes(70), data)]})).measure()
        assert behind.oldest == minutes(70)


@pytest.mark.parametrize("settling", ["filed", "deleted", "overwritten"])
def test_an_upload_that_was_settled_otherwise_counts_no_more(world: World, settling: str) -> None:
    key = "documents/Ana/settled.txt"
    data = failed_upload(world, key)
    match settling:
        case "filed":
            world.run(data, "again")
        case "deleted":
            world.delete(key)
        case "overwritten":
            world.upload(key, b"newer")
    machine = Machine({"FAILED": [("f", minutes(70), data)]})
    measured = backlog(machine)
    assert measured.measure().oldest == timedelta()
    measured.measure()
    assert len(machine.asked) == 1, "what is settled is asked about once"


def test_what_is_about_no_upload_does_not_count(world: World) -> None:
    assert backlog(Machine({"FAILED": [("f1", minutes(5), {"no": "input"})]})).measure().oldest == timedelta()


def test_a_failure_is_not_forgotten_when_it_can_be_redriven_no_more(world: World) -> None:
    data = failed_upload(world, "documents/Ana/old.txt")
    machine = Machine({"FAILED": [("f", timedelta(days=80), data)]})
    assert backlog(machine).measure().oldest == timedelta(days=80)


def test_one_run_asks_about_a_bounded_number_and_the_next_goes_on(world: World) -> None:
    data = failed_upload(world, "documents/Ana/newest.txt")
    others = [(f"f{n}", minutes(100 + n), {"no": "input"}) for n in range(MOST_ASKED)]
    machine = Machine({"FAILED": [("last", minutes(50), data), *others]})
    measured = backlog(machine)
    assert measured.measure().oldest == timedelta()
    assert measured.measure().oldest == minutes(50)


def test_it_is_measured_with_the_stage_and_nothing_else(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measure_backlog, "backlog", backlog(Machine({"RUNNING": [("r", minutes(3), None)]})))
    monkeypatch.setattr(measure_backlog, "counted", Counted(0))
    assert measure_backlog.handler({}, None) == {"running": 1, "oldest_seconds": 180.0, "listed": 0}
    line = json.loads(capsys.readouterr().out)
    assert (line["RunningIntakes"], line["OldestUnfiled"], line["stage"]) == (1, 180, "test")


@dataclass
class Counted:
    """The patient directory, as DynamoDB counted it."""

    number: int

    def count(self) -> int:
        return self.number


@pytest.mark.parametrize(("number", "mode", "told"), [(7, "open", [7]), (0, "open", []), (0, "listed", [0])])
def test_patients_listed_are_measured_where_the_directory_is_filled_or_in_use(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    mode: str,
    told: list[int],
) -> None:
    monkeypatch.setenv("PATIENTS", mode)
    monkeypatch.setattr(measure_backlog, "backlog", backlog(Machine({})))
    monkeypatch.setattr(measure_backlog, "counted", Counted(number))
    assert measure_backlog.handler({}, None)["listed"] == number
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["PatientsListed"] for line in lines if "PatientsListed" in line] == told


def test_only_patients_are_counted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What finds a patient is an item of the table, and no patient."""
    monkeypatch.setenv("PATIENTS_TABLE", "patients")
    described = {"ItemCount": 40, "GlobalSecondaryIndexes": [{"IndexName": "listed", "ItemCount": 5}]}
    monkeypatch.setattr(aws.dynamodb(), "describe_table", lambda **_: {"Table": described})
    assert wiring.counted_directory().count() == 5
