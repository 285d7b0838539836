"""A patient is forgotten at any moment of a reading, not only before and after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import pytest

from tests.simulation import rest
from tests.simulation.actors import LANE, Patches
from tests.simulation.actors.forgetting import (
    ACTOR,
    KNOWN,
    Forget,
    Forgotten,
    not_looked_at_after_the_last_page_was_kept,
    readings_deleted_before_the_uploads,
)
from tests.simulation.actors.readings import Readings
from tests.simulation.run import first_violation, run_seed
from tests.simulation.scenario import Scenario, Upload
from tests.simulation.schedule import Decisions
from tests.simulation.variants import broken
from tests.simulation.world import World

FORGETTING = ACTOR.lane * LANE
READING, COMMAND = (
    30,
    16,
)  # more calls than a reading makes, and than the command makes until the readings are gone


class Between(Decisions):
    """Each goes on to its end, but a reading stops after so many of its calls until the patient is forgotten, and the
    command after so many of its own until the reading has ended."""

    def __init__(self, of_reading: int, of_command: int) -> None:
        super().__init__()
        self._of_reading, self._of_command = of_reading, of_command

    def pick(self, names: Sequence[str]) -> str:
        reading = next((name for name in names if name.startswith("reading ")), None)
        for name in names:
            if name not in (reading, "world", "forget"):
                return name
        if reading and self._of_reading:
            self._of_reading -= 1
            return reading
        if "world" in names:
            return "world"
        if "forget" in names and self._of_command:
            self._of_command -= 1
            return "forget"
        return reading or names[0]


def forgotten(of_reading: int, of_command: int) -> list[str]:
    scenario = Scenario((KNOWN,), (Upload("g1", 0), Forget("forget", 0)), actors=("forgetting", "readings"))
    world = World(scenario, Between(of_reading, of_command))
    world.run()
    return rest.violations(world)


def at_every_call() -> Iterator[str]:
    for of_reading, of_command in product(range(READING), range(COMMAND)):
        yield from forgotten(of_reading, of_command)


def test_nothing_is_left_at_whichever_calls_command_and_reading_meet() -> None:
    assert list(at_every_call()) == []


@pytest.mark.parametrize(
    "variant", [not_looked_at_after_the_last_page_was_kept, readings_deleted_before_the_uploads]
)
def test_a_broken_order_is_found_out_at_some_call(variant: Callable[[], Patches]) -> None:
    with broken(variant):
        assert any("what was read of" in text for text in at_every_call())


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
