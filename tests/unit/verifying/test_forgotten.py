"""The check of `carefile forget` on a stage with Object Lock, against an AWS in this process that files uploads."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from carefile.cli.again.following import Followed, Sent
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.verifying import cleaning, site
from carefile.cli.verifying.claim import Finding, Group
from carefile.cli.verifying.journal import Journal
from carefile.cli.verifying.outcome import Outcome
from carefile.cli.verifying.suite import CLAIMS, Suite
from tests.unit.forgetting import everything
from tests.unit.verifying.modelled import Clock
from tests.unit.world import LANDING, PROCESSED, World, created_event

RETAINED = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 30}}
LATER = datetime(2126, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _filing(world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Whoever follows an upload runs its intake."""
    connection.__dict__ |= {"_settings": {}, "_resources": []}  # moto has no stack

    def follow(connection: Connection, uploads: list[Sent], _: object) -> Iterator[Followed]:
        for sent in uploads:
            world.run(created_event(sent.source.key, sent.version_id))
            yield Followed(sent, "cataloged", Entries(connection).get(sent.source.source_id))

    monkeypatch.setattr(site, "follow", follow)
    monkeypatch.setattr(cleaning, "time", Clock())
    # moto knows no Map Runs, and nothing runs there.
    monkeypatch.setattr(cleaning.Cleaner, "_wait_for_executions", lambda _: None)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def lock(world: World) -> None:
    for bucket in (LANDING, PROCESSED):
        enabled = {"ObjectLockEnabled": "Enabled"}
        world.s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration=enabled)


def checked(connection: Connection) -> Finding:
    (claim,) = (one for one in CLAIMS if "keeps one under legal hold" in one.text)
    journal = Journal.of(connection)
    suite = Suite(connection, journal, [Group.ORDINARY])
    (finding,) = suite.run([claim])
    assert suite.finish() == 0
    journal.close(finished=True)
    return finding


def test_it_is_settled_and_nothing_is_left_behind(world: World, connection: Connection) -> None:
    before = everything(world)
    lock(world)
    finding = checked(connection)
    assert finding.outcome is Outcome.SETTLED, finding.says
    assert everything(world) == before


def test_so_it_is_where_the_stage_retains_every_version_for_some_days(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, s3 = everything(world), connection.client("s3")
    lock(world)
    # moto copies nothing into a bucket with a default retention, so each version gets its own.
    found = {"ObjectLockConfiguration": {"ObjectLockEnabled": "Enabled", "Rule": RETAINED}}
    monkeypatch.setattr(s3, "get_object_lock_configuration", lambda **_: found)
    hold = s3.put_object_legal_hold

    def retain_and_hold(**asked: Any) -> None:
        for bucket in (LANDING, PROCESSED):
            for one in s3.list_object_versions(Bucket=bucket)["Versions"]:
                version = {"Bucket": bucket, "Key": one["Key"], "VersionId": one["VersionId"]}
                s3.put_object_retention(**version, Retention={"Mode": "GOVERNANCE", "RetainUntilDate": LATER})
        hold(**asked)

    monkeypatch.setattr(s3, "put_object_legal_hold", retain_and_hold)
    finding = checked(connection)
    assert finding.outcome is Outcome.SETTLED, finding.says
    assert everything(world) == before


def test_it_is_contradicted_where_a_hold_keeps_nothing(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock(world)
    monkeypatch.setattr(connection.client("s3"), "put_object_legal_hold", lambda **_: None)
    finding = checked(connection)
    assert finding.outcome is Outcome.CONTRADICTED
    assert "the upload under legal hold is not kept" in finding.says


def test_it_is_not_applicable_without_object_lock(connection: Connection) -> None:
    assert checked(connection).outcome is Outcome.NOT_HERE
