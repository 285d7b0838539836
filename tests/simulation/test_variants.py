"""Each rule of the protocol is needed: without it, the simulation finds out what goes wrong, and says so readably."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lambdas.intake.convergence import Intake
from tests.simulation import hunting
from tests.simulation.actors import (
    EVERYBODY,
    LANE,
    Patches,
    actors,
    hostile,
    lane_of,
    malware,
    readings,
)
from tests.simulation.hunting import found_by
from tests.simulation.minimise import minimise
from tests.simulation.report import lines
from tests.simulation.run import first_violation, run_seed
from tests.simulation.variants import (
    FOUND_WITHIN,
    broken,
    event_id_from_the_key_alone,
    in_lanes,
    latest_decision_to_arrive_holds,
    without_check,
)

WITH_EACH_ACTOR = 100  # schedules
# They have tests of their own, of as many schedules or more: test_schedules, test_hostile, test_readings.
ELSEWHERE = {malware.ACTOR.lane, hostile.ACTOR.lane, readings.ACTOR.lane}


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "lane", "schedules"), in_lanes(), ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_broken_rule_is_found_out(variant: Callable[[], Any], lane: int, schedules: int) -> None:
    assert found_by(variant, lane, schedules) is not None


def test_a_note_that_finds_nothing_any_more_is_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for noted in (2_000_000_000, 39, 3):
        monkeypatch.setattr(hunting, "NOTES", tmp_path / "found_at.json")
        hunting.NOTES.write_text(json.dumps({"without_check": noted}))
        assert found_by(without_check, 0, FOUND_WITHIN[without_check]) is not None
    assert found_by(latest_decision_to_arrive_holds, 0, 1) is None


def crashing() -> Patches:
    def a_round(self: Intake) -> None: ...

    return [(Intake, "_round", a_round)]


def test_a_variant_that_only_crashes_is_not_found() -> None:
    assert found_by(crashing, 0, 20) is None


@pytest.mark.parametrize(
    "lane", [*sorted({actor.lane for actor in actors()} - ELSEWHERE), lane_of(EVERYBODY)]
)
def test_with_further_actors_everything_holds(lane: int) -> None:
    first = lane * LANE
    assert first_violation(range(first, first + WITH_EACH_ACTOR)) is None


def test_a_failing_schedule_is_made_small_and_reads_as_a_story() -> None:
    with broken(event_id_from_the_key_alone):
        seed = first_violation(range(1, 100))
        assert seed is not None
        whole = run_seed(seed, tracing=True)
        small = minimise(whole)
    assert small.violations
    assert len(small.trace) < len(whole.trace)
    assert not small.script.faults
    assert len(small.scenario.steps) <= 3
    told = "\n".join(lines(small))
    assert "BROKEN two versions share the event id" in told
    assert "-- u" in told
    assert "== SUCCEEDED" in told


def test_making_a_schedule_small_ends_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    with broken(event_id_from_the_key_alone):
        seed = first_violation(range(1, 100))
        assert seed is not None
        whole = run_seed(seed)
        monkeypatch.setattr("tests.simulation.minimise.MOST_SECONDS", -1)
        assert minimise(whole).scenario == whole.scenario


def test_a_rule_broken_only_for_a_while_leaves_no_trace() -> None:
    with broken(without_check):
        assert first_violation(range(1, FOUND_WITHIN[without_check])) is not None
    assert first_violation(range(1, 60)) is None
