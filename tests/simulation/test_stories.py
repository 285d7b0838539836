"""What schedules once found, kept as the schedules themselves: each holds now. One is added with
`python -m tests.simulation --seed … --save tests/simulation/stories/….json`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import story
from tests.simulation.run import run_script

STORIES = sorted(story.FOLDER.glob("*.json"))
# Those whose fault is not mended yet. One that holds has to leave this list.
OPEN = frozenset(
    {
        "cataloged-and-withdrawn",
        "decision-then-empty-version-1",
        "decision-then-empty-version-2",
        "decision-then-empty-version-3",
        "decision-then-empty-version-4",
        "decision-then-empty-version-5",
        "ended-well-and-marked-as-failed",
        "promotion-that-fails-for-good-1",
        "promotion-that-fails-for-good-2",
        "promotion-that-fails-for-good-3",
        "promotion-that-fails-for-good-of-a-copy",
    }
)


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_a_story_that_once_broke_something_holds(path: Path) -> None:
    what, scenario, script = story.read(path)
    found = run_script(scenario, script).violations
    if path.stem in OPEN:
        assert what in found, "this one holds, or breaks something else: take it off the list of open ones"
    else:
        assert not found


def test_every_open_story_is_there() -> None:
    assert {path.stem for path in STORIES} >= OPEN
