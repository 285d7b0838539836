"""Events that reached nobody: seen, sent again, and never lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.again.dead_letters import Queue, letter_of
from tests.embedded import EmbeddedAws, eventually
from tests.operator.conftest import Carefile

Json = dict[str, Any]
MakeFile = Callable[..., Path]
QUEUES = {Queue.INTAKES: "Intakes", Queue.CATALOG_EVENTS: "CatalogEvents", Queue.FAILURES: "Failures"}


class DeadLetterQueues:
    def __init__(self, aws: EmbeddedAws) -> None:
        self.aws, self.sqs = aws, aws.client("sqs")
        found = aws.client("cloudformation").list_stack_resources(StackName="Carefile-local")
        queues = [
            item for item in found["StackResourceSummaries"] if item["ResourceType"] == "AWS::SQS::Queue"
        ]
        self.urls = {
            queue: next(
                item["PhysicalResourceId"]
                for item in queues
                if item["LogicalResourceId"].startswith(f"DeadLetters{name}")
            )
            for queue, name in QUEUES.items()
        }

    def put(self, queue: Queue, body: object, **attributes: str) -> None:
        self.sqs.send_message(
            QueueUrl=self.urls[queue],
            MessageBody=body if isinstance(body, str) else json.dumps(body),
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )

    def event(self, key: str, event_id: str) -> Json:
        """What EventBridge could not deliver."""
        bucket = self.aws.outputs["LandingBucketName"]
        detail = {"bucket": {"name": bucket}, "object": {"key": key}}
        return {"id": event_id, "source": "aws.s3", "detail-type": "Object Created", "detail": detail}


@pytest.fixture
def queues(deployed_aws: EmbeddedAws) -> Iterator[DeadLetterQueues]:
    queues = DeadLetterQueues(deployed_aws)
    yield queues
    for url in queues.urls.values():
        queues.sqs.purge_queue(QueueUrl=url)


def test_an_event_that_became_no_execution_becomes_one(
    carefile: Carefile, file: MakeFile, queues: DeadLetterQueues
) -> None:
    carefile("put", file("a.txt"), "--patient", "Dlq_1", "--wait")
    queues.put(Queue.INTAKES, queues.event("documents/Dlq_1/a.txt", "e-1"), ERROR_CODE="NO_PERMISSIONS")
    (row,) = carefile("dlq", "resubmit", "--yes", "--json").rows
    name = row["done"].removeprefix("execution ")
    arn = queues.aws.outputs["PipelineStateMachineArn"].replace(":stateMachine:", ":execution:") + f":{name}"
    assert queues.aws.finished(arn)["status"] == "SUCCEEDED"
    assert carefile("dlq").code == 0


def test_an_event_sent_twice_starts_one_execution(carefile: Carefile, queues: DeadLetterQueues) -> None:
    for _ in range(2):
        queues.put(Queue.INTAKES, queues.event("documents/Dlq_1/a.txt", "e-2"))
    done = {row["done"] for row in carefile("dlq", "resubmit", "--yes", "--json").rows}
    assert len(done) == 1


def test_what_a_function_failed_on_is_given_to_it_again(
    carefile: Carefile, file: MakeFile, queues: DeadLetterQueues
) -> None:
    carefile("put", file("b.txt"), "--patient", "Dlq_2", "--wait")
    key = "documents/Dlq_2/b.txt"
    (entry,) = carefile("catalog", key, "--json").rows
    story = carefile("show", entry["execution"], "--json").thing
    history = queues.aws.history(story["execution"])
    normalised = next(
        json.loads(event["stateExitedEventDetails"]["output"])
        for event in history
        if event.get("stateExitedEventDetails", {}).get("name") == "NormaliseDocument"
    )
    (announced,) = normalised["events"]
    event = {
        "source": "carefile.catalog",
        "detail-type": announced["detail_type"],
        "detail": announced["detail"],
    }
    table = queues.aws.outputs["CatalogTableName"]
    queues.aws.client("dynamodb").delete_item(TableName=table, Key={"source_id": {"S": entry["source_id"]}})
    queues.put(
        Queue.CATALOG_EVENTS,
        {
            "version": "1.0",
            "requestContext": {"condition": "RetriesExhausted"},
            "requestPayload": event,
            "responsePayload": {"errorType": "StorageThrottled", "errorMessage": "busy"},
        },
    )
    (row,) = carefile("dlq", "--json").rows
    assert (row["about"], row["error"], row["reason"]) == (key, "StorageThrottled", "busy")
    assert carefile("dlq", "resubmit", "--yes").code == 0
    assert carefile("catalog", key, "--json").rows == [entry]


def test_what_is_not_taken_is_kept(carefile: Carefile, queues: DeadLetterQueues) -> None:
    queues.put(Queue.CATALOG_EVENTS, {"detail-type": "Object Cataloged", "detail": {}})
    queues.put(Queue.FAILURES, "no event at all")
    ran = carefile("dlq", "resubmit", "--yes")
    assert ran.code == 1
    assert "2 kept" in ran.err
    assert len(carefile("dlq", "--json").rows) == 2


def test_looking_changes_nothing(carefile: Carefile, queues: DeadLetterQueues) -> None:
    queues.put(Queue.INTAKES, queues.event("documents/Dlq_1/a.txt", "e-3"), ERROR_CODE="NO_PERMISSIONS")
    for words in (("dlq",), ("dlq", "show"), ("dlq", "resubmit")):
        assert "NO_PERMISSIONS" in carefile(*words).out
    eventually(lambda: len(carefile("dlq", "--json").rows) == 1)


def test_many_letters_are_all_sent(carefile: Carefile, queues: DeadLetterQueues) -> None:
    for number in range(25):
        queues.put(Queue.INTAKES, queues.event("documents/Dlq_1/a.txt", f"many-{number}"))
    assert len(carefile("dlq", "resubmit", "--yes", "--json").rows) == 25
    assert carefile("dlq", "--json").rows == []


@pytest.mark.parametrize(
    "body", ["", "[]", '"text"', '{"a": 1}', '{"requestPayload": 1, "requestContext": {}}']
)
def test_a_message_of_somebody_else_holds_no_event(body: str) -> None:
    letter = letter_of(Queue.INTAKES, {"MessageId": "1", "ReceiptHandle": "r", "Body": body})
    assert (letter.event, letter.about) == (None, None)
