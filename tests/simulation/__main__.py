"""`python -m tests.simulation`: run schedules, or replay one.

python -m tests.simulation --schedules 100000 [--each 10000] [--seed 1 | --fresh]
                           [--count-only] [--record]        so many, and so many of each lane with further actors
python -m tests.simulation --seed 4711 [--save FILE]        replay this one, made small, as a readable trace
python -m tests.simulation --story FILE                     replay what a file says
python -m tests.simulation --proof                          how many were run of the code as it is
python -m tests.simulation --hunt 9                         how soon each broken variant is found
python -m tests.simulation --note                           note which seed finds each, for the tests to try first
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import tests.conftest  # noqa: F401 - the environment that the functions are imported in

if TYPE_CHECKING:
    from rich.console import Console


PART = 20_000  # schedules


def main() -> int:
    from rich.console import Console

    from tests.simulation import proof, report

    options = _options()
    console = Console(highlight=False, soft_wrap=True)
    if options.proof:
        found = proof.total(proof.entries(), proof.code_digest(), proof.simulator_digest())
        console.print(found.told())
        return 0
    if options.hunt:
        return _hunt(options.hunt, options.processes, console)
    if options.note:
        from tests.simulation.hunting import note

        console.print(f"noted {len(note(options.processes))} seeds")
        return 0
    if options.story:
        return report.show_story(options.story, console)
    if options.schedules is None:
        return report.show(options.seed, console, small=not options.whole, save=options.save)
    return _run(options, console)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--schedules", type=int, help="how many schedules to run; without it, one is replayed"
    )
    parser.add_argument("--each", type=int, default=0, help="and how many of each lane with further actors")
    parser.add_argument(
        "--seed", type=int, default=1, help="the first seed, or the one to replay (default 1)"
    )
    parser.add_argument("--fresh", action="store_true", help="take the first seed from the clock")
    parser.add_argument("--count-only", action="store_true", help="say what was found, and do not fail")
    parser.add_argument("--record", action="store_true", help="append the result to the ledger of proof")
    parser.add_argument("--proof", action="store_true", help="print the ledger's sum for the code as it is")
    parser.add_argument("--hunt", type=int, metavar="TIMES", help="hunt each broken variant so many times")
    parser.add_argument("--note", action="store_true", help="note the seed that finds each broken variant")
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("--whole", action="store_true", help="replay as it was, without making it small")
    parser.add_argument("--save", type=Path, help="write the replayed schedule to this file")
    parser.add_argument("--story", type=Path, help="replay the schedule in this file")
    return parser.parse_args()


def _run(options: argparse.Namespace, console: Console) -> int:
    from tests.simulation import proof
    from tests.simulation.actors import EVERYBODY, LANE, actors, lane_of
    from tests.simulation.campaign import Campaign, fresh_seed
    from tests.simulation.coverage import Coverage
    from tests.simulation.report import show

    first = fresh_seed() if options.fresh else options.seed
    console.print(f"the first seed is {first}")
    ranges = [range(first, first + options.schedules)] if options.schedules else []
    names = {it.lane: it.name for it in actors()} | {lane_of(EVERYBODY): "any of these"}
    for lane in names if options.each else ():
        at = first % LANE + lane * LANE
        ranges.append(range(at, at + options.each))
    # In parts, each recorded when it is done, so that little is lost of a long run that is stopped.
    parts = [seeds[at : at + PART] for seeds in ranges for at in range(0, len(seeds), PART)]
    broken: list[tuple[int, str]] = []
    coverage = Coverage()
    for seeds in parts:
        campaign = Campaign(seeds, options.processes, looking=True)
        begun = time.monotonic()
        campaign.run(console)
        took = time.monotonic() - begun
        with_actor = f", {names[lane]}" if (lane := lane_of(seeds[0])) else ""
        console.print(
            f"{campaign.done:,} schedules{with_actor}: {campaign.uploads:,} uploads, {campaign.steps:,} steps, "
            f"{campaign.faults:,} faults in {took:.0f} s "
            f"({campaign.done / took:.0f} schedules/s), {len(campaign.broken)} broken"
        )
        if options.record:
            proof.record(seeds, len(campaign.broken))
        coverage.add(campaign.coverage)
        broken += campaign.broken
    console.print(coverage.told())
    for seed, violation in broken[:20]:
        console.print(f"  seed {seed}: {violation}")
    if broken and not options.count_only:
        console.print()
        show(broken[0][0], console)
    return 1 if broken and not options.count_only else 0


def _hunt(times: int, processes: int, console: Console) -> int:
    from tests.simulation.hunting import MOST, hunts

    console.print(f"median schedules until found, of {times} hunts")
    for name, median, missed in hunts(times, processes):
        found = f"{median:,}" if median <= MOST else f"more than {MOST:,}"
        console.print(f"  {name:45} {found:>6}{f'   not found {missed} times' if missed else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
