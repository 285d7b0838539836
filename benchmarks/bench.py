"""`make bench`: how fast it is, on this machine's embedded AWS with the deployed template.

    python -m benchmarks.bench [--uploads 64] [--most 5000]

Upload to catalog and objects a second at 1, 8 and 32 parallel uploads; how time and memory grow with the number of
objects; processor time and calls of each function; import times beside the floor; the size of the package. What is
compared is compared in one run: the milliseconds are this machine's, the ratios are Carefile's.
"""

from __future__ import annotations

import argparse
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
from benchmarks.imports import Imported, package_size, times
from benchmarks.traffic import Latency, Traffic, growth_steps
from local import deployment
from tests.embedded import running

RESULTS = Path(__file__).parent / "results"
PARALLEL = (1, 8, 32)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make bench", description="How fast Carefile is, on the embedded AWS."
    )
    parser.add_argument(
        "--uploads", type=int, default=64, help="of each kind at each degree of parallelism (64)"
    )
    parser.add_argument(
        "--most", type=int, default=600, help="objects at the end of the growth series (600; or 5000)"
    )
    parser.add_argument("--rounds", type=int, default=9, help="fresh processes for each import (9)")
    options = parser.parse_args(arguments)
    console = Console(width=100)
    columns = (TextColumn("{task.description:30}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress, tempfile.TemporaryDirectory() as home:
        imported = times(options.rounds, progress)
        functions = {
            kind: per_function(kind) for kind in progress.track(("session", "document"), description="calls")
        }
        with running(Path(home), SFN_WAIT_SCALE="1") as aws:
            deployment.bring_up_to_date(aws.settings)
            traffic = Traffic(aws, progress)
            latencies = [
                traffic.measure(kind, options.uploads, at_once)
                for kind in ("session", "document")
                for at_once in PARALLEL
            ]
            growth = [traffic.grow(number) for number in growth_steps(options.most)]
            size = package_size()
    result = _result(imported, functions, latencies, growth, size)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "bench.json").write_text(json.dumps(result, indent=2))
    plots.write(result, RESULTS)
    _tell(console, result)
    return 0


def _result(
    imported: list[Imported],
    functions: dict[str, list[dict[str, Any]]],
    latencies: list[Latency],
    growth: list[dict[str, float]],
    size: int,
) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": {
            "processors": os.cpu_count(),
            "python": platform.python_version(),
            "load": os.getloadavg()[0],
        },
        "imports": [vars(item) for item in imported],
        "functions": functions,
        "latency": [vars(item) for item in latencies],
        "growth": growth,
        "package_bytes": size,
    }


def _tell(console: Console, result: dict[str, Any]) -> None:
    machine = result["machine"]
    console.print(
        f"{result['date']}, {machine['processors']} processors, load {machine['load']:.1f}, Python {machine['python']}"
    )
    _table(
        console,
        "From upload to catalog entry",
        ("", "at once", "p50 s", "p95 s", "p99 s", "objects/s"),
        [
            (row["kind"], row["at_once"], *(f"{row[name]:.2f}" for name in ("p50", "p95", "p99", "rate")))
            for row in result["latency"]
        ],
    )
    _table(
        console,
        "Growing",
        ("objects", "objects/s", "embedded AWS, MB"),
        [(int(row["objects"]), f"{row['rate']:.2f}", int(row["memory_mb"])) for row in result["growth"]],
    )
    _table(
        console,
        "Import with clients built, times the floor (boto3 and an S3 client)",
        ("function", "ratio", "ms here"),
        [(row["name"], f"{row['ratio']:.2f}", f"{row['ms']:.0f}") for row in result["imports"]],
    )
    _table(
        console,
        "One object's work",
        ("", "function", "CPU ms", "AWS calls", "log bytes"),
        [
            (kind, row["function"], f"{row['cpu_ms']:.1f}", f"{row['calls']:.2f}", f"{row['log_bytes']:.0f}")
            for kind, rows in result["functions"].items()
            for row in rows
        ],
    )
    console.print(f"The functions' package: {result['package_bytes'] / 1e6:.1f} MB zipped.")
    console.print(f"Written: {RESULTS.name}/bench.json and its plots.", style="dim")


def _table(console: Console, title: str, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in names:
        table.add_column(name, justify="left" if name in ("", "function") else "right")
    for row in rows:
        table.add_row(*map(str, row))
    console.print(table)


if __name__ == "__main__":
    sys.exit(main())
