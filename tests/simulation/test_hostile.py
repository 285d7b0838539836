"""An uploader who may write below one prefix harms nobody but itself (I12), in every order that these schedules try."""

from __future__ import annotations

import pytest

from tests.simulation.actors import LANE
from tests.simulation.actors.hostile import ACTOR, BELIEVED_NOTHING, OUTSIDE_CONVENTIONS, is_hostile
from tests.simulation.run import first_violation, run_seed
from tests.simulation.scenario import Scenario, Upload

FIRST = ACTOR.lane * LANE
SCHEDULES = 100  # four times as many as find every broken variant


@pytest.mark.timeout(300)
def test_a_hostile_uploader_changes_nothing_of_what_others_show() -> None:
    assert first_violation(range(FIRST, FIRST + SCHEDULES)) is None


def test_the_schedules_hold_hostile_uploads_that_name_patients() -> None:
    made = [run_seed(seed).scenario for seed in range(FIRST, FIRST + 60)]
    hostile = [(one.keys[it.key], it) for one in made for it in uploads(one) if is_hostile(one.keys[it.key])]
    assert len(hostile) >= 60
    assert any(step.metadata for _, step in hostile)
    assert any(step.content for _, step in hostile)
    for prefix in (BELIEVED_NOTHING, OUTSIDE_CONVENTIONS):
        assert any(key.key.startswith(prefix) for key, _ in hostile)
    assert all(any(not is_hostile(one.keys[it.key]) for it in uploads(one)) for one in made)


def uploads(scenario: Scenario) -> list[Upload]:
    return [step for step in scenario.steps if isinstance(step, Upload)]
