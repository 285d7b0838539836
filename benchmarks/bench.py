"""`make bench`: measures speed on the embedded AWS with the deployed template.

    python -m benchmarks.bench [--uploads 64] [--most 600] [--rounds 9]

Measures upload-to-catalog latency and objects per second at 1, 8 and 32 parallel uploads on both lanes; the same from
upload to announcement beside a bare machine of two states; how time and memory grow with the number of objects;
processor time and calls of each function; import times against the floor; and the package size. Comparisons come from
one run: milliseconds depend on the machine, ratios on Carefile.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import tests.conftest  # noqa: F401 - the environment that the functions are imported in
from benchmarks import plots
from benchmarks.counting import per_function
from benchmarks.floor import beside
from benchmarks.imports import MOST, Imported, package_sizes, times
from benchmarks.traffic import GROWING_AT_ONCE, KEYS, Latency, Traffic, growth_steps
from local import deployment
from tests.embedded import on_express_lane, running

RESULTS = Path(__file__).parent / "results"
PARALLEL = (1, 8, 32)
WARM_UP = 16  # of each kind on each lane


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="Measure Carefile's speed on the embedded AWS."
    )
    parser.add_argument(
        "--uploads",
        type=_enough,
        default=64,
        help="of each kind at each degree of parallelism (64, the least)",
    )
    parser.add_argument(
        "--most", type=int, default=600, help="objects at the end of the growth series (600; or 20000)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes for each import (9)")
    options = parser.parse_args(arguments)
    console = Console(width=110)
    began = _machine()
    columns = (TextColumn("{task.description:40}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory() as home:
        imported = times(options.rounds, progress)
        functions = {kind: per_function(kind) for kind in progress.track(list(KEYS), description="calls")}
        with running(Path(home), SFN_WAIT_SCALE="1") as aws:
            deployment.bring_up_to_date(aws.settings)
            standard = Traffic(aws, "standard", progress)
            lanes = {"standard": aws, "express-first": on_express_lane(aws)}
            latencies = []
            for traffic in (standard, Traffic(lanes["express-first"], "express-first", progress)):
                traffic.warm_up(WARM_UP)
                latencies += [
                    traffic.measure(kind, options.uploads, at_once) for kind in KEYS for at_once in PARALLEL
                ]
            growth = [{"objects": 0.0, "rate": 0.0, "memory_mb": float(standard.memory())}]
            floored = beside(lanes, options.uploads, WARM_UP, progress)
            for more in growth_steps(options.most):
                growth.append(standard.grow(more, int(growth[-1]["objects"])))
            differs = standard.catalog_differs()
    result = _result(began, imported, functions, latencies, growth, package_sizes())
    result |= {"floor": floored, "catalog_differs": differs}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(result, indent=2))
    plots.write(result, RESULTS)
    _report(console, result)
    return 1 if differs else 0


def _enough(text: str) -> int:
    """Parse the number of uploads; with fewer, 32 in flight could not be sustained."""
    if int(text) < 2 * max(PARALLEL):
        raise argparse.ArgumentTypeError(f"must be at least {2 * max(PARALLEL)}")
    return int(text)


def _machine() -> dict[str, Any]:
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "memory_gb": round(memory / 2**30),
        "python": platform.python_version(),
        "load_before": os.getloadavg()[0],
    }


def _result(
    machine: dict[str, Any],
    imported: list[Imported],
    functions: dict[str, list[dict[str, Any]]],
    latencies: list[Latency],
    growth: list[dict[str, float]],
    package: dict[str, int],
) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine | {"load_after": os.getloadavg()[0]},
        "warm_up_uploads": WARM_UP * len(KEYS),
        "imports": [dataclasses.asdict(item) for item in imported],
        "functions": functions,
        "latency": [dataclasses.asdict(item) for item in latencies],
        "growth": growth,
        "package_bytes": package,
    }


def _report(console: Console, result: dict[str, Any]) -> None:
    machine = result["machine"]
    console.print(
        f"{result['date']}; {machine['processors']} processors ({machine['architecture']}), {machine['memory_gb']} GB, "
        f"Python {machine['python']}; load {machine['load_before']:.1f} before, {machine['load_after']:.1f} after. "
        f"On each lane {result['warm_up_uploads']} uploads warmed it up and are not counted.",
        soft_wrap=True,
    )
    _table(
        console,
        "From upload to catalog entry, polled fifty times a second",
        ("lane", "", "at once", "uploads", "p50 s", "p95 s", "p99 s", "objects/s"),
        [
            (
                *(row[name] for name in ("lane", "kind", "at_once", "uploads")),
                *(f"{row[name]:.2f}" for name in ("p50", "p95", "p99", "rate")),
            )
            for row in result["latency"]
        ],
    )
    _table(
        console,
        "From upload to announcement, session objects, beside a bare machine of two states in the same run",
        ("lane", "at once", "floor p50 s", "p50 s", "times as long", "floor objects/s", "objects/s", "share"),
        [
            (
                row["lane"],
                str(row["at_once"]),
                *(f"{row[name]:.2f}" for name in ("floor_p50", "p50", "times_as_long")),
                *(f"{row[name]:.1f}" for name in ("floor_rate", "rate")),
                f"{row['share_of_rate']:.2f}",
            )
            for row in result["floor"]
        ],
    )
    _table(
        console,
        f"Growth: session objects on the lane standard, {GROWING_AT_ONCE} at once, a fourth of them of one session",
        ("total objects", "objects/s", "embedded AWS, MB", "messages of one session", "its entry behind, s"),
        [
            (
                f"{row['objects']:,.0f}",
                f"{row['rate']:.2f}" if row["rate"] else "",
                f"{row['memory_mb']:.0f}",
                f"{row['messages']:,}" if row["objects"] else "",
                f"{row['behind_seconds']:.1f}" if row["objects"] else "",
            )
            for row in result["growth"]
        ],
    )
    console.print(
        "After that, the catalog and S3 differ:\n" + result["catalog_differs"]
        if result["catalog_differs"]
        else "After that, the catalog equals S3."
    )
    _table(
        console,
        f"Import with clients built, times the floor (boto3 and an S3 client); target {MOST}",
        ("function", "ratio", "CPU ms here", ""),
        [
            (
                row["name"],
                f"{row['ratio']:.2f}",
                f"{row['ms']:.0f}",
                "above the target" if row["ratio"] > MOST else "",
            )
            for row in result["imports"]
        ],
    )
    _table(
        console,
        "Work per object",
        ("", "function", "CPU ms", "AWS calls", "log bytes"),
        [
            (kind, row["function"], f"{row['cpu_ms']:.1f}", f"{row['calls']:.2f}", f"{row['log_bytes']:.0f}")
            for kind, rows in result["functions"].items()
            for row in [*rows, _all_of(rows)]
        ],
    )
    package = result["package_bytes"]
    console.print(
        f"The functions' package: {package['zipped'] / 1e6:.1f} MB zipped, {package['unpacked'] / 1e6:.1f} MB unpacked."
    )
    console.print(f"Written: {RESULTS.name}/bench.json and its plots.", style="dim")


def _all_of(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"function": "all"} | {
        name: sum(row[name] for row in rows) for name in ("cpu_ms", "calls", "log_bytes")
    }


def _table(console: Console, title: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in names:
        table.add_column(name, justify="left" if name in ("", "lane", "function") else "right")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
