"""A backfill that slows down as it grows is told from one that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from benchmarks.backfill import keys, steps
from benchmarks.backfill_curve import curve

OBJECTS = (100, 500, 1000, 2500, 5000)


@pytest.mark.parametrize("noise", [(1, 1, 1, 1, 1), (1.1, 0.95, 1.05, 0.92, 1.04), (1.3, 1.05, 1, 1, 1)])
def test_what_takes_its_time_for_each_object_is_linear(noise: tuple[float, ...]) -> None:
    found = curve(OBJECTS, [0.05 * n * by for n, by in zip(OBJECTS, noise, strict=True)])
    assert found.linear
    assert found.a_second == pytest.approx(20, rel=0.1)
    assert found.explained > 0.98


@pytest.mark.parametrize("slower", [lambda n: 1 + n / 4000, lambda n: n**0.2, lambda n: n])
def test_what_takes_longer_the_more_there_is_is_not(slower: Callable[[int], float]) -> None:
    assert not curve(OBJECTS, [0.05 * n * slower(n) for n in OBJECTS]).linear


def test_a_run_that_does_not_look_at_every_object_is_not_linear_either() -> None:
    assert not curve(OBJECTS, [5.0] * 5).linear


@pytest.mark.parametrize(("most", "sizes"), [(5000, OBJECTS), (700, (100, 500, 700)), (80, (20, 80))])
def test_the_sizes_end_with_the_one_asked_for(most: int, sizes: tuple[int, ...]) -> None:
    assert steps(most) == sizes


def test_objects_are_mixed_and_each_size_has_a_prefix_of_its_own() -> None:
    found = [*keys("Step1000", 1000)]
    assert len(set(found)) == 1000
    assert sum("/session_" in key for key in found) == 796
    assert not {key for key in keys("Step100", 100) if key.startswith("Step1000_")}
