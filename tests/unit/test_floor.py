"""What `make bench` prints beside the floor, and how it waits for what it times."""

from __future__ import annotations

import time
from collections.abc import Iterable
from itertools import pairwise

import pytest

from benchmarks.floor import Timed, _ratios
from benchmarks.traffic import growth_steps
from benchmarks.watching import Watching


def test_the_ratios_are_of_one_degree_of_parallelism_each() -> None:
    row = _ratios(Timed("floor", 8, 0.25, 0.4, 20.0), Timed("Carefile", 8, 0.3, 0.5, 14.0))
    assert row == {
        "at_once": 8,
        "floor_p50": 0.25,
        "p50": 0.3,
        "times_as_long": 1.2,
        "floor_rate": 20.0,
        "rate": 14.0,
        "share_of_rate": 0.7,
    }


class Appearing(Watching):
    """Shows one name of a list with each look."""

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        self._names, self.wanted = names, list[list[str]]()

    def _look(self, wanted: list[str]) -> Iterable[str]:
        self.wanted.append(wanted)
        time.sleep(0.01)
        return [self._names.pop(0)] if self._names else []


def test_a_name_is_seen_when_it_first_appears_and_others_change_nothing() -> None:
    appearing = Appearing(["nobody's", "b", "b", "a"])
    first, second = appearing.of("a"), appearing.of("b")
    assert appearing.of("a") is first
    began = time.monotonic()
    with appearing.watched():
        seen = second.result(10), first.result(10)
    assert began < seen[0] < seen[1] < time.monotonic()
    assert appearing.wanted[0] == ["a", "b"]
    assert appearing.wanted[-1] in (["a"], [])


@pytest.mark.parametrize("most", [50, 100, 600, 20_000])
def test_the_growth_series_ends_at_its_most_and_doubles_until_then(most: int) -> None:
    steps = growth_steps(most)
    assert sum(steps) == most
    totals = [sum(steps[: number + 1]) for number in range(len(steps))]
    assert all(later <= 2 * earlier for earlier, later in pairwise(totals))
