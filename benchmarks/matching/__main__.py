"""`make bench-matching`: 1,000 made-up patients and 3,000 documents of every format about them, filed in each mode.

python -m benchmarks.matching
python -m benchmarks.matching --documents 100000 --generated [--seed 7]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import tests.conftest  # noqa: F401 - the environment that the functions are imported in
from benchmarks.matching.documents import Writer
from benchmarks.matching.files import read_back
from benchmarks.matching.people import people
from benchmarks.matching.trial import CARELESS, Decider, End, Mode, Score, as_deployed, extracted, judged
from tests.readers.here import read_here


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="make bench-matching",
        description="Count how many documents find their patients; fails if one is filed under another's.",
    )
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--documents", type=int, default=3000)
    parser.add_argument("--generated", action="store_true", help="make records instead of files to be read")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    console = Console(width=110)
    scores = run(options.patients, options.documents, options.seed, console, files=not options.generated)
    _print(console, scores, options)
    return 1 if any(scores[mode.value].misfiled for mode in Mode) else 0


_CARELESS_UP_TO = 3000  # they are slow, and caught long before


def run(
    patients: int,
    documents: int,
    seed: int,
    console: Console,
    *,
    files: bool,
    careless: int = _CARELESS_UP_TO,
) -> dict[str, Score]:
    """File all documents in each mode, and the first few by each careless matcher."""
    clinic = people(patients, seed)
    writer = Writer(clinic, seed + 1)
    deciders: dict[str, Decider] = {mode.value: as_deployed(clinic, mode) for mode in Mode}
    everybody = deciders | {name: make(clinic) for name, make in CARELESS.items()}
    scores = {name: Score() for name in everybody}
    columns = (TextColumn("Filing"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with read_here(), Progress(*columns, console=console, transient=True) as progress:
        for number in progress.track(range(documents)):
            made = writer.document(number)
            extraction = read_back(made) if files else extracted(made)
            for name, decide in (everybody if number < careless else deciders).items():
                mode = Mode(name) if name in deciders else Mode.DECIDE
                scores[name].count(made, judged(made, extraction, decide(made, extraction), mode))
    return scores


def _print(console: Console, scores: dict[str, Score], options: argparse.Namespace) -> None:
    how = "records" if options.generated else "files of 16 formats"
    table = Table(
        title=f"{options.documents:,} documents ({how}) about {options.patients:,} patients, seed {options.seed}",
        title_justify="left",
        header_style="bold",
    )
    table.add_column("", no_wrap=True)
    for name in scores:
        table.add_column(name if name in list(Mode) else f"careless: {name}", justify="right")
    for end in End:
        style = "bold" if end is End.MISFILED else ""
        table.add_row(end.value, *(f"{score.ends[end]:,}" for score in scores.values()), style=style)
    console.print(table)
    console.print(
        "Wrong at source: key, metadata, fields or the only heading name somebody else, and nothing in the document "
        "contradicts that\n(in open mode, nothing is held against the directory). The careless matchers see the first "
        f"{_CARELESS_UP_TO:,}.",
        style="dim",
    )
    for name, score in scores.items():
        if name in list(Mode) and score.misfiled:
            console.print(f"[red]Misfiled in {name}: documents {score.misfiled[:10]}[/red]")


if __name__ == "__main__":
    began = time.monotonic()
    code = main()
    print(f"{time.monotonic() - began:.0f} seconds")
    raise SystemExit(code)
