"""`make capacity`: simulates an hour of uploads at several rates against the quotas that AWS publishes.

python -m benchmarks.capacity
python -m benchmarks.capacity --rate 300 --rate 2000 --documents 0.3 --unknown 0.2 --session-size 200
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import tests.conftest  # noqa: F401 - the environment that the functions are imported in
from benchmarks.bill import Lane, total
from benchmarks.capacity.drawing import hottest
from benchmarks.capacity.promotions import Outage, promote
from benchmarks.capacity.simulation import Outcome, raised, simulate
from benchmarks.counting import count
from carefile.cli.capacity.load import PUBLISHED, Mix

RATES = (100.0, 1_000.0, 5_000.0, 20_000.0)
RESULTS = Path(__file__).parents[1] / "results" / "capacity.json"
_KINDS = ("session", "document")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make capacity", description=__doc__)
    parser.add_argument("--rate", type=float, action="append", help="objects a second; may be repeated")
    parser.add_argument("--documents", type=float, default=0.3, help="share of documents (0.3)")
    parser.add_argument("--unknown", type=float, default=0.2, help="share of nobody's (0.2)")
    parser.add_argument("--session-size", type=int, default=200, help="objects of a session (200)")
    options = parser.parse_args(arguments)
    console = Console(width=130)
    console.print(f"Quotas published by AWS, as of {PUBLISHED['as_of']}: {PUBLISHED['region']}.")
    results: list[dict[str, Any]] = []
    for lane in (Lane.STANDARD, Lane.EXPRESS_FIRST):
        dollars = {kind: total(count(kind, lane=lane), lane) for kind in _KINDS}
        for rate in options.rate or RATES:
            mix = Mix(
                rate=rate,
                documents=options.documents,
                unknown=options.unknown,
                session_size=options.session_size,
                express=lane is Lane.EXPRESS_FIRST,
            )
            results += _of(mix, lane, dollars)
    console.print(_table(results))
    console.print(_outages())
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    console.print(f"Written to {RESULTS.relative_to(Path.cwd())}.")
    return 0


def _of(mix: Mix, lane: Lane, dollars: dict[str, float]) -> list[dict[str, Any]]:
    hot = hottest(mix)["index"]
    million = mix.documents * dollars["document"] + (1 - mix.documents) * dollars["session"]
    several = replace(mix, followers=10)
    found = {
        "published": simulate(mix, hot_units=hot.units),
        "raised": simulate(several, quotas=raised(several), hot_units=hot.units),
    }
    return [_record(outcome, name, lane, million) for name, outcome in found.items()]


def _record(outcome: Outcome, quotas: str, lane: Lane, million: float) -> dict[str, Any]:
    return {
        "lane": lane.value,
        "quotas": quotas,
        "mix": asdict(outcome.mix),
        "filed": round(outcome.throughput, 1),
        "not_filed": round(outcome.backlog),
        "sessions_behind": round(outcome.behind),
        "keeps_up": outcome.keeps_up,
        "limits": outcome.limits,
        "waiting_before": {stage: round(number) for stage, number in outcome.waiting.items()},
        "hottest_key_units": round(outcome.hot_units, 1),
        "usd_an_hour": round(outcome.throughput * 3600 / 1e6 * million, 2),
    }


# Failed uploads a second, for so many seconds: a tenth of 1,000, of 5,000 and of 20,000, and all of 1,000.
OUTAGES = tuple(Outage(failing, hours * 3600) for failing in (100, 500, 1_000, 2_000) for hours in (1, 6))


def _outages() -> Table:
    """What an outage promotes on express-first, by the published bucket of StartExecution."""
    table = Table(title="Promotions of an outage on the lane express-first", title_justify="left")
    names = (
        "failing/s",
        "hours",
        "promoted",
        "at once",
        "later",
        "dropped",
        "waiting at most",
        "longest, days",
    )
    for name in names:
        table.add_column(name, justify="right")
    for outage in OUTAGES:
        found = promote(outage)
        numbers = (found.failed, found.at_once, found.later, found.dropped, found.most_waiting)
        table.add_row(
            f"{outage.failing:,.0f}",
            f"{outage.seconds // 3600}",
            *(f"{number:,.0f}" for number in numbers),
            f"{found.longest_wait / 3600:.1f}",
        )
    return table


_TEXTS = ("lane", "quotas", "held back by")
_COLUMNS = ("objects/s", "filed/s", "not filed", "sessions behind", "hottest key", "USD/h")


def _table(results: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="After an hour at a constant rate", title_justify="left")
    for name in (*_TEXTS, *_COLUMNS):
        table.add_column(name, justify="left" if name in _TEXTS else "right")
    for one in results:
        table.add_row(
            one["lane"],
            one["quotas"],
            one["limits"] or "nothing",
            f"{one['mix']['rate']:,.0f}",
            f"{one['filed']:,.0f}",
            f"{one['not_filed']:,}",
            f"{one['sessions_behind']:,}",
            f"{one['hottest_key_units']:,.0f} of 1,000",
            f"{one['usd_an_hour']:,.2f}",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
