"""Who takes part in a schedule beside those of every schedule: one module for each, with its ACTOR.

A module is known by being here. Its actor has a lane: the seeds from `lane * LANE` up to the next lane's have it, so
that the others' mean the same as before. The seeds from EVERYBODY on draw for each actor whether it takes part.

| lane | who |
|---|---|
| 0 | nobody else |
| 1 | malware protection |
| 2 | people who take out what was uploaded |
| 3 | a patient directory that fills |
| 4 | people who decide about a document, and so about its bytes |
| 5 | a hostile uploader |
| 6 | people who merge patients |
| 7 | slow readings |
| 8 | people who say that something is nobody's, or take a decision back |
| 9 | an operator who has a patient forgotten, while pages are read |
| 10 | whoever of these is drawn |
"""

from __future__ import annotations

import importlib
import pkgutil
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.simulation.aws.gate import Call
    from tests.simulation.mixture import Mixture
    from tests.simulation.oracle import Place, Uploaded
    from tests.simulation.outside import Outside
    from tests.simulation.scenario import Scenario
    from tests.simulation.world import Published, World

Patches = list[tuple[Any, str, Any]]  # what a broken variant puts in place: owner, name, value
LANE = 1_000_000_000
EVERYBODY = 10 * LANE


class Judge:
    """What an actor changes about what ought to be, in one world. Each answer here is that of no such actor."""

    expected: tuple[str, ...] = ()  # the errors that a function may end with because of it

    def __init__(self, world: World) -> None:
        self.world = world

    def installed(self) -> Iterable[tuple[Any, str, Any]]:
        """What the functions' modules have for as long as the schedule runs: owner, name, value."""
        return ()

    def after(self, call: Call, result: Any) -> None:
        """Look at a call that took effect."""

    def published(self, event: Published) -> None:
        """Hear an event on the catalog bus."""

    def ever(self, upload: Uploaded, places: Sequence[Place]) -> Sequence[Place]:
        """Where a version may be put at this moment, of the places that all other decisions so far give it."""
        return places

    def now(self, upload: Uploaded, places: Sequence[Place]) -> Sequence[Place]:
        """Where it may be at rest, of the places where all other decisions that hold would have it."""
        return places

    def knows(self, patient: str) -> bool:
        """Whether a decision may name this patient."""
        return True

    def takes_out(self, upload: Uploaded) -> bool:
        """Whether nothing of it is to be anywhere at rest."""
        return False

    def forgets(self, key: str) -> bool:
        """Whether all that was ever uploaded to a landing key is forgotten, so that nothing else is expected of it."""
        return False

    def looked_again(self) -> None:
        """At rest, do what an operator does about what nobody heard of."""

    def at_rest(self) -> list[str]:
        """What else is broken when everything is at rest."""
        return []


@dataclass(frozen=True)
class Actor:
    """`add` draws what it does into a scenario, `steps` says how each kind of its steps is taken, `needs` names the
    actors that it does nothing without, `mixed` draws what it changes about what goes wrong. `found_within` has broken
    variants of the rules that it needs, and how many schedules of its lane it takes at most to find each, as a
    violation that begins with `found_as`."""

    name: str
    lane: int
    add: Callable[[random.Random, Scenario, Mixture], Scenario]
    steps: Mapping[type, Callable[[Outside, Any], None]] = field(default_factory=dict)
    judge: type[Judge] = Judge
    needs: tuple[str, ...] = ()
    mixed: Callable[[random.Random, Mixture], Mixture] = lambda _, mixture: mixture
    found_within: Mapping[Callable[[], Patches], int] = field(default_factory=dict)
    found_as: str = ""


@cache
def actors() -> tuple[Actor, ...]:
    """All there are, by their lanes."""
    modules = (importlib.import_module(f"{__name__}.{it.name}") for it in pkgutil.iter_modules(__path__))
    return tuple(sorted((it.ACTOR for it in modules), key=lambda actor: actor.lane))


@cache
def takers() -> Mapping[type, Callable[[Outside, Any], None]]:
    """How each actor's kinds of steps are taken."""
    return {kind: take for actor in actors() for kind, take in actor.steps.items()}


def lane_of(seed: int) -> int:
    return min(seed // LANE, EVERYBODY // LANE)


def with_actors(rng: random.Random, scenario: Scenario, mixture: Mixture, seed: int) -> Scenario:
    """The scenario with what the actors of this seed do."""
    lane = lane_of(seed)
    if not lane:
        return scenario
    drawn = [it for it in actors() if it.lane == lane or (lane == EVERYBODY // LANE and rng.random() < 0.5)]
    names = {name for it in drawn for name in (it.name, *it.needs)}
    scenario = replace(scenario, actors=tuple(sorted(names)))
    for actor in actors():
        if actor.name in names:
            scenario = actor.add(rng, scenario, mixture)
    taken = {step.name for step in scenario.steps}
    assert len(taken) == len(scenario.steps), "two steps of one name, which is their executions' too"
    return scenario


def mixed(rng: random.Random, scenario: Scenario, mixture: Mixture) -> Mixture:
    """What goes wrong in a schedule with these actors."""
    for actor in actors():
        if actor.name in scenario.actors:
            mixture = actor.mixed(rng, mixture)
    return mixture


def judges(world: World) -> tuple[Judge, ...]:
    """Those of the actors that take part: who is named, or has a step."""
    kinds = {type(step) for step in world.scenario.steps}
    return tuple(
        actor.judge(world)
        for actor in actors()
        if actor.name in world.scenario.actors or kinds & actor.steps.keys()
    )
