"""Where a session is, and the id by which each of the SDK's session managers loads it."""

from __future__ import annotations

import pytest

import carefile
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.problem import Problem
from carefile.places import sessions_named
from lambdas import index_sessions
from tests.unit.test_index_sessions import Stream
from tests.unit.world import World

MAIL = "ana.ruiz+visit@example.org"


@pytest.fixture
def stream(world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Stream:
    return Stream(world)


def follow(stream: Stream) -> None:
    index_sessions.handler({"Records": stream.records()}, None)


def test_an_id_loads_by_itself(world: World, connection: Connection, stream: Stream) -> None:
    world.file(f"sessions/Ana_7/session_{MAIL}/session.json", b"{}")
    follow(stream)
    found = carefile.where("Ana_7", MAIL, deployed=connection)
    assert found == carefile.where("Ana_7", MAIL)
    load = found["session_info"]["load_by"]["S3SessionManager"]
    assert load == {"prefix": "processed/Ana_7_medical_notes/", "session_id": MAIL}
    assert world.filed(f"{load['prefix']}session_{load['session_id']}/session.json")


def test_of_two_trees_each_has_an_id_to_load_by(world: World, connection: Connection, stream: Stream) -> None:
    for prefix in ("sessions/Ana_7", "medical-notes/patients/Ana_7"):
        world.file(f"{prefix}/session_{MAIL}/session.json", prefix.encode())
    follow(stream)
    found = [one.answer["session_info"]["load_by"] for one in sessions_named(connection, "Ana_7", MAIL)]
    loads = [one["S3SessionManager"] for one in found]
    assert [world.body(f"{it['prefix']}session_{it['session_id']}/session.json") for it in loads] == [
        b"sessions/Ana_7",
        b"medical-notes/patients/Ana_7",
    ]
    with pytest.raises(Problem, match="2 source trees have a session"):
        carefile.where("Ana_7", MAIL, deployed=connection)


def test_a_session_of_snapshots_loads_by_its_own_id_also_where_its_folder_has_a_suffix(
    world: World, connection: Connection, stream: Stream
) -> None:
    path = "scopes/agent/guide/snapshots/snapshot_latest.json"
    for store in ("a", "b"):
        world.file(f"{store}/session/session_5/{path}", store.encode())
    follow(stream)
    for asked in ("session_5", "session_session_5"):
        found = [one.answer["session_info"]["load_by"] for one in sessions_named(connection, None, asked)]
        loads = [one["SnapshotSessionManager"] for one in found]
        assert {it["session_id"] for it in loads} == {"session_5"}
        assert [world.body(f"{it['prefix']}/session/{it['session_id']}/{path}") for it in loads] == [
            b"a",
            b"b",
        ]


def test_ids_of_which_one_begins_like_the_other_are_not_mixed_up(
    world: World, connection: Connection, stream: Stream
) -> None:
    for id in ("1", "1-0123abcd", "10"):
        world.file(f"sessions/Ana_7/session_{id}/session.json", b"{}")
    follow(stream)
    assert [one.folder for one in sessions_named(connection, "Ana_7", "1")] == [
        "processed/Ana_7_medical_notes/session_1/"
    ]


def test_a_session_of_which_nothing_is_filed_would_be_at_the_plain_place(connection: Connection) -> None:
    found = carefile.where(None, "x/y", deployed=connection)
    assert found == carefile.where(None, "x/y")
    assert "/" not in found["session_info"]["session_id"]


def test_a_list_of_sessions_shows_snapshots_though_the_index_does_not_hold_them(
    world: World, connection: Connection, stream: Stream
) -> None:
    world.file("a/session/1/scopes/agent/guide/snapshots/snapshot_latest.json", b"{}")
    follow(stream)
    (found,) = Entries(connection).sessions_of(None)
    assert (found.messages, found.snapshots, found.agents) == (0, 1, ("guide",))
