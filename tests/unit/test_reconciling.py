"""What a reconciliation finds of uploads that a deletion or an empty version hides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from carefile.cli.checks import reconciling
from carefile.cli.checks.reconciling import Finding, Reconciler
from carefile.cli.checks.repairing import uploaded
from carefile.core.model import Source
from lambdas.adapters import settings
from tests.unit.world import LANDING, World, created_event

KEY = "documents/P/x.txt"


def findings(world: World, shown: dict[str, str] | None = None) -> list[Finding]:
    """`shown`: the version that the catalog has of a key."""
    entries = SimpleNamespace(
        get_many=lambda _: {
            Source(LANDING, key).source_id: SimpleNamespace(landing_version=version)
            for key, version in (shown or {}).items()
        }
    )
    connection: Any = SimpleNamespace(
        stack="Carefile-test",
        landing=LANDING,
        layout=settings.layout(),
        client=lambda _: world.s3,
        processed="none",
    )
    grace = datetime.now(UTC) + timedelta(minutes=1)
    with patch.object(reconciling, "Entries", lambda _: entries):
        reconciler = Reconciler(connection, grace, look_at_tags=True, passed=lambda _: None)
    pool: Any = SimpleNamespace(map=map)
    return list(reconciler._of_landing(pool))


@pytest.mark.parametrize("mark", [None, "cataloged"], ids=["unmarked", "marked by what it was copied from"])
def test_a_deleted_upload_that_nobody_said_how_it_ended_is_found_and_ends(
    world: World, mark: str | None
) -> None:
    world.upload(KEY, b"older")
    version = world.upload(KEY, b"lost", **({"Tagging": f"a=b&pipeline-status={mark}"} if mark else {}))
    world.delete(KEY)
    (found,) = findings(world)
    assert (found.fault, found.hidden_version) == ("missed", version)

    assert found.source
    assert world.run(uploaded(found.source, version))["disposition"] == "withdrawn"
    assert findings(world) == []


def test_what_was_filed_and_deleted_is_in_line(world: World) -> None:
    version = world.upload(KEY, b"filed")
    world.run(created_event(KEY, version))
    world.delete(KEY)
    assert findings(world, {KEY: version}) == []
    assert [found.fault for found in findings(world)] == ["missed"]


def test_below_an_empty_upload_the_newest_with_bytes_in_it_is_looked_at(world: World) -> None:
    full, empty = world.upload(KEY, b"lost"), world.upload(KEY, b"")
    assert [found.hidden_version for found in findings(world)] == [empty, full]
