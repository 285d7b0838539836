"""`make cost`: computes the bill of a million objects by kind and lane, or of a month, from counted operations.

python -m benchmarks.cost
python -m benchmarks.cost --objects-per-month 1e6 --session-share 0.8 --size 20kB [--lane express-first]
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import tests.conftest  # noqa: F401 - the environment that the functions are imported in
from benchmarks import assumptions, scanned
from benchmarks.bill import Lane, Line, lines, total
from benchmarks.counting import OBJECTS, OBJECTS_A_BATCH, STATES, count
from benchmarks.directory import CROWDED, listing_units, reads
from benchmarks.month import Month
from benchmarks.operations import Operations
from infrastructure.watching import prices

RESULTS = Path(__file__).parent / "results"
KINDS = ("session", "document")
RUNS = 3  # because processor time varies
_SIZES = {"": 1, "kb": 1e3, "mb": 1e6, "gb": 1e9, "kib": 2**10, "mib": 2**20, "gib": 2**30}


@dataclass(frozen=True)
class Counted:
    """The median run by total, and the largest deviation of the others."""

    operations: Operations
    spread: float

    @classmethod
    def of(cls, kind: str, lane: Lane, size: int) -> Counted:
        runs = sorted((count(kind, size, lane) for _ in range(RUNS)), key=lambda run: total(run, lane))
        middle = runs[RUNS // 2]
        totals = [total(run, lane) for run in runs]
        return cls(middle, max(abs(each - total(middle, lane)) for each in totals))


Bills = Mapping[tuple[str, Lane], Counted]


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make cost", description="Compute what Carefile costs, from counted operations."
    )
    parser.add_argument("--objects-per-month", type=_count, help="bill a month of so many objects, like 1e6")
    parser.add_argument(
        "--session-share", type=_share, default=0.8, help="share of session objects, 0 to 1 (0.8)"
    )
    parser.add_argument("--size", type=_size, default=2_000, help="size of an object, like 20kB (2kB)")
    parser.add_argument("--months", type=_count, default=1, help="months for which objects are kept (1)")
    parser.add_argument("--lane", type=Lane, choices=list(Lane), help="only this one")
    options = parser.parse_args(arguments)
    console = Console(width=100)
    lanes = [options.lane] if options.lane else list(Lane)
    counted = _counted(console, lanes, min(options.size, 200_000))
    console.print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}. Prices of {prices.AS_OF}, {prices.REGION}."
    )
    if options.objects_per_month:
        month = Month(options.objects_per_month, options.session_share, options.size, options.months)
        bills = [
            (
                lane,
                [
                    *month.bill(
                        counted["session", lane].operations, counted["document", lane].operations, lane
                    )
                ],
            )
            for lane in lanes
        ]
        _table(console, _title(month), bills, {})
        return 0
    for kind in KINDS:
        found = [(lane, [*lines(counted[kind, lane].operations, lane)]) for lane in lanes]
        spreads = {lane: counted[kind, lane].spread for lane in lanes}
        _table(console, f"A million {kind}s, in US dollars", found, spreads)
    if Lane.EXPRESS_FIRST in lanes:
        _report_promotions(console, counted)
    _report_scans(console)
    _report_directory(console)
    _report_listed(console, counted, lanes[0])
    _compare(console, counted, lanes)
    _write(counted)
    return 0


def _counted(console: Console, lanes: Sequence[Lane], size: int) -> Bills:
    wanted = [(kind, lane) for kind in KINDS for lane in lanes]
    columns = (TextColumn("Counting the operations of real executions"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        return {each: Counted.of(*each, size) for each in progress.track(wanted)}


def _table(
    console: Console, title: str, found: list[tuple[Lane, list[Line]]], spreads: Mapping[Lane, float]
) -> None:
    table = Table(title=title, title_justify="left", show_footer=True, header_style="bold")
    names = list(dict.fromkeys(line.name for _, each in found for line in each))
    table.add_column("", footer="total")
    table.add_column("per object" if spreads else "", footer="")
    for lane, each in found:
        around = f" ± {spreads[lane]:.2f}" if spreads else ""
        total_ = f"{sum(line.usd for line in each):,.2f}{around}"
        table.add_column(lane.value, justify="right", footer=total_)
    for name in names:
        by_lane = [{line.name: line for line in each}.get(name) for _, each in found]
        quantity = next(line.quantity for line in by_lane if line)
        table.add_row(name, quantity, *(f"{line.usd:,.2f}" if line else "" for line in by_lane))
    console.print(table)


def _report_promotions(console: Console, counted: Bills) -> None:
    """Report the extra cost of each percent of promoted uploads."""
    extra = []
    for kind in KINDS:
        promoted = count(kind, lane=Lane.EXPRESS_FIRST, promoted=True)
        whole = total(promoted, Lane.EXPRESS_FIRST, STATES)
        extra.append(
            f"{(whole - total(counted[kind, Lane.EXPRESS_FIRST].operations, Lane.EXPRESS_FIRST)) / 100:.2f}"
        )
    console.print(
        f"For each percent of the uploads that is promoted on the lane express-first, a million sessions cost "
        f"{extra[0]} more and a million documents {extra[1]}.",
        style="dim",
    )


def _report_scans(console: Console) -> None:
    """Report what a stage with `ocr: on` pays beside, for documents whose pages are pictures only."""
    one, more = scanned.usd(1), (scanned.usd(11) - scanned.usd(1)) / 10
    console.print(
        f"With ocr: on, reading a million scans of one page costs {one:,.2f} more, and a million further pages "
        f"{more:,.2f}; keeping a million recognised pages for 90 days, {scanned.kept_usd(1):,.2f}. A document that "
        "is no scan costs nothing more."
    )


def _report_directory(console: Console) -> None:
    """Report what a document's text adds where patients are listed. In open mode an empty directory is never read."""
    table = Table(
        title="Reads of the patient directory by NormaliseDocument, where patients are listed, per million documents",
        title_justify="left",
        header_style="bold",
    )
    for column in ("", "more requests", "units", "USD", f"USD, {CROWDED} born that day"):
        table.add_column(column, justify="left" if not column else "right")
    crowded = reads(born_that_day=CROWDED)
    for name, one in reads().items():
        table.add_row(name, f"{one.requests}", f"{one.units}", f"{one.usd:.2f}", f"{crowded[name].usd:.2f}")
    console.print(table)


def _report_listed(console: Console, counted: Bills, lane: Lane) -> None:
    """Report what the reads of the patient directory cost, by exact counts."""
    extra = []
    for kind in KINDS:
        reads = count(kind, lane=lane, listed=True).of_works("read_units")
        units = reads - counted[kind, lane].operations.of_works("read_units")
        extra.append(f"{units * prices.DYNAMODB_READ_UNIT:.2f} more ({units:.2f} read units each)")
    listing = listing_units() * prices.DYNAMODB_WRITE_UNIT
    console.print(
        f"With `patients: listed`, a million sessions cost {extra[0]} and a million documents {extra[1]}: "
        "the directory is read as the object is classified, and at the start of the round and in its check with the "
        f"ledger's items. A million patients cost {listing:.2f} to list, and their number as a metric "
        f"{prices.METRIC_MONTH:.2f} a month.",
        style="dim",
    )


def _compare(console: Console, counted: Bills, lanes: Sequence[Lane]) -> None:
    table = Table(
        title="Compared with others, per million small objects", title_justify="left", header_style="bold"
    )
    table.add_column("")
    table.add_column("USD", justify="right")
    table.add_column("times the floor", justify="right")
    rows = {
        f"Carefile, {kind}s, {lane.value}": total(counted[kind, lane].operations, lane)
        for lane in lanes
        for kind in KINDS
    }
    for name, usd in sorted(
        (assumptions.COMPARABLE | rows | {"the floor": assumptions.FLOOR}).items(), key=lambda row: -row[1]
    ):
        style = "bold" if name.startswith("Carefile") else ""
        table.add_row(name, f"{usd:.2f}", f"{usd / assumptions.FLOOR:.1f}", style=style)
    console.print(table)
    console.print(
        "Prices are in infrastructure/watching/prices.py. A session is a conversation of "
        f"{OBJECTS} objects that arrive {OBJECTS_A_BATCH} at a time. Lambda time is the processor time measured here "
        f"(the median of {RUNS} runs), scaled to each function's share of a processor, plus assumed latencies. The "
        "first month of tags is included.",
        style="dim",
    )


def _write(counted: Bills) -> None:
    RESULTS.mkdir(exist_ok=True)
    data = {
        f"{kind}, {lane.value}": {
            **{line.name: round(line.usd, 4) for line in lines(found.operations, lane)},
            "±": round(found.spread, 4),
        }
        for (kind, lane), found in counted.items()
    }
    written = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "prices": prices.AS_OF, "usd_per_million": data}
    (RESULTS / "cost.json").write_text(json.dumps(written, indent=2, ensure_ascii=False))


def _title(month: Month) -> str:
    return (
        f"A month of {month.objects:,.0f} objects of {month.size:,} bytes, {month.session_share:.0%} of sessions, "
        f"kept for {month.months:g}: US dollars"
    )


def _count(text: str) -> float:
    return _above_zero(float(text))


def _above_zero(value: float) -> float:
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be above zero")
    return value


def _share(text: str) -> float:
    if not 0 <= float(text) <= 1:
        raise argparse.ArgumentTypeError("must be between 0 and 1")
    return float(text)


def _size(text: str) -> int:
    found = re.fullmatch(r"([0-9.]+) ?([kmg]i?b)?", text.lower().strip())
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size; write it like 20kB")
    return int(_above_zero(float(found[1]) * _SIZES[found[2] or ""]))


if __name__ == "__main__":
    sys.exit(main())
