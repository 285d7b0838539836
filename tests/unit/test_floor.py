"""What `make bench` prints beside the floor: how many times as long, and which share of the rate."""

from __future__ import annotations

from benchmarks.floor import Timed, _ratios


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
