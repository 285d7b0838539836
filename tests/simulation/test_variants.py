"""Each rule of the protocol is needed: without it, the simulation finds out what goes wrong, and says so readably."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulation.minimise import minimise
from tests.simulation.report import lines
from tests.simulation.run import SCANNED, UNFILING, first_violation, run_seed
from tests.simulation.variants import (
    FOUND_WITHIN,
    FOUND_WITHIN_SCANNED,
    FOUND_WITHIN_UNFILING,
    broken,
    event_id_from_the_key_alone,
    without_check,
)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "schedules"), FOUND_WITHIN.items(), ids=lambda value: getattr(value, "__name__", str(value))
)
def test_a_broken_rule_is_found_out(variant: Callable[[], Any], schedules: int) -> None:
    with broken(variant):
        assert first_violation(range(1, schedules + 1)) is not None


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "schedules"),
    FOUND_WITHIN_SCANNED.items(),
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_rule_about_malware_is_found_out(variant: Callable[[], Any], schedules: int) -> None:
    with broken(variant):
        found = (run_seed(seed).violations for seed in range(SCANNED, SCANNED + schedules))
        assert any(text.startswith("malware: ") for violations in found for text in violations[:1])


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("variant", "schedules"),
    FOUND_WITHIN_UNFILING.items(),
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_rule_about_taking_out_is_found_out(variant: Callable[[], Any], schedules: int) -> None:
    with broken(variant):
        assert first_violation(range(UNFILING, UNFILING + schedules)) is not None


def test_what_people_take_out_stays_out_and_comes_back_when_they_say_so() -> None:
    assert first_violation(range(UNFILING, UNFILING + 300)) is None


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
