"""What makes the simulation fast changes nothing that a schedule does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.simulation import expressions, functions
from tests.simulation.actors import EVERYBODY
from tests.simulation.run import SCANNED, run_seed

SEEDS = (*range(1, 41), *range(SCANNED, SCANNED + 10), *range(EVERYBODY, EVERYBODY + 4))


def everything(seed: int) -> tuple[Any, ...]:
    """All that a schedule did and left behind."""
    result = run_seed(seed, tracing=True)
    world = result.world
    held = [
        (bucket.name, key, [repr(version) for version in history])
        for bucket in (world.landing, world.processed)
        for key, history in bucket.keys.items()
    ]
    told = [(event.name, event.by, event.type, json.dumps(event.detail)) for event in world.published]
    # How long an upload took is measured by the clock of the machine.
    lines = [line for line in map(repr, world.recorder.lines) if "UploadToCatalog" not in line]
    return (
        result.script, result.violations, result.trace, held, told, world.causes, lines, world.dynamodb.tables,
    )  # fmt: skip


def test_a_schedule_is_the_same_without_what_makes_it_fast(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = [everything(seed) for seed in SEEDS]
    monkeypatch.setattr(functions, "REMEMBERING", False)
    monkeypatch.setattr(expressions, "directly", lambda *_: NotImplemented)
    assert [everything(seed) for seed in SEEDS] == fast
