"""What schedules once found, kept as the schedules themselves: each holds now. One is added with
`python -m tests.simulation --seed … --save tests/simulation/stories/….json`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.simulation import story
from tests.simulation.run import run_script

STORIES = sorted(story.FOLDER.glob("*.json"))
# Those whose fault is not mended yet. One that holds has to leave this list.
OPEN = frozenset({"session-assigned-under-a-threat", "two-decisions-of-one-moment-and-a-function-left-alone"})


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
