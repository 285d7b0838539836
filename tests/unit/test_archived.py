"""What is in an archive of S3 is refused as that and filed once it is restored; what was filed before stays filed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from moto.s3.models import s3_backends

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Item, Place
from carefile.cli.commands.backfill import _preview
from carefile.cli.exits import Exit
from carefile.cli.moving.forecast import Forecaster, Would
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.view import View
from carefile.core.errors import RejectedObject
from carefile.core.filing.tagging import STATUS_TAG, PipelineStatus
from carefile.core.messages.head import is_archived
from lambdas.adapters.landing import Landing
from tests.unit.world import LANDING, World, created_event

KEY = "documents/Ana/old.txt"
SESSION = "sessions/Ana/session_1/session.json"


@pytest.mark.parametrize(
    ("head", "archived"),
    [
        ({}, False),
        ({"StorageClass": "STANDARD_IA"}, False),
        ({"StorageClass": "GLACIER_IR"}, False),
        ({"StorageClass": "GLACIER"}, True),
        ({"StorageClass": "DEEP_ARCHIVE", "Restore": 'ongoing-request="true"'}, True),
        (
            {
                "StorageClass": "GLACIER",
                "Restore": 'ongoing-request="false", expiry-date="Fri, 27 Nov 2026 00:00:00 GMT"',
            },
            False,
        ),
        ({"StorageClass": "INTELLIGENT_TIERING"}, False),
        ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "ARCHIVE_ACCESS"}, True),
        ({"StorageClass": "INTELLIGENT_TIERING", "ArchiveStatus": "DEEP_ARCHIVE_ACCESS"}, True),
    ],
)
def test_what_head_says_of_an_archive(head: dict[str, Any], archived: bool) -> None:
    assert is_archived(head) is archived


@pytest.mark.parametrize("key", [KEY, SESSION])
def test_it_is_refused_and_filed_once_it_is_restored(world: World, key: str) -> None:
    event = created_event(key, world.upload(key, b"old", StorageClass="GLACIER"))
    with pytest.raises(RejectedObject, match=r"^archived-object: "):
        world.run(event)
    assert world.filed() == []
    world.s3.restore_object(Bucket=LANDING, Key=key, RestoreRequest={"Days": 1})
    assert world.run(event)["disposition"] == "cataloged"


def archive(world: World, key: str) -> None:
    """As a lifecycle rule does it: the version stays the same."""
    backend = next(iter(s3_backends.values()))["aws"]
    stored = backend.get_object(LANDING, key)
    assert stored is not None
    stored._storage_class = "GLACIER"
    assert world.s3.head_object(Bucket=LANDING, Key=key)["StorageClass"] == "GLACIER"


@pytest.mark.parametrize("key", [KEY, SESSION])
def test_one_that_is_archived_between_two_states_is_refused_by_the_second(world: World, key: str) -> None:
    """S3 refuses it with the status 403, which is no missing permission."""
    classified = world.classify(created_event(key, world.upload(key, b"old")))
    archive(world, key)
    with pytest.raises(RejectedObject, match=r"^archived-object: "):
        world.normalise(classified)


def test_a_session_s_object_that_was_filed_before_is_a_duplicate(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.file(SESSION, b"{}")
    archive(world, SESSION)
    # S3 hands out the tags of what is in an archive, moto does not.
    monkeypatch.setattr(Landing, "tags", lambda *_: {STATUS_TAG: PipelineStatus.CATALOGED.value})
    classified = world.classify(created_event(SESSION), "e2")
    assert world.normalise(classified, "e2")["disposition"] == "duplicate"


def test_a_backfill_s_dry_run_counts_them(
    world: World, connection: Connection, capsys: pytest.CaptureFixture[str]
) -> None:
    world.upload(KEY, b"old", StorageClass="DEEP_ARCHIVE")
    world.upload("documents/Ana/new.txt", b"new")
    now = datetime.now(UTC)
    items = [Item(key, 3, now, "") for key in (KEY, "documents/Ana/new.txt")]
    forecast = Forecaster(connection, LANDING, rules_of(connection)).of(items)
    assert [one.would for one in forecast] == [Would.FAIL, Would.FILE]
    view = View(as_json=False)
    assert _preview(connection, view, Place(LANDING, ""), iter(items)) is Exit.FOUND
    assert "1 are in an archive of S3 and cannot be read: restore them first." in capsys.readouterr().err
