"""`python -m tests.simulation`: run schedules, or replay one.

python -m tests.simulation --schedules 100000 [--seed 1] [--processes 2]
python -m tests.simulation --seed 4711            replay this one, made small, as a readable trace
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import tests.conftest  # noqa: F401 - the environment that the functions are imported in


def main() -> int:
    from rich.console import Console

    from tests.simulation.campaign import Campaign
    from tests.simulation.report import show

    parser = argparse.ArgumentParser(
        prog="python -m tests.simulation", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument(
        "--schedules", type=int, help="how many schedules to run; without it, one is replayed"
    )
    parser.add_argument(
        "--seed", type=int, default=1, help="the first seed, or the one to replay (default 1)"
    )
    parser.add_argument("--processes", type=int, default=min(os.cpu_count() or 1, 8))
    parser.add_argument("--whole", action="store_true", help="replay as it was, without making it small")
    options = parser.parse_args()
    console = Console(highlight=False, soft_wrap=True)
    if options.schedules is None:
        return show(options.seed, console, small=not options.whole)

    campaign = Campaign(range(options.seed, options.seed + options.schedules), options.processes)
    begun = time.monotonic()
    campaign.run(console)
    took = time.monotonic() - begun
    console.print(
        f"{campaign.done:,} schedules, {campaign.uploads:,} uploads, {campaign.steps:,} steps, "
        f"{campaign.faults:,} faults in {took:.0f} s "
        f"({campaign.done / took:.0f} schedules/s), {len(campaign.broken)} broken"
    )
    for seed, violation in campaign.broken[:20]:
        console.print(f"  seed {seed}: {violation}")
    if campaign.broken:
        console.print()
        show(campaign.broken[0][0], console)
    return 1 if campaign.broken else 0


if __name__ == "__main__":
    sys.exit(main())
