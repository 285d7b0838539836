"""The neighbours of which the functions use one call each: the event bus, the secret, the executions."""

# ruff: noqa: N803 - the parameters are named as boto3 names them

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.simulation.aws.errors import client_error
from tests.simulation.aws.gate import Gate

MAX_ENTRIES = 10  # EventBridge, PutEvents: entries a request
SECRET = "a secret key of the simulation"


class Events:
    """EventBridge: `accept` gets every entry that the bus took."""

    def __init__(self, gate: Gate, accept: Callable[[dict[str, Any]], None]) -> None:
        self._gate = gate
        self._accept = accept

    def put_events(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("events", "PutEvents", arguments, self._put)

    def _put(self, Entries: list[dict[str, Any]]) -> dict[str, Any]:
        if not 1 <= len(Entries) <= MAX_ENTRIES:
            raise client_error("PutEvents", "ValidationException", 400)
        for entry in Entries:
            self._accept(entry)
        return {"FailedEntryCount": 0, "Entries": [{} for _ in Entries]}


class Secrets:
    def __init__(self, gate: Gate) -> None:
        self._gate = gate

    def get_secret_value(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call(
            "secretsmanager", "GetSecretValue", arguments, lambda SecretId: {"SecretString": SECRET}
        )


class StepFunctions:
    """`describe` knows the executions by their ARN; `start` starts one of the pipeline, and says whether it could."""

    def __init__(
        self, gate: Gate, describe: Callable[[str], dict[str, Any]], start: Callable[[str, Any], bool]
    ) -> None:
        self._gate = gate
        self._describe = describe
        self._start = start

    def start_execution(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("states", "StartExecution", arguments, self._started)

    def _started(self, StateMachineArn: str, Name: str, Input: Any) -> dict[str, Any]:
        if not self._start(Name, Input):
            raise client_error("StartExecution", "ExecutionAlreadyExists", 400)
        return {"ExecutionArn": f"{StateMachineArn}:{Name}"}

    def send_message(self, **arguments: Any) -> dict[str, Any]:
        """Into the queue of promotions: the function that empties it starts them, at some time after."""
        return self._gate.call("sqs", "SendMessage", arguments, self._sent)

    def _sent(self, QueueUrl: str, MessageBody: dict[str, Any]) -> dict[str, Any]:
        self._start(MessageBody["name"], MessageBody["input"])
        return {"MessageId": MessageBody["name"]}

    def describe_execution(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call(
            "states",
            "DescribeExecution",
            arguments,
            lambda executionArn: self._describe(executionArn),
        )
