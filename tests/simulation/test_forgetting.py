"""A patient is forgotten at any moment of a reading, not only before and after it."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.simulation import rest
from tests.simulation.actors import LANE
from tests.simulation.actors.forgetting import (
    ACTOR,
    KNOWN,
    Forget,
    Forgotten,
    not_looked_at_after_the_last_page_was_kept,
)
from tests.simulation.actors.readings import Readings
from tests.simulation.run import first_violation, run_seed
from tests.simulation.scenario import Scenario, Upload
from tests.simulation.schedule import Decisions
from tests.simulation.variants import broken
from tests.simulation.world import World

FORGETTING = ACTOR.lane * LANE
CALLS = 40  # more than a reading makes


class After(Decisions):
    """Each goes on to its end, but a reading stops after so many of its calls until the patient is forgotten."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def pick(self, names: Sequence[str]) -> str:
        reading = next((name for name in names if name.startswith("reading ")), None)
        others = [name for name in names if name not in (reading, "world")]
        if reading and self.left and not others:
            self.left -= 1
            return reading
        return next(iter(others), "world" if "world" in names else names[0])


def forgotten_after(calls: int) -> list[str]:
    scenario = Scenario((KNOWN,), (Upload("g1", 0), Forget("f1", 0)), actors=("forgetting", "readings"))
    world = World(scenario, After(calls))
    world.run()
    return rest.violations(world)


def test_nothing_is_left_whichever_call_of_a_reading_it_is_forgotten_after() -> None:
    assert [found for calls in range(CALLS) if (found := forgotten_after(calls))] == []


def test_a_reading_that_does_not_look_again_is_found_out_at_some_call() -> None:
    with broken(not_looked_at_after_the_last_page_was_kept):
        found = [text for calls in range(CALLS) for text in forgotten_after(calls)]
    assert any("what was read of" in text for text in found)


@pytest.mark.prove
@pytest.mark.timeout(900)
def test_what_was_forgotten_while_it_was_read_stays_away() -> None:
    assert first_violation(range(FORGETTING, FORGETTING + 3_000)) is None


def test_the_schedules_have_patients_who_are_forgotten_before_their_pages_are_read_and_after() -> None:
    late = kept = 0
    for seed in range(FORGETTING, FORGETTING + 30):
        world = run_seed(seed).world
        (key,) = world.judge(Forgotten).keys
        executions = [it for it in world.judge(Readings).executions if key in repr(it.asked)]
        late += any(it.output["disposition"] == "withdrawn" for it in executions)
        kept += world.judge(Forgotten).pages > 0
    assert late >= 10
    assert kept >= 5
