"""The pipeline keeps its promises in every order of events that these schedules try."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation import story
from tests.simulation.campaign import Campaign
from tests.simulation.run import SCANNED, run_script, run_seed

SCHEDULES = 10_000
SCANNED_SCHEDULES = 2_000
SECONDS = 180
PROCESSES = 2


@pytest.mark.timeout(2 * SECONDS)
def test_ten_thousand_schedules_leave_nothing_lost_mixed_or_rolled_back(
    say: Callable[[str], None],
) -> None:
    campaign = Campaign(range(1, SCHEDULES + 1), PROCESSES)
    begun = time.monotonic()
    campaign.run()
    took = time.monotonic() - begun
    say(
        f"simulation: {campaign.done:,} schedules, {campaign.uploads:,} uploads, {campaign.steps:,} steps, "
        f"{campaign.faults:,} faults, {took:.0f} s, {len(campaign.broken)} broken"
    )
    shown = "\n".join(
        f"{violation}\n  python -m tests.simulation --seed {seed}" for seed, violation in campaign.broken[:5]
    )
    assert campaign.done == SCHEDULES
    assert not campaign.broken, f"{len(campaign.broken)} schedules break something:\n{shown}"


@pytest.mark.timeout(2 * SECONDS)
def test_where_malware_is_looked_for_nothing_that_was_not_found_clean_is_ever_in_the_layout(
    say: Callable[[str], None],
) -> None:
    campaign = Campaign(range(SCANNED, SCANNED + SCANNED_SCHEDULES), PROCESSES)
    campaign.run()
    say(f"simulation with malware protection: {campaign.done:,} schedules, {len(campaign.broken)} broken")
    shown = "\n".join(
        f"{violation}\n  python -m tests.simulation --seed {seed}" for seed, violation in campaign.broken[:5]
    )
    assert campaign.done == SCANNED_SCHEDULES
    assert not campaign.broken, f"{len(campaign.broken)} schedules break something:\n{shown}"


def test_schedules_hold_uploads_keys_and_faults_as_promised() -> None:
    results = [run_seed(seed) for seed in range(300)]
    uploads = {sum(step.name.startswith("u") for step in result.scenario.steps) for result in results}
    assert uploads == {2, 3, 4, 5, 6}
    assert {len(result.scenario.keys) for result in results} == {1, 2, 3, 4}
    assert {len(result.script.faults) for result in results} == {0, 1, 2, 3}
    kinds = {fault for result in results for fault in result.script.faults.values()}
    assert len(kinds) == 11


def test_a_seed_gives_the_same_schedule_every_time() -> None:
    for seed in (3, 17, 230):
        first, second = run_seed(seed, tracing=True), run_seed(seed, tracing=True)
        assert first.trace == second.trace
        assert first.script == second.script


def test_a_schedule_is_the_same_when_it_comes_from_a_file(tmp_path: Path) -> None:
    for seed in (*range(1, 60), *range(SCANNED, SCANNED + 20)):
        drawn = run_seed(seed, tracing=True)
        story.write(tmp_path / "story.json", "something", drawn.scenario, drawn.script)
        what, scenario, script = story.read(tmp_path / "story.json")
        assert (what, scenario, script) == ("something", drawn.scenario, drawn.script)
        assert run_script(scenario, script, tracing=True).trace == drawn.trace
