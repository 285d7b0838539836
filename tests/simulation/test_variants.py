"""Each rule of the protocol is needed: without it, the simulation finds out what goes wrong, and says so readably."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.actors import EVERYBODY, LANE, actors, lane_of
from tests.simulation.minimise import minimise
from tests.simulation.report import lines
from tests.simulation.run import first_violation, run_seed
from tests.simulation.variants import (
    FOUND_WITHIN,
    broken,
    event_id_from_the_key_alone,
    in_lanes,
    without_check,
)

WITH_EACH_ACTOR = 100  # schedules


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "lane", "schedules"), in_lanes(), ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_broken_rule_is_found_out(variant: Callable[[], Any], lane: int, schedules: int) -> None:
    first = lane * LANE + (lane == 0)
    found_as = next((actor.found_as for actor in actors() if actor.lane == lane), "")
    with broken(variant):
        found = (run_seed(seed).violations for seed in range(first, first + schedules))
        assert any(text.startswith(found_as) for violations in found for text in violations[:1])


@pytest.mark.parametrize("lane", [*(actor.lane for actor in actors()), lane_of(EVERYBODY)])
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


def test_a_rule_broken_only_for_a_while_leaves_no_trace() -> None:
    with broken(without_check):
        assert first_violation(range(1, FOUND_WITHIN[without_check])) is not None
    assert first_violation(range(1, 60)) is None
