"""Scans are read late, twice, never, and while the world goes on."""

from __future__ import annotations

import pytest

from tests.simulation.actors import LANE
from tests.simulation.actors.readings import ACTOR, Readings
from tests.simulation.run import first_violation, run_seed

READING = ACTOR.lane * LANE


@pytest.mark.timeout(300)
@pytest.mark.parametrize("schedules", [150, pytest.param(3_000, marks=pytest.mark.prove)])
def test_readings_converge_whatever_comes_between(schedules: int) -> None:
    assert first_violation(range(READING, READING + schedules)) is None


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
