"""A status that an object brought along says nothing about its own intake."""

from __future__ import annotations

from lambdas.adapters.executions import Execution
from tests.unit.world import LANDING, World, created_event

KEY = "documents/Ana/moved.txt"


def copied_event(world: World) -> dict[str, object]:
    """A filed object is copied within the landing bucket; the event that S3 sends."""
    world.file("documents/Ana/filed.txt", Tagging="scan=clean")
    done = world.s3.copy_object(Bucket=LANDING, Key=KEY, CopySource=f"{LANDING}/documents/Ana/filed.txt")
    event = created_event(KEY, done["VersionId"])
    event["detail"]["reason"] = "CopyObject"
    return event


def test_a_copy_of_a_filed_object_that_fails_is_marked_failed(world: World) -> None:
    event = copied_event(world)
    assert world.tags(KEY, LANDING)["pipeline-status"] == "cataloged"

    world.classify(event)
    world.record_failure(Execution("FAILED", event, {}, "StorageDenied", "{}", None))

    assert world.tags(KEY, LANDING) == {"scan": "clean", "pipeline-status": "failed"}


def test_a_copy_of_a_filed_object_is_filed_and_marked_as_itself(world: World) -> None:
    event = copied_event(world)

    assert world.run(event, "e2")["disposition"] == "cataloged"
    assert world.tags(KEY, LANDING) == {"scan": "clean", "pipeline-status": "cataloged"}


def test_the_event_of_a_copy_that_comes_again_takes_no_status_away(world: World) -> None:
    event = copied_event(world)
    world.run(event, "e2")

    world.classify(event, "e3")

    assert world.tags(KEY, LANDING)["pipeline-status"] == "cataloged"
