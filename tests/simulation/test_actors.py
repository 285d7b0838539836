"""Each actor has a lane of seeds of its own, and what it does survives in a story."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import story
from tests.simulation.actors import EVERYBODY, LANE, Actor, actors, lane_of
from tests.simulation.run import run_script, run_seed


def test_no_two_actors_share_a_lane_or_a_name() -> None:
    assert len({actor.lane for actor in actors()}) == len(actors())
    assert len({actor.name for actor in actors()}) == len(actors())
    assert all(0 < actor.lane < lane_of(EVERYBODY) for actor in actors())
    assert {need for actor in actors() for need in actor.needs} <= {actor.name for actor in actors()}


def test_a_seed_has_the_actor_of_its_lane_alone_and_the_last_lane_has_some_of_each() -> None:
    assert run_seed(1).scenario.actors == ()
    for actor in actors():
        named = set(run_seed(actor.lane * LANE + 1).scenario.actors)
        assert named == {actor.name, *actor.needs}
    drawn = {run_seed(EVERYBODY + number).scenario.actors for number in range(30)}
    assert len(drawn) > len(actors())
    assert {name for names in drawn for name in names} == {actor.name for actor in actors()}
    assert lane_of(EVERYBODY * 5) == lane_of(EVERYBODY)


@pytest.mark.parametrize("actor", actors(), ids=lambda actor: actor.name)
def test_what_an_actor_does_replays_from_a_file(actor: Actor, tmp_path: Path) -> None:
    for seed in range(actor.lane * LANE, actor.lane * LANE + 5):  # all of its own kinds of steps are in these
        drawn = run_seed(seed, tracing=True)
        story.write(tmp_path / "story.json", "something", drawn.scenario, drawn.script)
        what, scenario, script = story.read(tmp_path / "story.json")
        assert (what, scenario, script) == ("something", drawn.scenario, drawn.script)
        assert run_script(scenario, script, tracing=True).trace == drawn.trace
