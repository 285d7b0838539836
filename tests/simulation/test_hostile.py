"""An uploader who may write below one prefix harms nobody but itself (I12), in every order that these schedules try."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.hostile import FOUND_WITHIN, confined, first_broken, is_hostile, scenario
from tests.simulation.variants import broken

SCHEDULES = 400


@pytest.mark.timeout(300)
@pytest.mark.parametrize("recipe", [True, False], ids=["by the recipe", "by the default table"])
def test_a_hostile_uploader_changes_nothing_of_what_others_show(recipe: bool) -> None:
    with confined(recipe=recipe):
        assert first_broken(range(1, SCHEDULES + 1)) is None


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("variant", "recipe", "schedules"), FOUND_WITHIN)
def test_a_mend_taken_away_is_found_out(variant: Callable[[], Any], recipe: bool, schedules: int) -> None:
    with confined(recipe=recipe), broken(variant):
        found = first_broken(range(1, schedules + 1))
    assert found is not None
    assert "I12" in found[1][0] or "I1 " in found[1][0]


def test_the_schedules_hold_hostile_uploads_that_name_patients() -> None:
    made = [scenario(random.Random(seed), recipe=True) for seed in range(100)]
    hostile = [
        step
        for one in made
        for step in one.steps
        if step.name.startswith("h") and is_hostile(one.keys[getattr(step, "key", 0)])
    ]
    assert len(hostile) >= 100
    assert any(getattr(step, "metadata", None) for step in hostile)
    assert any(getattr(step, "content", None) for step in hostile)
