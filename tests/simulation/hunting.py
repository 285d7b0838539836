"""How soon schedules find each broken variant: the median over hunts that begin at seeds far apart."""

from __future__ import annotations

from collections.abc import Iterator
from multiprocessing import get_context
from statistics import median_low

from tests.simulation.actors import LANE
from tests.simulation.run import first_violation
from tests.simulation.variants import broken, in_lanes

APART = 1_000_000
BEGINNING = 10_000_000  # away from the seeds that the tests take
MOST = 4_000


def hunts(times: int, processes: int) -> Iterator[tuple[str, int, int]]:
    """Each variant, the median number of schedules until it was found, and in how many hunts it was not, of MOST."""
    from tests.simulation.campaign import prepare

    names = [variant.__name__ for variant, *_ in in_lanes()]
    with get_context("spawn").Pool(processes, prepare) as pool:
        jobs = [(name, BEGINNING + time * APART) for name in names for time in range(times)]
        found = pool.map(hunt, jobs, chunksize=1)
    for at, name in enumerate(names):
        ours = found[at * times : (at + 1) * times]
        yield name, median_low(ours), sum(taken > MOST for taken in ours)


def hunt(job: tuple[str, int]) -> int:
    """How many schedules it takes from this seed on; one more than MOST where they do not find it."""
    name, first = job
    variant, lane = next(it for *it, _ in in_lanes() if it[0].__name__ == name)
    first += lane * LANE
    with broken(variant):
        seed = first_violation(range(first, first + MOST))
    return MOST + 1 if seed is None else seed - first + 1
