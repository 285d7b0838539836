"""An execution that failed, wherever it failed, ends after a redrive as if it had not."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from local import processes
from tests.embedded import eventually, start
from tests.end_to_end.breaking import refused_events, wrong_setting
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.timeout(180)


DOCUMENT = "documents/Nora_Gil_4/{name}.txt"
SESSION = "sessions/Nora_Gil_4/session_{name}/notes.txt"
Break = Callable[[Pipeline], object]
REFUSED = {"StorageDenied", "StorageFailed"}  # of what is not there: by the role's policy, or by S3

BREAKS: dict[str, tuple[str, Break, set[str]]] = {
    "ClassifyObject": (
        DOCUMENT,
        lambda pipeline: wrong_setting(pipeline, "classify_object", "LANDING_BUCKETS"),
        {"RejectedObject"},
    ),
    "NormaliseDocument": (
        DOCUMENT,
        lambda pipeline: wrong_setting(pipeline, "normalise_document", "PROCESSED_BUCKET"),
        REFUSED,
    ),
    "NormaliseSession": (
        SESSION,
        lambda pipeline: wrong_setting(pipeline, "normalise_session", "PROCESSED_BUCKET"),
        REFUSED,
    ),
    "TagObject": (
        DOCUMENT,
        lambda pipeline: wrong_setting(
            pipeline, "tag_object", "AWS_ENDPOINT_URL_S3", f"{pipeline.aws.settings.endpoint}/not-there"
        ),
        REFUSED,
    ),
    "EmitCatalogEvent": (DOCUMENT, refused_events, {"EventBridge.AccessDeniedException"}),
}


# A function's state, and the one that no function is behind: the others are states of functions as well.
IN_EVERY_RUN = {"NormaliseDocument", "EmitCatalogEvent"}


@pytest.mark.parametrize(
    "state",
    [
        state if state in IN_EVERY_RUN else pytest.param(state, marks=pytest.mark.submission)
        for state in BREAKS
    ],
)
def test_a_redriven_execution_ends_as_one_that_never_failed(breakable: Pipeline, state: str) -> None:
    pipeline = breakable
    pattern, breaking, errors = BREAKS[state]
    unbroken, key = pattern.format(name=f"{state}-whole"), pattern.format(name=f"{state}-broken")
    pipeline.filed(unbroken, b"the same bytes")
    normalise = "NormaliseSession" if pattern is SESSION else "NormaliseDocument"
    whole_way = ["ClassifyObject", "RouteObject", normalise, "TagObject", "EmitCatalogEvent"]

    with breaking(pipeline):
        failed = pipeline.execution_of(key, pipeline.upload(key, b"the same bytes"))
        (told,) = pipeline.events_of(key, "Object Failed")
    arn = failed["executionArn"]

    assert failed["status"] == "FAILED"
    assert failed["error"] in errors
    assert failed["redriveStatus"] == "REDRIVABLE"
    assert pipeline.states_of(arn)[-1] == state
    assert (told["execution"], told["error"]) == (arn, failed["error"])
    # What is filed and noted to be is marked so: then only the announcement is missing.
    expected = "cataloged" if state in ("TagObject", "EmitCatalogEvent") else "failed"
    assert eventually(lambda: pipeline.tags(pipeline.landing, key)) == {"pipeline-status": expected}
    # The lane express-first announces before it marks, so there the first look at this failure finds the event.
    announced = state == "TagObject" and arn.rpartition(":")[2].startswith("promoted-")
    assert (key in [event.get("source", {}).get("key") for event in pipeline.heard()]) is announced

    pipeline.command_line("stepfunctions", "redrive-execution", "--execution-arn", arn)
    ended = pipeline.aws.finished(arn)

    assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1)
    assert json.loads(ended["output"])["disposition"] == "cataloged"
    before = whole_way.index(state)
    assert pipeline.states_of(arn) == [*whole_way[: before + 1], *whole_way[before:]]
    assert filed(pipeline, key) == filed(pipeline, unbroken)
    assert {event["event_id"] for event in pipeline.events_of(key)} == {
        announced["event_id"] for announced in json.loads(ended["output"])["announced"]
    }
    assert len(pipeline.events_of(key)) == (2 if announced else 1)


def filed(pipeline: Pipeline, key: str) -> dict[str, object]:
    """What became of an upload, but for its name."""
    (event,) = {event["event_id"]: event for event in pipeline.events_of(key)}.values()
    entry = pipeline.catalog_entry(event["source_id"])
    folder = event["location"]["prefix"]
    assert entry["prefix"] == {"S": folder}
    files = {stored.removeprefix(folder): stored for stored in pipeline.keys(folder)}
    return {
        "files": set(files),
        "bytes": pipeline.read(event["location"]["objects"][0]["key"]),
        "tags of files": [pipeline.tags(pipeline.processed, stored) for stored in files.values()],
        "tags of the upload": pipeline.tags(pipeline.landing, key),
        "patient": event["patient"],
        "kind": event["kind"],
        "disposition": event["disposition"],
        "revision": event["revision"],
    }


def test_a_reassignment_that_failed_in_between_goes_on_where_it_was(breakable: Pipeline) -> None:
    pipeline, keys = breakable, [f"sessions/session_halfway/{number}.json" for number in range(4)]
    unknown, noras = (f"processed/{who}_medical_notes/session_halfway/" for who in ("unknown", "Nora_Gil_4"))
    for key in keys:
        pipeline.filed(key, key.encode())
    functions = pipeline.aws.client("stepfunctions")
    asked = json.dumps({"session_id": "halfway", "patient_id": "Nora_Gil_4"})
    with wrong_setting(pipeline, "normalise_session", "PROCESSED_BUCKET"):
        arn = functions.start_execution(
            stateMachineArn=pipeline.aws.outputs["ReassignPatientStateMachineArn"], input=asked
        )["executionArn"]
        failed = pipeline.aws.finished(arn)
    assert failed["status"] == "FAILED"
    assert failed["error"] == "States.ExceedToleratedFailureThreshold"
    assert len(pipeline.keys(unknown)) == len(keys) + 1
    # The decision holds already.
    pipeline.filed(f"{keys[0]}.later", b"{}")
    assert pipeline.keys(noras) == [f"{noras}0.json.later", f"{noras}_manifest.json"]

    pipeline.command_line("stepfunctions", "redrive-execution", "--execution-arn", arn)
    ended = pipeline.aws.finished(arn)

    assert (ended["status"], ended["redriveCount"]) == ("SUCCEEDED", 1)
    assert pipeline.keys(unknown) == [f"{unknown}_manifest.json"]
    assert [pipeline.read(f"{noras}{number}.json").decode() for number in range(4)] == keys


def test_an_execution_that_a_stop_interrupted_is_marked_and_can_be_redriven(breakable: Pipeline) -> None:
    pipeline, key = breakable, "documents/Nora_Gil_4/interrupted.txt"
    settings = pipeline.aws.settings
    # Nothing answers there, so ClassifyObject is tried again and again.
    with wrong_setting(pipeline, "classify_object", "AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9"):
        pipeline.upload(key, b"here to stay")
        (started,) = eventually(lambda: pipeline.executions_of(key))
        arn = started["executionArn"]
        eventually(lambda: pipeline.states_of(arn))
        assert processes.stop(settings)
        start(settings)

        assert pipeline.aws.finished(arn)["error"] == "States.ServiceRestart"
        assert eventually(lambda: pipeline.tags(pipeline.landing, key)) == {"pipeline-status": "failed"}
    pipeline.command_line("stepfunctions", "redrive-execution", "--execution-arn", arn)

    assert json.loads(pipeline.aws.finished(arn)["output"])["disposition"] == "cataloged"
    assert pipeline.tags(pipeline.landing, key) == {"pipeline-status": "cataloged"}
