"""A stage that the previous release filled: nothing moves by itself, and a session that has a folder keeps it.

`previous/stage.json` is what that release wrote for the uploads in it: landing bucket, layout, ledger and catalog.
"""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Item
from carefile.cli.checks.rebuilding import Comparison
from carefile.cli.moving.forecast import Forecast, Forecaster, Would
from carefile.core.messages.events import cataloged_event_id
from carefile.core.model import Source
from carefile.places import sessions_named
from lambdas.adapters.contracts import rules
from lambdas.intake import wiring
from tests.unit.world import LANDING, PROCESSED, World, cataloged, created_event, prefix_of

STAGE = Path(__file__).parent / "previous" / "stage.json"
ANA = "processed/Ana_7_medical_notes/"
FOLDERS = {
    "+34 600 123 456": "session_=2B34_600_123_456/",
    "2026-11-20T10:00:00+01:00": "session_2026-11-20T10=3A00=3A00=2B01=3A00/",
    "Mu\u0308ller visit": "session_M\u00fcller_visit/",
    "mail ana@example.org": "session_mail_ana=40example.org/",
    "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66": "session_urn=3Auuid=3A6e8bc430-9c3a-11d9-9669-0800200c9a66/",
}
Json = dict[str, Any]


@pytest.fixture
def stage(world: World) -> World:
    """The stage as it was left, in the buckets and tables of this process."""
    told = json.loads(STAGE.read_text(encoding="utf-8"))
    versions = {one["version_id"]: put(world, LANDING, one) for one in told["landing"]}

    def now(found: Any) -> Any:
        text = re.sub(r"version-of-\d+", lambda name: versions[name[0]], json.dumps(found))
        return json.loads(
            text, object_hook=lambda it: base64.b64decode(it["base64"]) if "base64" in it else it
        )

    for one in now(told["processed"]):
        put(world, PROCESSED, one)
    for table in ("ledger", "catalog"):
        for item in now(told[table]):
            if "event_id" in item:  # a digest of the version, which is another one here
                source = Source(item["landing_bucket"]["S"], item["landing_key"]["S"])
                item["event_id"] = {"S": cataloged_event_id(source, item["landing_version"]["S"])}
            world.dynamodb.put_item(TableName=table, Item=item)
    return world


def put(world: World, bucket: str, one: Json) -> str:
    done = world.s3.put_object(
        Bucket=bucket,
        Key=one["key"],
        Body=one["body"].encode(),
        ContentType=one["content_type"],
        Metadata=one["metadata"],
        Tagging=urlencode(one["tags"]),
    )
    return str(done["VersionId"])


def foreseen(connection: Connection, world: World) -> dict[str, Forecast]:
    listed = world.s3.list_objects_v2(Bucket=LANDING)["Contents"]
    items = [Item(one["Key"], one["Size"], datetime.now(UTC), "") for one in listed]
    return {one.key: one for one in Forecaster(connection, LANDING, rules()).of(items)}


@pytest.mark.parametrize("id", FOLDERS)
def test_a_session_that_has_a_folder_keeps_it_for_what_is_uploaded_later(stage: World, id: str) -> None:
    tree = f"sessions/Ana_7/session_{id}/"
    new = stage.file(f"{tree}agents/agent_guide/messages/message_1.json", b"new")
    again = stage.file(f"{tree}session.json", b"again")
    assert {prefix_of(new), prefix_of(again)} == {ANA + FOLDERS[id]}
    assert stage.body(f"{ANA}{FOLDERS[id]}session.json") == b"again"
    assert not stage.filed(f"{ANA}session_{id}/")


def test_the_second_tree_of_an_id_keeps_its_suffix(stage: World) -> None:
    result = stage.file("medical-notes/patients/Ana_7/session_mail ana@example.org/x.json", b"{}")
    assert prefix_of(result) == f"{ANA}session_mail_ana=40example.org-d243f9af/"


def test_a_new_session_has_the_new_spelling(stage: World) -> None:
    assert prefix_of(stage.file("sessions/Ana_7/session_a@b/session.json", b"{}")) == f"{ANA}session_a@b/"


def test_what_is_delivered_again_is_a_duplicate_where_the_rules_did_not_change(stage: World) -> None:
    before = stage.filed()
    for key in (
        "documents/Ana_7/lab.txt",
        "sessions/Ana_7/session_+34 600 123 456/session.json",
        "loose.txt",
    ):
        assert stage.run(created_event(key), f"again-{key}")["disposition"] == "duplicate"
    assert stage.filed() == before


def test_a_session_under_the_earlier_spelling_is_found_by_its_id_and_assigned_whole(
    stage: World, connection: Connection
) -> None:
    for id, folder in FOLDERS.items():
        found = [one.folder for one in sessions_named(connection, "Ana_7", id)]
        assert found[0] == ANA + folder
        load = next(sessions_named(connection, "Ana_7", id)).answer["session_info"]["load_by"]
        assert load["S3SessionManager"]["session_id"] == folder.removeprefix("session_").rstrip("/")
    plan = wiring.assigning().assign(
        {"patient_id": "Ben_8", "session_id": "+34 600 123 456", "from": "Ana_7"}
    )
    assert plan["filed"] == [{"folder": f"{ANA}session_=2B34_600_123_456/", "objects": 3}]


def test_a_backfill_foresees_what_the_rules_of_now_would_move_and_nothing_else(
    stage: World, connection: Connection
) -> None:
    found = foreseen(connection, stage)
    snapshot = "session/visit-{}/scopes/agent/guide/snapshots/snapshot_latest.json"
    for number in ("1", "2"):
        moved = found[snapshot.format(number)]
        assert (moved.would, moved.kind, moved.patient) == (Would.MOVE, "session", None)
        assert moved.folder == f"processed/unknown_medical_notes/session_visit-{number}/"
        assert moved.was is not None
        assert moved.was["patient"] == "session"
    assert found["context/visit-1/scopes/agent/guide/tool-1_0"].would is Would.MOVE
    still = [key for key in found if key.startswith(("sessions/", "documents/", "medical-notes/", "loose"))]
    assert {found[key].would for key in still} == {Would.STAY}
    assert all(found[key].was is None for key in still)


def test_what_was_foreseen_is_what_a_backfill_does(stage: World, connection: Connection) -> None:
    for key, told in foreseen(connection, stage).items():
        detail = cataloged(stage.run({"bucket": LANDING, "key": key}, f"taken-{len(key)}-{hash(key)}"))
        assert (detail["location"]["prefix"], detail["patient"].get("id")) == (told.folder, told.patient)
    assert not stage.filed("processed/session_snapshot_latest/original")


def test_what_a_person_decided_about_would_not_move(stage: World, connection: Connection) -> None:
    key = "session/visit-1/scopes/agent/guide/snapshots/snapshot_latest.json"
    stage.run(
        {"bucket": LANDING, "key": key, "hints": {"kind": "document", "patient_id": "Ana_7"}}, "decided"
    )
    told = foreseen(connection, stage)[key]
    assert (told.would, told.patient) == (Would.STAY, "Ana_7")


def test_the_catalog_agrees_with_what_stands_under_either_spelling(
    stage: World, connection: Connection
) -> None:
    stage.file("sessions/Ana_7/session_a@b/session.json", b"{}")
    # The stage's sessions' entries are not of this process's stream: of those the new one is missing only.
    found = list(Comparison(connection, rules(), datetime.now(UTC) + timedelta(1), lambda _: None).findings())
    assert {one.key for one in found} == {"processed/Ana_7_medical_notes/session_a@b/"}
