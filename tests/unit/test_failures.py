"""RecordFailure: a failed execution marks its upload and tells the world, and never hides a success."""

from __future__ import annotations

import json
from contextlib import nullcontext

import boto3
import pytest
from botocore.stub import Stubber

from carefile.core.errors import RejectedObject, StorageThrottled
from carefile.core.filing.tagging import Tags
from carefile.core.messages.events import Event, EventType
from carefile.core.model import Source
from lambdas import record_failure
from lambdas.adapters.landing import Landing
from lambdas.adapters.publisher import Publisher
from tests.unit.world import (
    LANDING,
    World,
    created_event,
    execution_arn,
    stopped,
    submitted_event,
)

KEY = "documents/P/x.txt"
MARK = "Zyxwvut_Patient_Mark"


def status(world: World, version: str | None = None) -> str | None:
    named = {"VersionId": version} if version else {}
    return world.tags(KEY, LANDING, **named).get("pipeline-status")


def test_a_failure_marks_the_version_and_is_announced(world: World) -> None:
    version = world.upload(KEY)
    assert world.record_failure(stopped(data=created_event(KEY, version)))
    assert status(world) == "failed"
    (event,) = world.bus.published
    assert event.type.value == "Object Failed"
    assert event.detail["source"] == {"bucket": LANDING, "key": KEY, "version_id": version}
    assert event.detail["error"] == "StorageDenied"
    assert event.detail["cause"] == "AccessDenied from CopyObject: no"
    assert event.detail["execution"] == execution_arn("e1")
    assert event.detail["failed_at"] == "2026-11-20T10:00:00.000Z"


def test_the_tags_of_others_stay(world: World) -> None:
    version = world.upload(KEY, Tagging="malware=none&a=b")
    world.record_failure(stopped(data=created_event(KEY, version)))
    assert world.tags(KEY, LANDING) == {"malware": "none", "a": "b", "pipeline-status": "failed"}


@pytest.mark.parametrize(
    "shape", [created_event, submitted_event, lambda key: {"bucket": LANDING, "key": key}]
)
def test_the_upload_is_found_in_every_shape_of_input(world: World, shape: object) -> None:
    world.upload(KEY)
    world.record_failure(stopped(data=shape(KEY)))  # type: ignore[operator]
    assert status(world) == "failed"


def test_only_the_version_that_failed_is_marked(world: World) -> None:
    old, new = world.upload(KEY, b"one"), world.upload(KEY, b"two")
    world.record_failure(stopped(data=created_event(KEY, old)))
    assert (status(world, old), status(world, new)) == ("failed", None)


def test_a_late_failure_leaves_a_cataloged_version_cataloged(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    world.run(event)
    assert world.record_failure(stopped(data=event))
    assert status(world) == "cataloged"


def test_a_version_that_was_filed_but_not_announced_is_marked_until_it_is(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    normalised = world.normalise(world.classify(event))
    world.record_failure(stopped(data=event))
    assert status(world) == "failed"
    world.tag(normalised)
    assert status(world) == "cataloged"


@pytest.mark.parametrize("disposition", ["cataloged", "superseded", "withdrawn"])
@pytest.mark.parametrize("call", ["tags", "put_tags"])
def test_an_end_that_is_marked_while_a_failure_is_being_marked_holds(
    world: World, disposition: str, call: str
) -> None:
    event = created_event(KEY, world.upload(KEY))
    upload = world.classify(event)["upload"]
    marks = record_failure.failures.marks
    real, asked = getattr(marks.landing, call), []

    def overtaken(*arguments: object) -> object:
        answer = real(*arguments) if call == "tags" else None
        if not asked:
            asked.append(True)
            world.tag({"upload": upload, "disposition": disposition}, "e2")
        return answer if call == "tags" else real(*arguments)

    world.monkeypatch.setattr(marks.landing, call, overtaken)
    world.record_failure(stopped(data=event))
    assert status(world) == disposition


@pytest.mark.parametrize("versioned", [True, False])
def test_a_failure_about_no_version_stays_one_of_the_upload_that_it_met_first(
    world: World, monkeypatch: pytest.MonkeyPatch, versioned: bool
) -> None:
    """Another try, though of that one's mark only, mends it, and leaves the next upload alone."""
    if not versioned:
        world.s3.put_bucket_versioning(Bucket=LANDING, VersioningConfiguration={"Status": "Suspended"})
    first = world.upload(KEY, b"one")
    failure = stopped(data={"bucket": LANDING, "key": KEY})
    put = Landing.put_tags

    def broken_off(landing: Landing, source: Source, version_id: str | None, tags: Tags) -> None:
        put(landing, source, version_id, tags)
        raise StorageThrottled("SlowDown from GetItem: try again")

    monkeypatch.setattr(Landing, "put_tags", broken_off)
    with pytest.raises(StorageThrottled):
        world.record_failure(failure)
    monkeypatch.setattr(Landing, "put_tags", put)
    assert status(world) == "failed"
    world.run(created_event(KEY, first))
    second = world.upload(KEY, b"two")
    world.record_failure(failure)
    assert status(world, second) is None
    if versioned:
        assert status(world, first) == "cataloged"


def test_a_mark_that_was_broken_off_is_put_right_though_the_execution_ended_well_since(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    world.record_failure(stopped(data=event))
    world.run(event)
    world.s3.put_object_tagging(
        Bucket=LANDING, Key=KEY, Tagging={"TagSet": [{"Key": "pipeline-status", "Value": "failed"}]}
    )
    assert not world.record_failure(stopped("SUCCEEDED", event))
    assert status(world) == "cataloged"


@pytest.mark.parametrize("now", ["RUNNING", "SUCCEEDED", "PENDING_REDRIVE"])
def test_an_execution_that_runs_again_is_no_failure(world: World, now: str) -> None:
    event = created_event(KEY, world.upload(KEY))
    assert not world.record_failure(stopped(now, event))
    assert status(world) is None
    assert world.bus.published == []


def test_a_success_after_a_recorded_failure_replaces_the_mark(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    world.record_failure(stopped(data=event))
    world.run(event)
    assert status(world) == "cataloged"


@pytest.mark.parametrize("data", [None, {}, "x", [1], {"bucket": LANDING}, {"key": MARK}, created_event("")])
def test_a_malformed_input_is_announced_without_a_source(world: World, data: object) -> None:
    assert world.record_failure(stopped(data=data, error="RejectedEvent"))
    (event,) = world.bus.published
    assert "source" not in event.detail
    assert MARK not in json.dumps(event.detail)


def test_a_bucket_that_is_not_allowed_is_announced_and_never_touched(world: World) -> None:
    world.s3.create_bucket(Bucket="elsewhere")
    world.s3.put_object(Bucket="elsewhere", Key=KEY, Body=b"x")
    world.record_failure(stopped(data=created_event(KEY, bucket="elsewhere")))
    assert world.tags(KEY, "elsewhere") == {}
    assert len(world.bus.published) == 1


def test_an_object_of_the_layout_is_never_marked(world: World) -> None:
    key = "processed/P_lab/original.txt"
    world.upload(key)
    event = created_event(key)
    with pytest.raises(RejectedObject):
        world.classify(event)
    world.record_failure(stopped(data=event, error="RejectedObject"))
    assert world.tags(key, LANDING) == {}


def test_an_upload_that_is_gone_is_announced_all_the_same(world: World) -> None:
    version = world.upload(KEY)
    world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
    assert world.record_failure(stopped(data=created_event(KEY, version)))
    assert len(world.bus.published) == 1


@pytest.mark.parametrize(
    ("answer", "error", "cause"),
    [
        (stopped(error="States.Timeout", cause=None), "States.Timeout", "see the execution"),
        (stopped("TIMED_OUT", error=None, cause=None), "States.Timeout", "see the execution"),
        (stopped("ABORTED", error=None, cause=None), "Aborted", "see the execution"),
        (stopped(error=None, cause=None), "Unknown", "see the execution"),
        (stopped(error="Lambda.Unknown", cause=MARK), "Lambda.Unknown", "see the execution"),
        (
            stopped(error="KeyError", cause=json.dumps({"errorMessage": MARK})),
            "KeyError",
            "see the execution",
        ),
        (stopped(error="annotations", cause=json.dumps({"errorMessage": MARK})), "annotations", "see the"),
        (stopped(cause="no json"), "StorageDenied", "see the execution"),
        (stopped(cause="[]"), "StorageDenied", "see the execution"),
    ],
)
def test_the_cause_is_told_only_where_it_is_one_of_ours(
    world: World, answer: object, error: str, cause: str
) -> None:
    world.record_failure(answer)  # type: ignore[arg-type]
    (event,) = world.bus.published
    assert event.detail["error"] == error
    assert str(event.detail["cause"]).startswith(cause)


def test_one_failure_told_twice_has_one_event_id(world: World) -> None:
    event = created_event(KEY, world.upload(KEY))
    for _ in range(2):
        world.record_failure(stopped(data=event))
    first, second = world.bus.published
    assert first == second


def test_an_item_of_a_distributed_map_tells_its_failure_itself(world: World) -> None:
    version = world.upload(KEY)
    cause = json.dumps(
        {"errorMessage": "empty-object: the object holds no bytes", "errorType": "RejectedObject"}
    )
    told = {"input": {"bucket": LANDING, "key": KEY}, "error": "RejectedObject", "cause": cause}
    arn = "arn:aws:states:eu-west-1:1:express:machine/Objects:name:uuid"
    assert record_failure.handler({**told, "execution": arn}, None) == {"recorded": True}
    assert status(world, version) == "failed"
    (event,) = world.bus.published
    assert event.detail["source"]["key"] == KEY
    assert (event.detail["error"], event.detail["execution"]) == ("RejectedObject", arn)
    assert event.detail["cause"] == "empty-object: the object holds no bytes"


def test_an_item_whose_cause_is_missing_is_recorded_too(world: World) -> None:
    world.upload(KEY)
    told = {
        "input": {"bucket": LANDING, "key": KEY},
        "error": "States.Timeout",
        "cause": "",
        "execution": "arn:e",
    }
    assert record_failure.handler(told, None) == {"recorded": True}
    assert world.bus.published[0].detail["cause"] == "see the execution in the Step Functions console"


@pytest.mark.parametrize("refused", [0, 1], ids=["taken", "refused"])
def test_an_event_is_put_on_the_catalog_bus_and_one_that_it_refuses_is_tried_again(refused: int) -> None:
    client = boto3.client("events", region_name="us-east-1")
    event = Event(EventType.FAILED, {"error": "RejectedObject", "reason": "é"})
    entry = {
        "EventBusName": "catalog-bus",
        "Source": "carefile.catalog",
        "DetailType": "Object Failed",
        "Detail": '{"error": "RejectedObject", "reason": "é"}',
    }
    with Stubber(client) as stub:
        stub.add_response("put_events", {"FailedEntryCount": refused, "Entries": []}, {"Entries": [entry]})
        with pytest.raises(StorageThrottled) if refused else nullcontext():
            Publisher(client, "catalog-bus").publish(event)
        stub.assert_no_pending_responses()
