"""One schedule from its seed, or from a script; and many of them."""

from __future__ import annotations

import dataclasses
import gc
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.simulation import rest
from tests.simulation.actors import LANE, mixed, with_actors
from tests.simulation.coverage import Observer
from tests.simulation.mixture import by_number, draw
from tests.simulation.scenario import Scenario, generate
from tests.simulation.schedule import Chance, Decisions, Replay, Script
from tests.simulation.world import World


@dataclass(frozen=True)
class Result:
    """What a schedule came to. `violations` is empty where everything held."""

    scenario: Scenario
    script: Script
    violations: tuple[str, ...]
    trace: tuple[tuple[str, str], ...]
    steps: int
    world: World


SCANNED = LANE  # the seeds from this one on wait for malware protection
UNFILING = 2 * LANE  # in those from this one on, people take out what was uploaded


def run_seed(seed: int, *, tracing: bool = False, observer: Observer | None = None) -> Result:
    """Two of three schedules are of the standard lane."""
    rng = random.Random(seed)
    mixture = draw(rng)
    scenario = dataclasses.replace(generate(rng, mixture), express=seed % 3 == 0)
    scenario = with_actors(rng, scenario, mixture, seed)
    mixture = by_number(mixed(rng, scenario, mixture), seed)
    return _run(scenario, Chance(rng, mixture), tracing=tracing, observer=observer)


def run_script(scenario: Scenario, script: Script, *, tracing: bool = False) -> Result:
    return _run(scenario, Replay(script), tracing=tracing)


def first_violation(seeds: range, told: Callable[[int], None] = lambda seed: None) -> int | None:
    """The first of these seeds whose schedule breaks something."""
    for seed in seeds:
        told(seed)
        if run_seed(seed).violations:
            return seed
    return None


def _run(
    scenario: Scenario, decisions: Decisions, *, tracing: bool, observer: Observer | None = None
) -> Result:
    with _one_collection():
        world = World(scenario, decisions, tracing=tracing, observer=observer)
        world.run()
        return Result(
            scenario, decisions.script, tuple(rest.violations(world)), tuple(world.trace), world.steps, world
        )


@contextmanager
def _one_collection() -> Iterator[None]:
    """A schedule's garbage is looked for once it is over, not a hundred times in between."""
    wanted = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if wanted:
            gc.enable()
