"""An adopted session of nobody comes into the landing bucket whole, or stays where it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands import adopt as module
from carefile.cli.commands.adopt import adopt as command
from carefile.cli.exits import Exit
from carefile.cli.moving import into_landing
from carefile.cli.moving.into_landing import IntoLanding
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.filing.layout import Owner
from tests.unit.test_adoption import adopt, write
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import LANDING, PROCESSED, World, created_event

FOLDER = "processed/unknown_medical_notes/session_7/"
OBJECTS = {
    f"{FOLDER}session.json": b"{}",
    f"{FOLDER}agents/agent_a/messages/message_0.json": b"[0]",
    f"{FOLDER}agents/agent_a/messages/message_1.json": b"[1]",
}
TREE = "sessions/session_7/"
Bring = Callable[..., Exit]


@pytest.fixture
def session(world: World) -> None:
    for key, body in OBJECTS.items():
        write(world, key, body, Metadata={"device": "tablet"}, Tagging="malware=none")
        adopt(world, key)


@pytest.fixture
def bring(world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch) -> Bring:
    """Gives the command, while the pipeline files what comes into the landing bucket."""

    def file(_: float) -> None:
        for key in landed(world):
            world.run(created_event(key, world.s3.head_object(Bucket=LANDING, Key=key)["VersionId"]))

    monkeypatch.setattr(into_landing, "sleep", file)

    def run(folder: str = FOLDER, **options: Any) -> Exit:
        return command(
            connection, View(as_json=False), f"s3://{PROCESSED}/{folder}", into_landing=True, **options
        )

    return run


def landed(world: World) -> list[str]:
    found = world.s3.list_objects_v2(Bucket=LANDING).get("Contents", ())
    return [item["Key"] for item in found]


def standing(world: World) -> list[str]:
    return [key for key in world.filed(FOLDER) if not key.endswith("_manifest.json")]


def entries(world: World) -> dict[str, str]:
    """Where the catalog shows each object, by its landing key."""
    return {item["landing_key"]["S"]: item["key"]["S"] for item in world.catalog() if "kind" in item}


@pytest.mark.usefixtures("session")
def test_it_is_filed_again_byte_for_byte_and_can_be_assigned(world: World, bring: Bring) -> None:
    stream = Stream(world)
    assert bring() is Exit.DONE
    index(stream.records())
    assert {world.body(key, LANDING) for key in landed(world)} == set(OBJECTS.values())
    assert standing(world) == []
    assert set(entries(world)) == {key.replace(FOLDER, TREE) for key in OBJECTS}
    assert not any(key.startswith(FOLDER) for key in entries(world).values())
    head = world.s3.head_object(Bucket=LANDING, Key=f"{TREE}session.json")
    assert head["Metadata"] == {"device": "tablet"}
    tags = world.tags(f"{TREE}session.json", LANDING)
    assert (tags["malware"], "kind" in tags, "adopted" in tags) == ("none", False, False)
    found = world.s3.list_object_versions(Bucket=PROCESSED, Prefix=FOLDER)
    assert len(found["Versions"]) == len(OBJECTS) + 1  # all can be brought back, and the claim stays

    owner = Owner(LANDING, TREE, tree=True)
    world.intake.ledger.assign(owner, "Ana_7", frozenset(), "2026-11-20T10:00:00.000Z")
    for key in landed(world):
        world.run(created_event(key), "e2")
    assert {key.rpartition("session_7/")[0] for key in entries(world).values()} == {
        "processed/Ana_7_medical_notes/"
    }


@pytest.mark.usefixtures("session")
def test_a_dry_run_writes_nothing(world: World, bring: Bring) -> None:
    assert bring(dry_run=True) is Exit.DONE
    assert (landed(world), sorted(standing(world))) == ([], sorted(OBJECTS))


@pytest.mark.usefixtures("session")
def test_stopped_at_any_call_it_goes_on_to_the_same_end(
    world: World, connection: Connection, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(into_landing, "_THREADS", 1)
    left: list[int | None] = [None]

    def before(**_: Any) -> None:
        if left[0] is not None:
            left[0] -= 1
            if left[0] < 0:
                raise KeyboardInterrupt

    clients = [connection.client(name) for name in ("s3", "dynamodb")]
    for client in clients:
        client.meta.events.register("before-call", before)
    calls = 0
    while True:
        left[0] = calls
        try:
            ended = bring()
        except KeyboardInterrupt:
            calls += 3
            continue
        finally:
            left[0] = None
            whole = [world.body(key, LANDING) for key in landed(world)] + [
                world.body(key) for key in standing(world)
            ]
            assert set(whole) == set(OBJECTS.values())  # nothing is ever nowhere
        break
    assert ended is Exit.DONE
    assert calls > 10
    assert standing(world) == []
    assert set(entries(world)) == {key.replace(FOLDER, TREE) for key in OBJECTS}


@pytest.mark.usefixtures("session")
def test_what_is_not_filed_retires_nothing(
    world: World, bring: Bring, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.0)
    monkeypatch.setattr(into_landing, "sleep", lambda _: None)
    assert bring() is Exit.FOUND
    assert sorted(standing(world)) == sorted(OBJECTS)


@pytest.mark.usefixtures("session")
def test_what_was_filed_with_other_bytes_retires_nothing(world: World, bring: Bring) -> None:
    sleep = into_landing.sleep

    def spoiled(seconds: float) -> None:
        sleep(seconds)
        place = entries(world)[f"{TREE}session.json"]
        world.s3.put_object(Bucket=PROCESSED, Key=place, Body=b"[]")

    world.monkeypatch.setattr(into_landing, "sleep", spoiled)
    assert bring() is Exit.FOUND
    assert sorted(standing(world)) == sorted(OBJECTS)


@pytest.mark.usefixtures("session")
def test_what_is_written_meanwhile_stays(world: World, connection: Connection, bring: Bring) -> None:
    key = next(iter(OBJECTS))
    real = IntoLanding.retire

    def late(self: IntoLanding, moving: Any) -> int:
        write(world, key, b"newer")
        return real(self, moving)

    world.monkeypatch.setattr(IntoLanding, "retire", late)
    assert bring() is Exit.FOUND
    assert standing(world) == [key]
    assert world.body(key) == b"newer"


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("where", [f"{TREE}session.json", f"{TREE}other.json"])
def test_another_session_at_its_landing_place_is_never_mixed_with_it(
    world: World, bring: Bring, where: str
) -> None:
    world.upload(where, b"another's")
    with pytest.raises(Problem, match="already"):
        bring()
    assert landed(world) == [where]
    assert sorted(standing(world)) == sorted(OBJECTS)


class TestRefused:
    """A clear line each, and nothing moves."""

    @pytest.mark.parametrize(
        ("key", "line"),
        [
            ("processed/P_1_medical_notes/session_1/x.json", "belongs to a known patient"),
            ("processed/unknown_lab/x.pdf", "is not a session's folder"),
        ],
    )
    def test_what_is_no_session_of_nobody(self, world: World, bring: Bring, key: str, line: str) -> None:
        write(world, key)
        adopt(world, key)
        with pytest.raises(Problem, match=line):
            bring(f"{key.rpartition('/')[0]}/")
        assert landed(world) == []

    def test_what_was_not_adopted_or_was_written_since(self, world: World, bring: Bring) -> None:
        key = next(iter(OBJECTS))
        write(world, key)
        with pytest.raises(Problem, match="was not adopted"):
            bring()
        adopt(world, key)
        write(world, key, b"newer")
        with pytest.raises(Problem, match=r"the current version of .* is not adopted"):
            bring()
        assert landed(world) == []

    def test_what_an_intake_filed(self, world: World, bring: Bring) -> None:
        world.file(f"{TREE}session.json", b"{}")
        with pytest.raises(Problem, match="was not adopted"):
            bring()

    @pytest.mark.usefixtures("session")
    def test_all_of_the_unknown_at_once(self, bring: Bring) -> None:
        with pytest.raises(Problem, match="is not a session's folder"):
            bring("processed/unknown_medical_notes/")
