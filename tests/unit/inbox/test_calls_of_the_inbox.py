"""What the inbox calls: exactly what its policy allows.

tests/template/test_deciding.py holds the policy against the same list."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from io import BytesIO
from threading import Lock
from types import SimpleNamespace
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from lambdas import assign_patient
from tests.embedded import eventually
from tests.unit.inbox.tour import CALLS, COPY, FREE, LETTER, MESSAGE, SESSION_KEY, TEXT, Calls, Tour
from tests.unit.test_decisions import operator, recorded
from tests.unit.test_index_sessions import Stream, index
from tests.unit.world import LANDING, World

__all__ = ["operator", "recorded"]
STARTED = datetime(2026, 11, 20, 13, tzinfo=UTC)


class Machines:
    """Answers for services that are not here: the function runs in this process, and a reassignment of one upload is an
    intake of it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.inputs: dict[str, Any] = {}
        self.lock = Lock()  # moto's transactions are not safe from other threads

    def answers(self) -> dict[str, Callable[[dict[str, Any]], dict[str, Any]]]:
        return {
            "cloudformation.ListStackResources": lambda _: {"StackResourceSummaries": self.resources()},
            "lambda.GetFunctionConfiguration": lambda _: {"Environment": {"Variables": {}}},
            "lambda.Invoke": self.invoke,
            "sfn.ListExecutions": self.listed,
            "sfn.DescribeExecution": self.described,
            "sfn.StartExecution": self.start,
        }

    def resources(self) -> list[dict[str, str]]:
        names = ("ClassifyObject", "AssignPatient")
        return [
            {"ResourceType": "AWS::Lambda::Function", "LogicalResourceId": name, "PhysicalResourceId": name}
            for name in names
        ]

    def invoke(self, asked: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            answer = assign_patient.handler(json.loads(asked["body"]), None)
        return {"Payload": BytesIO(json.dumps(answer).encode())}

    def listed(self, asked: dict[str, Any]) -> dict[str, Any]:
        failed = "object-pipeline" in str(asked["body"]) and "FAILED" in str(asked["body"])
        arn = "arn:aws:states:us-east-1:123456789012:execution:object-pipeline:failed"
        item = {
            "executionArn": arn,
            "name": "failed",
            "status": "FAILED",
            "startDate": STARTED,
            "stopDate": STARTED,
        }
        return {"executions": [item] if failed else []}

    def described(self, asked: dict[str, Any]) -> dict[str, Any]:
        arn = json.loads(asked["body"])["executionArn"]
        if arn in self.inputs:
            return {"status": "SUCCEEDED", "input": json.dumps(self.inputs[arn]), "output": "{}"}
        return {
            "executionArn": arn,
            "name": "failed",
            "status": "FAILED",
            "startDate": STARTED,
            "stopDate": STARTED,
            "error": "RejectedObject",
            "cause": "{}",
            "input": json.dumps({"bucket": LANDING, "key": "policy_empty.txt"}),
        }

    def start(self, asked: dict[str, Any]) -> dict[str, Any]:
        request = json.loads(json.loads(asked["body"])["input"])
        arn = f"arn:aws:states:us-east-1:123456789012:execution:reassign-patient:{len(self.inputs)}"
        self.inputs[arn] = request
        with self.lock:
            assign_patient.handler({"input": request, "started": STARTED.isoformat()}, None)
        return {"executionArn": arn, "startDate": STARTED}


@pytest.fixture
def connection(recorded: World, operator: Connection) -> Connection:
    recorded.dynamodb.create_table(
        TableName="claims",
        KeySchema=[{"AttributeName": "place", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "place", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    operator._outputs = {**operator._outputs, "ClaimsTableName": "claims"}
    del operator.patients_are_listed  # asked for like any other setting
    return operator


def test_the_inbox_calls_what_its_policy_allows_and_nothing_else(
    recorded: World, connection: Connection
) -> None:
    stream = Stream(recorded)
    for number, (key, body) in enumerate(((LETTER, TEXT), (COPY, TEXT), (SESSION_KEY, MESSAGE))):
        recorded.file(key, body, name=f"e{number}")
    index(stream.records())
    calls, machines = Calls(connection, set()), Machines(recorded)
    for name, answer in machines.answers().items():
        connection.session.events.register(f"before-call.{name}", _short(answer))
    Tour(connection, partial(eventually, seconds=20)).go()
    assert calls.made == CALLS | FREE


def _short(answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Callable[..., Any]:
    def handler(params: dict[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        return SimpleNamespace(status_code=200), answer(params)

    return handler
