"""PromoteObjects: what waits in the queue is started once, and what can't be started now is tried again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lambdas import promote_objects
from lambdas.adapters.executions import Executions
from lambdas.intake.promoting import Promoting

MACHINE = "arn:aws:states:eu-west-1:111122223333:stateMachine:Carefile-dev-ObjectPipeline"


class Busy:
    """Step Functions: starts so many executions, of each name one, and refuses the rest."""

    class exceptions:  # noqa: N801 - as boto3 names it
        class ExecutionAlreadyExists(ClientError): ...

    def __init__(self, room: int) -> None:
        self.room, self.started = room, dict[str, Any]()

    def start_execution(self, stateMachineArn: str, name: str, input: str) -> None:  # noqa: N803
        assert stateMachineArn == MACHINE
        if name in self.started:
            raise self.exceptions.ExecutionAlreadyExists(
                {"Error": {"Code": "ExecutionAlreadyExists"}}, "StartExecution"
            )
        if len(self.started) >= self.room:
            raise ClientError({"Error": {"Code": "ThrottlingException"}}, "StartExecution")
        self.started[name] = json.loads(input)


def batch(*numbers: int) -> dict[str, Any]:
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "body": json.dumps({"name": f"promoted-{number}", "input": {"n": number}}),
            }
            for number in numbers
        ]
    }


def emptied(monkeypatch: pytest.MonkeyPatch, room: int) -> Busy:
    busy = Busy(room)
    monkeypatch.setattr(promote_objects, "promoting", Promoting(Executions(busy), MACHINE))  # type: ignore[arg-type]
    return busy


def test_what_waits_is_started_by_its_name_with_its_input(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = emptied(monkeypatch, 10)
    assert promote_objects.handler(batch(1, 2), None) == {"batchItemFailures": []}
    assert busy.started == {"promoted-1": {"n": 1}, "promoted-2": {"n": 2}}


def test_what_is_refused_is_tried_again_and_nothing_is_started_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    busy = emptied(monkeypatch, 2)
    assert promote_objects.handler(batch(1, 2, 3), None) == {"batchItemFailures": [{"itemIdentifier": "m3"}]}
    busy.room = 10
    assert promote_objects.handler(batch(3, 1), None) == {"batchItemFailures": []}
    assert list(busy.started) == ["promoted-1", "promoted-2", "promoted-3"]


def test_a_message_that_is_no_promotion_stays_and_keeps_no_other_waiting(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    busy = emptied(monkeypatch, 10)
    broken = {"messageId": "m0", "body": "Juan_Perez_123"}
    answer = promote_objects.handler({"Records": [broken, *batch(1)["Records"]]}, None)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m0"}]}
    assert list(busy.started) == ["promoted-1"]
    assert "Juan" not in capsys.readouterr().out
