"""A landing bucket without versioning, as a user may bring one: a version is its ETag with its time."""

from __future__ import annotations

import pytest

from tests.unit.world import LANDING, World, cataloged, created_event, types

KEY = "documents/P/x.txt"


@pytest.fixture
def world(unversioned_world: World) -> World:
    return unversioned_world


def test_an_upload_is_filed_and_its_event_is_a_duplicate_the_second_time(world: World) -> None:
    first = world.file(KEY)
    again = world.run(created_event(KEY), "e2")
    assert (first["disposition"], again["disposition"]) == ("cataloged", "duplicate")
    assert "version_id" not in cataloged(first)["source"]
    assert world.body("processed/P_x/original.txt") == b"hello"
    assert world.tags(KEY, LANDING) == {"pipeline-status": "cataloged"}


def test_other_bytes_under_the_same_key_are_filed_over_the_old_ones(world: World) -> None:
    first, second = world.file(KEY, b"one"), world.file(KEY, b"two", name="e2")
    assert second["disposition"] == "cataloged"
    assert world.body("processed/P_x/original.txt") == b"two"
    assert cataloged(first)["event_id"] != cataloged(second)["event_id"]


def test_an_overwritten_upload_is_superseded(world: World) -> None:
    world.upload(KEY, b"one")
    classified = world.classify(created_event(KEY))
    world.upload(KEY, b"two")
    result = world.normalise(classified)
    assert result["disposition"] == "superseded"
    assert world.body("processed/P_x/original.txt") == b"two"


def test_bytes_overwritten_between_reading_and_copying_are_never_mixed(world: World) -> None:
    world.upload(KEY, b"one")
    classified = world.classify(created_event(KEY))
    processed, real = world.intake.filing.processed, world.intake.filing.processed.copy
    calls: list[str] = []

    def overwritten(*arguments: object) -> object:
        calls.append("copy")
        if len(calls) == 1:
            world.upload(KEY, b"two")
        return real(*arguments)  # type: ignore[arg-type]

    world.monkeypatch.setattr(processed, "copy", overwritten)
    world.normalise(classified)
    assert world.body("processed/P_x/original.txt") == b"two"
    assert b"two" in world.body("processed/P_x/extracted_data.json")
    assert b"one" not in world.body("processed/P_x/extracted_data.json")


def test_a_deleted_upload_is_withdrawn(world: World) -> None:
    world.upload(KEY)
    classified = world.classify(created_event(KEY))
    world.delete(KEY)
    result = world.normalise(classified)
    assert (result["disposition"], types(result)) == ("withdrawn", ["Object Withdrawn"])


def test_what_was_overwritten_before_it_was_filed_leaves_the_new_object_unmarked(world: World) -> None:
    world.upload(KEY, b"one")
    classified = world.classify(created_event(KEY))
    world.upload(KEY, b"two")
    world.tag(world.normalise(classified))
    assert world.tags(KEY, LANDING) == {}
