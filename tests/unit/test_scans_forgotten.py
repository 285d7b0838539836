"""Of a version that was deleted and of a patient who was forgotten, nothing is kept of what was read on pages."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from lambdas.adapters.readings import Readings
from lambdas.intake import wiring
from lambdas.intake.scans import Scans
from lambdas.scans.reading import Batch
from tests.unit.conftest import connection_to
from tests.unit.scanned import KEY, Reading, filed, reading
from tests.unit.world import LANDING, REPORTS, World

__all__ = ["reading"]  # a fixture


def kept(world: World) -> int:
    return len(world.s3.list_object_versions(Bucket=REPORTS).get("Versions", ()))


def test_nothing_is_kept_of_a_version_that_was_deleted_while_it_was_read(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = filed(reading)
    read = reading.engine.read

    def deleted_meanwhile(*told: Any, **named: Any) -> Batch:
        version = detail["source"]["version_id"]
        reading.world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
        return read(*told, **named)

    monkeypatch.setattr(reading.engine, "read", deleted_meanwhile)
    assert reading.read(detail) == []
    assert kept(reading.world) == 0


def test_a_patient_is_forgotten_with_what_was_kept_of_the_pages(reading: Reading) -> None:
    world, connection = reading.world, connection_to(reading.world)
    detail = filed(reading)
    world.index(detail)
    reading.read(detail)
    assert kept(world) == 2

    traces = Finder(connection, "P", rules_of(connection)).find()
    forgetter = Forgetter(connection, "P", rest=timedelta(0))
    before, done = forgetter.tally(traces), forgetter.forget(traces)
    assert before.readings == done.readings == 2
    assert before.bytes == done.bytes
    assert kept(world) == 0


class Interrupted:
    """The AWS clients of a reading, before whose n-th call something else happens."""

    def __init__(self, client: Any, at: int, happens: Callable[[], None], count: list[int]) -> None:
        self._client, self._at, self._happens, self._count = client, at, happens, count

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if not callable(real) or name in ("meta", "exceptions", "get_paginator"):
            return real

        def called(*arguments: Any, **named: Any) -> Any:
            self._count[0] += 1
            if self._count[0] == self._at:
                self._happens()
            return real(*arguments, **named)

        return called


@pytest.mark.parametrize("at", range(1, 9))
def test_whenever_its_patient_is_forgotten_while_it_is_read_nothing_is_left(
    reading: Reading, at: int
) -> None:
    world, connection = reading.world, connection_to(reading.world)
    detail = filed(reading)
    world.index(detail)
    count, forgotten = [0], [0]

    def forget() -> None:
        forgotten[0] += 1
        traces = Finder(connection, "P", rules_of(connection)).find()
        Forgetter(connection, "P", rest=timedelta(0)).forget(traces)

    s3 = Interrupted(world.s3, at, forget, count)
    landing, readings = wiring.Landing(s3), Readings(s3, REPORTS)  # type: ignore[arg-type]
    scans = Scans(landing, readings, reading.engine, wiring.intake())
    first = 1
    while first:
        first = scans.read(reading.asked(detail, "r1"), first)["next"]
    assert forgotten == [1]
    assert kept(world) == 0
