"""`python -m tests.mutants`: break the code in N small ways, and count which the fast tests notice.

python -m tests.mutants --breakages 200 [--seed 1 | --fresh] [--part core] [--minutes 60] [--seconds 240]
                        [--processes auto] [--at FILE:LINE …]
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from itertools import zip_longest
from pathlib import Path
from queue import SimpleQueue
from typing import TypeVar

from rich.console import Console

from tests.mutants.bench import PARTS
from tests.mutants.breakages import Breakage, breakages
from tests.mutants.trial import FAST, Bench, Executed, Trials, Verdict, copy_of

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / ".build" / "mutants.json"


def drawn(root: Path, part: str, number: int, seed: int) -> list[Breakage]:
    """So many breakages of a part, no two of one line, in the order in which they are tried. The kinds take turns, as
    half of all that can be changed is constants."""
    by_kind: dict[str, list[Breakage]] = defaultdict(list)
    for path in sorted((root / PARTS[part]).rglob("*.py")):
        for breakage in breakages(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")):
            by_kind[breakage.kind].append(breakage)
    chance = random.Random(f"{part} {seed}")
    for kind in sorted(by_kind):
        chance.shuffle(by_kind[kind])
    turns = (it for row in zip_longest(*(by_kind[kind] for kind in sorted(by_kind))) for it in row if it)
    found: dict[tuple[str, int], Breakage] = {}
    for breakage in turns:
        place = breakage.path, breakage.line
        if len(found) == number:
            break
        if place not in found and breakage.means_another_thing():
            found[place] = breakage
    return list(found.values())


def breakages_at(root: Path, path: str, line: str) -> list[Breakage]:
    """All breakages of a line."""
    found = breakages(path, (root / path).read_text(encoding="utf-8"))
    return [it for it in found if it.line == int(line) and it.means_another_thing()]


def main() -> int:
    options, console = _options(), Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
    seed = int(time.time()) if options.fresh else options.seed
    parts = [options.part] if options.part else list(PARTS)
    per_part = (
        [] if options.at else [drawn(ROOT, part, -(-options.breakages // len(parts)), seed) for part in parts]
    )
    # By turns, so that what is not reached in time is missing from each part alike.
    todo = [it for row in zip_longest(*per_part) for it in row if it][: options.breakages]
    todo += [it for place in options.at for it in breakages_at(ROOT, *place.split(":"))]
    processes = os.cpu_count() or 1 if options.processes == "auto" else int(options.processes)
    ends = time.monotonic() + 60 * options.minutes
    verdicts: list[Verdict] = []
    console.print(f"The code is broken in {len(todo)} ways, one after another, seed {seed}.")
    with ExitStack() as stack, console.status("Collecting the tests …") as status:
        benches = []
        for _ in range(min(processes, len(todo))):
            benches.append(Bench(stack.enter_context(copy_of(ROOT)), FAST))
            stack.callback(benches[-1].stop)
        executed = Executed(KEPT, benches[0])

        def tried(bench: Bench, breakage: Breakage) -> Verdict | None:
            return Trials(bench, executed, options.seconds).of(breakage) if time.monotonic() < ends else None

        stack.callback(executed.keep)
        for verdict in filter(None, _by_all(benches, todo, tried)):
            verdicts.append(verdict)
            _show(verdict, console)
            noticed = sum(it.noticed_by is not None for it in verdicts)
            status.update(
                f"{len(verdicts)} of {len(todo)} tried: {noticed} noticed, {len(verdicts) - noticed} not or undecided"
            )
    _report(verdicts, len(todo), console)
    for test in executed.red:
        console.print(f"fails by itself without any breakage, so it did not count: {test}")
    return 0


T = TypeVar("T")
R = TypeVar("R")


def _by_all(benches: list[Bench], todo: list[T], work: Callable[[Bench, T], R]) -> Iterator[R]:
    """Each bench takes the next one as soon as it is free."""
    free: SimpleQueue[Bench] = SimpleQueue()
    for bench in benches:
        free.put(bench)

    def done(one: T) -> R:
        bench = free.get()
        try:
            return work(bench, one)
        finally:
            free.put(bench)

    with ThreadPoolExecutor(len(benches)) as pool:
        try:
            for future in as_completed([pool.submit(done, one) for one in todo]):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            for bench in benches:
                bench.stop()
            raise


def _show(verdict: Verdict, console: Console) -> None:
    """Print at once what nothing noticed: a run takes an hour, and may be interrupted."""
    if verdict.noticed_by is None:
        breakage = verdict.breakage
        what = "not noticed" if verdict.whole else "undecided, the time was up"
        console.print(f"{breakage.path}:{breakage.line}: {what}: {breakage.kind}")
        console.print(breakage.diff() + "\n")


def _report(verdicts: list[Verdict], drawn: int, console: Console) -> None:
    for part, folder in PARTS.items():
        found = [it for it in verdicts if it.breakage.path.startswith(f"{folder}/")]
        decided = [it for it in found if it.whole]
        noticed = sum(it.noticed_by is not None for it in decided)
        score = f"{noticed / len(decided):4.0%}" if decided else "   ?"
        open_ = f", {len(found) - len(decided)} undecided" if len(found) > len(decided) else ""
        console.print(f"{part:9} {noticed:4} of {len(decided):4} noticed {score}{open_}")
    if len(verdicts) < drawn:
        console.print(f"The time was up after {len(verdicts)} of {drawn}.")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.mutants", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--breakages", type=int, default=200, help="how many to try (default 200)")
    parser.add_argument("--seed", type=int, default=1, help="what is drawn (default 1)")
    parser.add_argument("--fresh", action="store_true", help="take the seed from the clock")
    parser.add_argument("--part", choices=PARTS, help="of one part only")
    parser.add_argument(
        "--at", nargs="*", default=[], help="all breakages of these lines instead (FILE:LINE)"
    )
    parser.add_argument("--minutes", type=float, default=60, help="begin no trial after these (default 60)")
    parser.add_argument("--seconds", type=float, default=240, help="most for one breakage (default 240)")
    parser.add_argument("--processes", default="auto", help="how many at once (default: one a core)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
