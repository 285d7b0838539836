"""`make bench-ocr`: pages of every kind of paper, read by Carefile and by the distribution's `tesseract`.

    python -m benchmarks.ocr [--pages 6] [--first 0] [--kind photo] [--save FOLDER]

Both read the same files, with one processor each, and the same languages. A word is found where it stands in the text
as often as on the page, apart from case and punctuation at its ends; an identifier, where it stands as it is printed.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.ocr.measuring import Score, pages, read_here, read_plain, trained_data
from benchmarks.ocr.paper import PAPER
from carefile.core.documents.recognition import DOUBTFUL

RESULTS = Path(__file__).parents[1] / "results"
GOAL = 95.0  # percent of the words on scans


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make bench-ocr", description="Measure the recognition of pages.")
    parser.add_argument("--pages", type=int, default=6, help="pages of each kind of paper (6)")
    parser.add_argument(
        "--first", type=int, default=0, help="number of the first page (0); another one gives other pages"
    )
    parser.add_argument("--kind", choices=PAPER, action="append", help="only this kind of paper")
    parser.add_argument("--save", type=Path, help="write the pages there, to look at them")
    options = parser.parse_args(arguments)
    console = Console(width=150)
    kinds = options.kind or list(PAPER)
    if options.save:
        _save(options.save, kinds, options.pages, options.first)
        return 0
    table = Table(
        title=f"{options.pages} pages of each kind, from {options.first}: Carefile | tesseract",
        title_justify="left",
    )
    for name in ("", "words %", "identifiers", "wrong", "of these sure", "processor seconds a page", "MB"):
        table.add_column(name, justify="left" if not name else "right")
    results, well = {}, True
    with tempfile.TemporaryDirectory() as folder:
        data = str(trained_data(Path(folder)))
        for kind in kinds:
            ours, theirs = (
                _apart(read, kind, options.pages, options.first, data) for read in (read_here, read_plain)
            )
            well = well and ours.found >= theirs.found and (ours.percent >= GOAL or "scan" not in kind)
            results[kind] = {"carefile": asdict(ours), "tesseract": asdict(theirs)}
            table.add_row(kind, *_cells(ours, theirs))
            console.print(kind, *_cells(ours, theirs), sep="   ")
    console.print(table)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ocr.json").write_text(json.dumps(results, indent=2))
    console.print(f"A word below a confidence of {DOUBTFUL} is doubtful.", style="dim")
    return 0 if well else 1


def _apart(
    read: Callable[[str, int, int, str], Score], kind: str, count: int, first: int, data: str
) -> Score:
    """In a process of its own, so that its memory is its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(read, kind, count, first, data).result(timeout=60 * count)


def _cells(ours: Score, theirs: Score) -> list[str]:
    both = (ours, theirs)
    return [
        " | ".join(f"{it.percent:.1f}" for it in both),
        " | ".join(f"{it.identified}/{it.identifiers}" for it in both),
        " | ".join(str(it.wrong) for it in both),
        " | ".join(str(it.wrong_and_sure) for it in both),
        " | ".join(f"{it.seconds / it.pages:.1f}" for it in both),
        " | ".join(f"{it.memory:.0f}" for it in both),
    ]


def _save(folder: Path, kinds: Sequence[str], count: int, first: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for kind in kinds:
        for number, (_, file) in enumerate(pages(kind, count, first)):
            suffix = "tif" if file[:2] == b"II" else "jpg"
            (folder / f"{kind.replace(' ', '_')}-{number}.{suffix}").write_bytes(file)


if __name__ == "__main__":
    sys.exit(main())
