"""How soon schedules find each broken variant: the median over hunts that begin at seeds far apart.

`found_at.json` notes the seed that found each variant the last time. The tests try it before all others, so that they
take a second where they would take minutes; when a change makes it find nothing, they search as if there were no note,
and `python -m tests.simulation --note` writes it anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from statistics import median_low
from typing import Any

from tests.simulation import reading_variants
from tests.simulation.actors import LANE, actors
from tests.simulation.actors.readings import ACTOR as READING
from tests.simulation.run import run_seed
from tests.simulation.variants import broken, in_lanes

APART = 1_000_000
BEGINNING = 10_000_000  # away from the seeds that the tests take
MOST = 4_000
CRASH = "InternalError"  # a variant that does not run breaks no rule
NOTES = Path(__file__).with_name("found_at.json")
Variant = tuple[Callable[[], Any], int, int]


def all_variants() -> list[Variant]:
    """Each broken variant, its lane, and within how many schedules of it it has to be found."""
    readings = reading_variants.FOUND_WITHIN.items()
    return [*in_lanes(), *((variant, READING.lane, schedules) for variant, schedules in readings)]


def found_by(variant: Callable[[], Any], lane: int, schedules: int) -> int | None:
    """The seed that finds a variant as what it is, out of the first ones of its lane; the noted one is tried first."""
    first = lane * LANE + (lane == 0)
    seeds = range(first, first + schedules)
    noted = json.loads(NOTES.read_text(encoding="utf-8")).get(variant.__name__)
    return _first_to_find(variant, lane, chain([noted] if noted in seeds else [], seeds))


def _first_to_find(variant: Callable[[], Any], lane: int, seeds: Iterable[int]) -> int | None:
    """The first seed that finds a variant as what it is: one that only crashes, as the code that it replaces has
    changed, is not found."""
    found_as = next((actor.found_as for actor in actors() if actor.lane == lane), "")
    with broken(variant):
        for seed in seeds:
            if any(text.startswith(found_as) and CRASH not in text for text in run_seed(seed).violations[:1]):
                return seed
    return None


def note(processes: int) -> dict[str, int]:
    """Find every variant, and note by which seed."""
    from tests.simulation.campaign import prepare

    names = [variant.__name__ for variant, *_ in all_variants()]
    with get_context("spawn").Pool(processes, prepare) as pool:
        found = dict(zip(names, pool.map(_found_by_name, names, chunksize=1), strict=True))
    notes = {name: seed for name, seed in sorted(found.items()) if seed is not None}
    NOTES.write_text(json.dumps(notes, indent=1) + "\n", encoding="utf-8")
    return notes


def _found_by_name(name: str) -> int | None:
    return found_by(*next(it for it in all_variants() if it[0].__name__ == name))


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
    seed = _first_to_find(variant, lane, range(first, first + MOST))
    return MOST + 1 if seed is None else seed - first + 1
