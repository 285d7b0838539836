"""Scans are read late, twice, never, and while the world goes on; each rule of that is needed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.actors import LANE
from tests.simulation.actors.readings import ACTOR, Readings
from tests.simulation.reading_variants import FOUND_WITHIN
from tests.simulation.run import first_violation, run_seed
from tests.simulation.variants import broken

READING = ACTOR.lane * LANE


@pytest.mark.timeout(300)
@pytest.mark.parametrize("schedules", [150, pytest.param(3_000, marks=pytest.mark.prove)])
def test_readings_converge_whatever_comes_between(schedules: int) -> None:
    assert first_violation(range(READING, READING + schedules)) is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "schedules"), FOUND_WITHIN.items(), ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_broken_rule_about_readings_is_found_out(variant: Callable[[], Any], schedules: int) -> None:
    with broken(variant):
        assert first_violation(range(READING, READING + schedules)) is not None


def test_the_schedules_have_readings_that_come_twice_and_after_a_document_was_moved_or_replaced() -> None:
    twice = late = 0
    for seed in range(READING, READING + 40):
        world = run_seed(seed).world
        executions = world.judge(Readings).executions
        twice += any(execution.name.endswith("'") for execution in executions)
        dispositions = {execution.output["disposition"] for execution in executions}
        late += "superseded" in dispositions
    assert twice
    assert late
