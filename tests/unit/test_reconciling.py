"""What a reconciliation finds of uploads that a deletion or an empty version hides."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.checks import reconciling
from carefile.cli.checks.reconciling import Finding, Reconciler
from carefile.cli.checks.repairing import uploaded
from carefile.core.model import Source
from lambdas.adapters import settings
from tests.unit.test_unfiled import decide
from tests.unit.world import LANDING, World, created_event

KEY = "documents/P/x.txt"


def findings(world: World, shown: dict[str, str] | None = None) -> list[Finding]:
    """`shown`: the version that the catalog has of a key."""
    entries = SimpleNamespace(
        get_many=lambda _: {
            Source(LANDING, key).source_id: SimpleNamespace(landing_version=version)
            for key, version in (shown or {}).items()
        },
        taken_out_by=lambda _: None,
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


@pytest.mark.parametrize("mark", [None, "cataloged"], ids=["unmarked", "marked by what it was copied from"])
def test_empty_uploads_that_were_deleted_before_anybody_said_how_they_ended_are_found_and_end(
    world: World, mark: str | None
) -> None:
    world.upload(KEY, b"overwritten, and not the newest with bytes in it")
    marked = {"Tagging": f"pipeline-status={mark}"} if mark else {}
    lost = [world.upload(KEY, b"lost"), world.upload(KEY, b"", **marked), world.upload(KEY, b"", **marked)]
    world.delete(KEY)
    assert [found.hidden_version for found in findings(world)] == lost[::-1]

    for number, version in enumerate(lost):
        ended = world.run(uploaded(Source(LANDING, KEY), version), f"e{number}")
        assert ended["disposition"] == "withdrawn"
    assert findings(world) == []


# The same bytes from several keys

ANAS, BENS = "documents/Ana_7/letter.txt", "documents/Ben_8/letter.txt"


def alike(connection: Connection, later: timedelta = timedelta(minutes=1)) -> tuple[list[Finding], int]:
    """What the pass over the catalog finds, and how many documents have a double with their own patient."""
    reconciler = Reconciler(connection, datetime.now(UTC) + later, look_at_tags=False, passed=lambda _: None)
    pool: Any = SimpleNamespace(map=map)
    return list(reconciler._of_catalog(pool)), reconciler.alike


def test_the_same_bytes_under_two_patients_are_reported_for_both(
    world: World, connection: Connection
) -> None:
    for key in (ANAS, BENS, "documents/letter.txt"):
        world.file(key, b"same", name=key[-12:-11])
    found, own = alike(connection)
    assert {(it.fault, it.key) for it in found} == {("shared", ANAS), ("shared", BENS)}
    assert "under Ben_8" in next(it.why for it in found if it.key == ANAS)
    assert own == 1  # the unknown one is nobody's double


def test_the_same_bytes_twice_of_one_patient_are_only_counted(world: World, connection: Connection) -> None:
    for name in ("letter", "copy", "other"):
        world.file(f"documents/Ana_7/{name}.txt", b"other" if name == "other" else b"same", name=name)
    assert alike(connection) == ([], 2)


def test_a_file_that_was_moved_to_another_patient_is_found_where_it_was(
    world: World, connection: Connection
) -> None:
    world.file(ANAS, b"same")
    moved = world.s3.copy_object(Bucket=LANDING, Key=BENS, CopySource={"Bucket": LANDING, "Key": ANAS})
    world.delete(ANAS)
    world.run(created_event(BENS, moved["VersionId"]), "e2")
    found = {it.key: it for it in alike(connection)[0]}
    assert found[ANAS].fault == "moved"
    assert BENS in found[ANAS].why
    assert found[BENS].fault == "shared"
    assert found[ANAS].source is None  # to submit it again repairs nothing


def test_what_expired_long_after_its_double_was_uploaded_was_not_moved(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(ANAS, b"same")
    world.file(BENS, b"same", name="e2")
    world.delete(ANAS)
    monkeypatch.setattr(reconciling, "_ONE_MOVE", timedelta(seconds=-1))
    assert {it.fault for it in alike(connection)[0]} == {"shared"}


def test_what_was_taken_out_of_the_layout_was_not_missed(world: World, connection: Connection) -> None:
    world.file(ANAS, b"same")
    decide(world, key=ANAS, body=b"same")
    world.run({"bucket": LANDING, "key": ANAS}, "u1")

    def missed() -> list[Finding]:
        grace = datetime.now(UTC) + timedelta(minutes=1)
        reconciler = Reconciler(connection, grace, look_at_tags=True, passed=lambda _: None)
        pool: Any = SimpleNamespace(map=map)
        return list(reconciler._of_landing(pool))

    assert missed() == []
    world.file(ANAS, b"same", name="again")
    world.delete(ANAS)
    assert missed() == []
    world.upload(ANAS, b"other bytes, and nobody heard of them")
    assert [found.fault for found in missed()] == ["missed"]
