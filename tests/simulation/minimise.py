"""A failing schedule made small enough to be read: steps, faults and switches taken away while it still fails."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from itertools import pairwise

from tests.simulation.run import Result, run_script
from tests.simulation.scenario import Scenario
from tests.simulation.schedule import Script

MOST_RUNS = 1500
MOST_SECONDS = 180  # what never comes to rest takes seconds to run
Candidate = tuple[Scenario, Script]


def minimise(result: Result, *, run: Callable[[Scenario, Script], Result] = run_script) -> Result:
    """A smaller schedule that breaks the same invariant, with its trace."""
    wanted = result.violations[0].partition(" ")[0]
    best = (result.scenario, result.script)
    runs, until = 0, time.monotonic() + MOST_SECONDS

    def is_over() -> bool:
        return runs >= MOST_RUNS or time.monotonic() > until

    def fails(candidate: Candidate) -> bool:
        nonlocal runs
        runs += 1
        found = run(*candidate).violations
        return bool(found) and found[0].startswith(wanted)

    smaller = True
    while smaller and not is_over():
        smaller = False
        for candidate in _smaller(*best):
            if is_over():
                break
            if fails(candidate):
                best, smaller = candidate, True
                break
    return run_script(*best, tracing=True)


def _smaller(scenario: Scenario, script: Script) -> Iterator[Candidate]:
    for step in reversed(scenario.steps):
        less = scenario.without(step)
        if less.steps:
            yield less, script
    for fault in script.faults:
        less_wrong = script.copy()
        del less_wrong.faults[fault]
        yield scenario, less_wrong
    for name in sorted(script.twice):
        once = script.copy()
        once.twice.remove(name)
        yield scenario, once
    for name in sorted(script.lost):
        kept = script.copy()
        kept.lost.remove(name)
        yield scenario, kept
    size = len(script.picks) // 2
    while size:
        for start in range(0, len(script.picks), size):
            shorter = script.copy()
            del shorter.picks[start : start + size]
            yield scenario, shorter
        size //= 2
    yield from _merged(scenario, script)


def _merged(scenario: Scenario, script: Script) -> Iterator[Candidate]:
    """One switch fewer: a run of one actor's steps moved to its next run."""
    picks = script.picks
    starts = [i for i in range(len(picks)) if i == 0 or picks[i] != picks[i - 1]]
    for start, end in pairwise(starts):
        later = next((i for i in starts if i >= end and picks[i] == picks[start]), None)
        if later is not None:
            moved = script.copy()
            moved.picks = picks[:start] + picks[end:later] + picks[start:end] + picks[later:]
            yield scenario, moved
