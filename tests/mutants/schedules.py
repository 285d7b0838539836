"""A few hundred schedules, quiet and quick."""

from __future__ import annotations

from itertools import chain

import tests.conftest  # noqa: F401 - the environment that the functions are imported in


def broken(known: frozenset[int]) -> list[int]:
    """The seeds of schedules that break a promise. Given those that do so anyway, it stops at the first other one."""
    from tests.simulation.run import SCANNED, run_seed

    found = []
    for seed in chain(range(1, 301), range(SCANNED, SCANNED + 60)):
        if seed not in known and run_seed(seed).violations:
            found.append(seed)
            if known:
                break
    return found
