"""Many schedules, on several processes, with a bar that tells how far they are."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from multiprocessing import get_context

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tests.simulation.coverage import Coverage, Observer
from tests.simulation.run import SCANNED, run_seed

_BATCH = 100
_COLLECTED_EVERY = 10  # schedules
MOST_FRESH = 10_000_000  # schedules that one run may take from a fresh seed on


@dataclass(frozen=True)
class Batch:
    """What a batch of seeds came to. `broken` has those that broke something, and what."""

    done: int
    steps: int
    uploads: int
    faults: int
    broken: tuple[tuple[int, str], ...]
    coverage: Coverage


@dataclass
class Campaign:
    seeds: range
    processes: int
    looking: bool = False  # at what the schedules cover
    done: int = 0
    steps: int = 0
    uploads: int = 0
    faults: int = 0
    broken: list[tuple[int, str]] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)

    def run(self, console: Console | None = None) -> None:
        columns = (
            TextColumn("schedules"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[found]}"),
        )
        with Progress(*columns, console=console, disable=console is None) as progress:
            bar = progress.add_task("", total=len(self.seeds), found="")
            for batch in self._batches():
                self.done += batch.done
                self.steps += batch.steps
                self.uploads += batch.uploads
                self.faults += batch.faults
                self.broken += batch.broken
                self.coverage.add(batch.coverage)
                found = f"{len(self.broken)} broken" if self.broken else ""
                progress.update(bar, completed=self.done, found=found)
        self.broken.sort()

    def _batches(self) -> Iterator[Batch]:
        todo = iter([self.seeds[at : at + _BATCH] for at in range(0, len(self.seeds), _BATCH)])
        if self.processes == 1:
            yield from (run_batch(seeds, looking=self.looking) for seeds in todo)
            return
        with ProcessPoolExecutor(
            self.processes, mp_context=get_context("spawn"), initializer=prepare
        ) as pool:
            running: set[Future[Batch]] = {
                pool.submit(run_batch, seeds, looking=self.looking)
                for seeds in islice(todo, self.processes * 2)
            }
            while running:
                ready, running = wait(running, return_when=FIRST_COMPLETED)
                running |= {
                    pool.submit(run_batch, seeds, looking=self.looking) for seeds in islice(todo, len(ready))
                }
                yield from (future.result() for future in ready)


def fresh_seed() -> int:
    """One that nobody has seen, as a first seed."""
    return time.time_ns() // 1_000_000 % (SCANNED - MOST_FRESH)


def run_batch(seeds: range, *, looking: bool = False) -> Batch:
    steps = uploads = faults = 0
    broken, coverage = [], Coverage()
    for number, seed in enumerate(seeds):
        if number % _COLLECTED_EVERY == 0:
            gc.collect(1)
        observer = Observer() if looking else None
        result = run_seed(seed, observer=observer)
        if observer:
            coverage.add(observer.coverage)
        steps += result.steps
        uploads += len(result.world.known.uploads)
        faults += len(result.script.faults)
        if result.violations:
            broken.append((seed, result.violations[0]))
    return Batch(len(seeds), steps, uploads, faults, tuple(broken), coverage)


def prepare() -> None:
    """Make a process ready to run schedules."""
    import tests.conftest  # noqa: F401 - the environment that the functions are imported in

    gc.freeze()  # what is loaded stays, and needs no looking at
    gc.disable()  # a schedule's garbage is looked for between schedules
