"""The pipeline keeps its promises in every order of events that these schedules try."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.simulation import story
from tests.simulation.actors import LANE, actors
from tests.simulation.aws.gate import Call, Fault
from tests.simulation.campaign import Campaign
from tests.simulation.coverage import Coverage, Observer
from tests.simulation.hunting import NOTES
from tests.simulation.mixture import OTHERS, RARE, draw
from tests.simulation.run import SCANNED, run_script, run_seed
from tests.simulation.scenario import Assign, Upload
from tests.simulation.variants import FOUND_WITHIN

# Fixed seeds, twice as many as find every broken variant (found_at.json), and for each submission as many as were ever
# needed: `make prove` draws fresh ones.
SCHEDULES = 3_000
FEW, FEW_SCANNED = 1_000, 100
SUBMISSION = pytest.mark.submission
SECONDS = 180


def processes(schedules: int) -> int:
    """Few run in this process: others take seconds to load what it has loaded, while other tests keep the processors
    busy."""
    return 1 if schedules <= FEW else 2


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("schedules", [FEW, pytest.param(SCHEDULES, marks=SUBMISSION)])
def test_schedules_leave_nothing_lost_mixed_or_rolled_back(
    schedules: int, say: Callable[[str], None]
) -> None:
    campaign = Campaign(range(1, schedules + 1), processes(schedules))
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
    assert campaign.done == schedules
    assert not campaign.broken, f"{len(campaign.broken)} schedules break something:\n{shown}"


@pytest.mark.timeout(2 * SECONDS)
@pytest.mark.parametrize("schedules", [FEW_SCANNED, pytest.param(1_000, marks=SUBMISSION)])
def test_where_malware_is_looked_for_nothing_that_was_not_found_clean_is_ever_in_the_layout(
    schedules: int, say: Callable[[str], None]
) -> None:
    campaign = Campaign(range(SCANNED, SCANNED + schedules), processes(schedules))
    campaign.run()
    say(f"simulation with malware protection: {campaign.done:,} schedules, {len(campaign.broken)} broken")
    shown = "\n".join(
        f"{violation}\n  python -m tests.simulation --seed {seed}" for seed, violation in campaign.broken[:5]
    )
    assert campaign.done == schedules
    assert not campaign.broken, f"{len(campaign.broken)} schedules break something:\n{shown}"


def test_few_schedules_are_twice_as_many_as_find_every_broken_variant() -> None:
    noted = json.loads(NOTES.read_text(encoding="utf-8"))
    assert max(noted.get(variant.__name__, 0) for variant in FOUND_WITHIN) * 2 <= FEW
    malware = next(actor for actor in actors() if actor.lane == SCANNED // LANE)
    assert (
        max(noted.get(variant.__name__, 0) - SCANNED for variant in malware.found_within) * 2 <= FEW_SCANNED
    )


def test_schedules_hold_uploads_keys_and_faults_as_promised() -> None:
    mixtures = [draw(random.Random(seed)) for seed in range(1, SCHEDULES + 1)]
    assert {mixture.count for mixture in mixtures} >= {1, 2, 3, 4, 5, 6, 20}
    assert max(mixture.count for mixture in mixtures) == 20
    assert {mixture.keys for mixture in mixtures if mixture.count > 6} == {1}
    assert {mixture.keys for mixture in mixtures} == {1, 2, 3, 4}
    assert {fault for mixture in mixtures for fault in mixture.faults} == set(Fault)
    assert any(len(mixture.faults) == 1 and mixture.fault_count == 10 for mixture in mixtures)
    assert any(not mixture.faults and mixture.others and mixture.assign_count for mixture in mixtures)
    left_out = [kind for mixture in mixtures for kind in OTHERS if kind not in mixture.others]
    assert set(left_out) == set(OTHERS)


def test_schedules_are_what_their_mixture_says() -> None:
    for seed in range(1, 120):
        mixture, result = draw(random.Random(seed)), run_seed(seed)
        steps = result.scenario.steps
        assert sum(isinstance(step, Upload) for step in steps) == mixture.count
        assert set(result.script.faults.values()) <= set(mixture.faults)
        assert len(result.script.faults) <= mixture.fault_count
        assert sum(not isinstance(step, (Upload, Assign)) for step in steps) == mixture.other_count


def test_in_one_schedule_of_seven_what_goes_wrong_hits_rare_operations_alone() -> None:
    hit = Coverage()
    for seed in range(7, 7 * 120, 7):
        observer = Observer()
        run_seed(seed, observer=observer)
        hit.add(observer.coverage)
    rare = frozenset[str]().union(*RARE)
    assert {"ListObjectVersions", "DeleteObject", "GetItem"} <= {
        word for call, _ in hit.faults for word in call.split()
    }
    assert all(rare & set(call.split()) for call, _ in hit.faults)


def test_what_cannot_happen_is_no_pair_that_was_never_seen() -> None:
    observer = Observer()
    observer.called("", "Step Functions", Call("sqs", "SendMessage", {}), None, since=0, waited=True)
    assert observer.coverage.faults_unseen() == [("Step Functions SendMessage", Fault.STORM.name)]


def test_what_was_covered_names_what_never_was() -> None:
    observer = Observer()
    run_seed(1, observer=observer)
    coverage = observer.coverage
    assert coverage.calls["ClassifyObject HeadObject landing"]
    assert not set(coverage.faults_unseen()) & coverage.faults.keys()
    assert len(coverage.faults_unseen()) > len(coverage.calls)
    more = Coverage()
    more.add(coverage)
    for seed in range(2, 20):
        observer = Observer()
        run_seed(seed, observer=observer)
        more.add(observer.coverage)
    assert more.faults.keys() > coverage.faults.keys()
    assert more.between.keys() > coverage.between.keys()
    assert "never" in more.told()


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
