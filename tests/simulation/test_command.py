"""The command fails for what it finds, and shows it as a small story; or only counts, where that is asked for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import __main__, proof, story
from tests.simulation.actors import EVERYBODY, LANE, actors, lane_of
from tests.simulation.campaign import MOST_FRESH, fresh_seed
from tests.simulation.run import SCANNED, first_violation
from tests.simulation.variants import broken, event_id_from_the_key_alone


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["simulation", "--processes", "1", *arguments])
    return __main__.main()


def test_what_is_found_fails_the_command_and_is_shown_small(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with broken(event_id_from_the_key_alone):
        assert command(monkeypatch, "--schedules", "8", "--seed", "3") == 1
        shown = capsys.readouterr().out
        assert "the first seed is 3" in shown
        assert "BROKEN two versions share the event id" in shown
        assert command(monkeypatch, "--schedules", "8", "--seed", "3", "--count-only") == 0
        assert "BROKEN" not in capsys.readouterr().out


def test_a_recorded_run_tells_what_it_covered_and_adds_to_the_ledger(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ledger = tmp_path / "proof.jsonl"
    monkeypatch.setattr(proof, "LEDGER", ledger)
    assert command(monkeypatch, "--schedules", "4", "--each", "2", "--record") == 0
    assert "pairs of call and fault seen" in capsys.readouterr().out
    runs = [(entry.first, entry.last, entry.broken) for entry in proof.entries(ledger)]
    lanes = [actor.lane for actor in actors()] + [lane_of(EVERYBODY)]
    assert runs == [(1, 4, 0), *((lane * LANE + 1, lane * LANE + 2, 0) for lane in lanes)]
    assert command(monkeypatch, "--proof") == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{4 + 2 * len(lanes)} schedules of this code (4 plain, 2 malware protection, ")
    assert told.endswith(", 2 any of these), 0 broken\n")


def test_a_long_run_is_recorded_part_by_part(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(proof, "LEDGER", tmp_path / "proof.jsonl")
    monkeypatch.setattr(__main__, "PART", 3)
    assert command(monkeypatch, "--schedules", "7", "--record") == 0
    assert [(entry.first, entry.last) for entry in proof.entries()] == [(1, 3), (4, 6), (7, 7)]


def test_a_found_schedule_is_saved_as_a_story_that_can_be_replayed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "found.json"
    with broken(event_id_from_the_key_alone):
        seed = first_violation(range(1, 20))
        assert command(monkeypatch, "--seed", str(seed), "--save", str(path)) == 1
        assert command(monkeypatch, "--story", str(path)) == 1
        assert "BROKEN" in capsys.readouterr().out
    what, scenario, _ = story.read(path)
    assert what.startswith("two versions share the event id")
    assert len(scenario.steps) <= 3
    assert command(monkeypatch, "--story", str(path)) == 0


def test_a_fresh_seed_is_another_each_time_and_leaves_room_below_those_with_malware_protection() -> None:
    seeds = {fresh_seed() for _ in range(20_000)}
    assert len(seeds) > 1
    assert all(0 <= seed < SCANNED - MOST_FRESH for seed in seeds)
