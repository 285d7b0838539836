"""`python -m tests.mutants.schedules [SEED,…]`: a few hundred schedules, quiet and quick.

Prints the seeds of those that break a promise. Given the seeds that do so anyway (0 for none), it fails at the first
other one.
"""

from __future__ import annotations

import sys
from itertools import chain

import tests.conftest  # noqa: F401 - the environment that the functions are imported in


def main(known: frozenset[int]) -> int:
    from tests.simulation.run import SCANNED, run_seed

    for seed in chain(range(1, 301), range(SCANNED, SCANNED + 60)):
        if run_seed(seed).violations:
            sys.stdout.write(f"{seed}\n")
            if known and seed not in known:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(frozenset(map(int, sys.argv[1].split(","))) if len(sys.argv) > 1 else frozenset()))
