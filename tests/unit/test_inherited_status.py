"""A status that an object brought along, by a copy or by its own request, says nothing about its own intake."""

from __future__ import annotations

import pytest

from lambdas.adapters.executions import Execution
from tests.unit.world import LANDING, PROCESSED, World, created_event, prefix_of

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


FORGED = "scan=clean&pipeline-status=cataloged"


def test_an_upload_that_says_itself_that_it_is_filed_is_not_believed(world: World) -> None:
    world.classify(created_event(KEY, world.upload(KEY, Tagging=FORGED)))
    assert world.tags(KEY, LANDING) == {"scan": "clean"}


def test_nor_one_that_is_taken_in_by_hand_without_a_version(world: World) -> None:
    world.upload(KEY, Tagging=FORGED)
    world.classify({"bucket": LANDING, "key": KEY})
    assert world.tags(KEY, LANDING) == {"scan": "clean"}


def test_it_is_filed_and_marked_as_itself(world: World) -> None:
    assert world.file(KEY, Tagging=FORGED)["disposition"] == "cataloged"
    assert world.tags(KEY, LANDING) == {"scan": "clean", "pipeline-status": "cataloged"}


@pytest.mark.parametrize("there_before", [False, True])
def test_one_whose_intake_fails_before_anything_was_looked_at_is_marked_failed(
    world: World, there_before: bool
) -> None:
    if there_before:
        world.file(KEY, b"filed")
    event = created_event(KEY, world.upload(KEY, b"never filed", Tagging=FORGED))
    world.record_failure(Execution("FAILED", event, {}, "StorageDenied", "{}", None))
    assert world.tags(KEY, LANDING) == {"scan": "clean", "pipeline-status": "failed"}


def test_the_event_of_a_filed_upload_that_comes_again_takes_no_status_away(world: World) -> None:
    event = created_event(KEY, world.upload(KEY, Tagging="scan=clean"))
    world.run(event)
    world.classify(event, "e2")
    assert world.tags(KEY, LANDING) == {"scan": "clean", "pipeline-status": "cataloged"}
    world.record_failure(Execution("FAILED", event, {}, "StorageDenied", "{}", None))
    assert world.tags(KEY, LANDING) == {"scan": "clean", "pipeline-status": "cataloged"}


def test_a_copy_out_of_the_layout_brings_no_tag_of_another_patient_s(world: World) -> None:
    """Neither to the landing object nor to what is filed of it, also where the uploader's own tags come along."""
    world.file("documents/Ana/filed.txt", Tagging="scan=clean")
    original = "processed/Ana_filed/original.txt"
    ana = world.tags(original)["patient-ref"]
    key = "documents/Ben/filed.txt"
    done = world.s3.copy_object(Bucket=LANDING, Key=key, CopySource=f"{PROCESSED}/{original}")
    assert world.tags(key, LANDING)["patient-ref"] == ana
    event = created_event(key, done["VersionId"])
    event["detail"]["reason"] = "CopyObject"

    assert prefix_of(world.run(event, "e2")) == "processed/Ben_filed/"

    assert world.tags(key, LANDING) == {"scan": "clean", "pipeline-status": "cataloged"}
    assert ana not in world.tags("processed/Ben_filed/original.txt").values()


def test_a_tag_of_the_uploader_s_own_that_is_named_like_one_of_the_layout_s_stays(world: World) -> None:
    done = world.s3.put_object(Bucket=LANDING, Key=KEY, Body=b"x", Tagging="kind=letter&data-type=text")
    event = created_event(KEY, done["VersionId"])
    event["detail"]["reason"] = "CopyObject"
    world.run(event)
    assert world.tags(KEY, LANDING) == {
        "kind": "letter",
        "data-type": "text",
        "pipeline-status": "cataloged",
    }
