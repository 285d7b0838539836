"""A session that was filed as unknown moves to the patient it belongs to, while it is still being written."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest

from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

pytestmark = pytest.mark.timeout(240)
MORE = 10
TREE = "sessions/session_whose/"
UNKNOWN, ANAS = (
    "processed/unknown_medical_notes/session_whose/",
    "processed/Ana_Ruiz_5_medical_notes/session_whose/",
)


def message(number: int) -> str:
    return f"{TREE}agents/agent_guide/messages/message_{number}.json"


def identified(pipeline: Pipeline, **detail: Any) -> dict[str, Any]:
    """Send `Patient Identified`; the execution that it starts, once it has ended."""
    machine = pipeline.aws.outputs["ReassignPatientStateMachineArn"]
    functions = pipeline.aws.client("stepfunctions")

    def executions() -> set[str]:
        listed = functions.list_executions(stateMachineArn=machine)["executions"]
        return {item["executionArn"] for item in listed}

    before = executions()
    pipeline.aws.client("events").put_events(
        Entries=[
            {
                "EventBusName": pipeline.aws.outputs["IntakeBusName"],
                "Source": "carefile.intake",
                "DetailType": "Patient Identified",
                "Detail": json.dumps(detail),
            }
        ]
    )
    (arn,) = eventually(lambda: executions() - before)
    return pipeline.aws.finished(arn, seconds=180)


@pytest.mark.parametrize("objects", [10, pytest.param(30, marks=pytest.mark.submission)])
def test_a_session_moves_whole_while_it_is_being_written_and_follows_from_then_on(
    pipeline: Pipeline, objects: int
) -> None:
    for number in range(objects):
        pipeline.upload(message(number), b"%d" % number)
    eventually(lambda: len(pipeline.keys(UNKNOWN)) == objects + 1, seconds=60)

    def write_on() -> None:
        for number in range(objects, objects + MORE):
            pipeline.upload(message(number), b"%d" % number)

    writer = threading.Thread(target=write_on)
    writer.start()
    ended = identified(pipeline, session_id="whose", patient_id="Ana_Ruiz_5")
    writer.join()

    assert ended["status"] == "SUCCEEDED", ended
    output = json.loads(ended["output"])
    assert output["taken_in"] >= objects
    eventually(lambda: len(pipeline.keys(ANAS)) == objects + MORE + 1, seconds=60)
    assert eventually(lambda: pipeline.keys(UNKNOWN) == [f"{UNKNOWN}_manifest.json"])
    for number in (0, objects - 1, objects + MORE - 1):
        filed = message(number).replace(TREE, ANAS)
        assert pipeline.read(filed) == b"%d" % number
        assert pipeline.tags(pipeline.processed, filed)["patient-status"] == "known"
    told = pipeline.events_of(message(0), count=2)
    assert [event["patient"].get("id") for event in told] == [None, "Ana_Ruiz_5"]
    (left,) = pipeline.events_of(message(0), "Object Retired")
    assert left["location"]["prefix"] == message(0).replace(TREE, UNKNOWN)
    entry = pipeline.catalog_entry(told[0]["source_id"])
    assert entry["patient_ref_key"] == {"S": "PATIENT#Ana_Ruiz_5"}
    older = pipeline.s3.list_object_versions(Bucket=pipeline.processed, Prefix=left["location"]["prefix"])
    assert len(older["Versions"]) == len(older["DeleteMarkers"]) == 1

    refused = identified(pipeline, session_id="whose", patient_id="Ben_Ito_6", **{"from": "Cyn_Day_7"})
    assert (refused["status"], refused["error"]) == ("FAILED", "RejectedAssignment")
    refused = identified(pipeline, key=message(0), patient_id="Ben_Ito_6")
    assert (refused["status"], refused["error"]) == ("FAILED", "AssignmentConflict")
    again = identified(pipeline, session_id="whose", patient_id="Ana_Ruiz_5")
    assert json.loads(again["output"])["nothing_to_move"] is True
