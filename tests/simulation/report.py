"""A schedule as a person reads it: who did what, in the order in which it happened."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.console import Console

from tests.simulation import story
from tests.simulation.minimise import minimise
from tests.simulation.run import Result, run_script, run_seed


def lines(result: Result) -> Iterator[str]:
    yield from (f"BROKEN {violation}" for violation in result.violations)
    yield ""
    last = ""
    for actor, text in result.trace:
        yield f"{'' if actor == last else actor:>16}  {text}"
        last = actor


def show(seed: int, console: Console, *, small: bool = True, save: Path | None = None) -> int:
    """Replay a seed; where it breaks something, made as small as it gets."""
    result = run_seed(seed, tracing=True)
    if result.violations and small:
        result = minimise(result)
    _print(f"seed {seed}", result, console)
    if save:
        story.write(save, next(iter(result.violations), "everything held"), result.scenario, result.script)
    if result.violations:
        console.print(f"\nreplay: python -m tests.simulation --seed {seed}")
    return 1 if result.violations else 0


def show_story(path: Path, console: Console) -> int:
    """Replay what a file says."""
    what, scenario, script = story.read(path)
    result = run_script(scenario, script, tracing=True)
    _print(what, result, console)
    return 1 if result.violations else 0


def _print(what: str, result: Result, console: Console) -> None:
    console.print(f"{what}: {result.steps} steps, {'BROKEN' if result.violations else 'everything held'}")
    for line in lines(result):
        console.print(line, markup=False)
