"""What a function is told of executions is what Step Functions says of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from lambdas.adapters.executions import Execution, Executions, Listed

MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:object-pipeline"
ARN = "arn:aws:states:us-east-1:123456789012:execution:object-pipeline:e1"
NOON, LATER = datetime(2026, 11, 20, 12, 0, tzinfo=UTC), datetime(2026, 11, 20, 12, 1, tzinfo=UTC)
SEEN = {"executionArn": ARN, "stateMachineArn": MACHINE, "startDate": NOON}


@pytest.fixture
def step_functions() -> Iterator[Stubber]:
    with Stubber(boto3.client("stepfunctions")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def described(stubber: Stubber, **members: Any) -> Execution:
    stubber.add_response("describe_execution", SEEN | members, {"executionArn": ARN})
    return Executions(stubber.client).describe(ARN)


def test_a_failed_execution_says_what_it_was_given_what_failed_and_when(step_functions: Stubber) -> None:
    assert described(
        step_functions,
        status="FAILED",
        input=json.dumps({"key": "x"}),
        error="StorageDenied",
        cause="no",
        stopDate=LATER,
    ) == Execution("FAILED", {"key": "x"}, {}, "StorageDenied", "no", LATER)


def test_one_that_ended_well_says_what_it_put_out(step_functions: Stubber) -> None:
    told = described(
        step_functions, status="SUCCEEDED", input="{}", output='{"disposition": "cataloged"}', stopDate=LATER
    )
    assert told == Execution("SUCCEEDED", {}, {"disposition": "cataloged"}, None, None, LATER)


@pytest.mark.parametrize("output", ["[1]", '"x"', "null", "7"])
def test_an_output_that_is_no_object_says_nothing(step_functions: Stubber, output: str) -> None:
    assert described(step_functions, status="SUCCEEDED", output=output).output == {}


def test_one_that_still_runs_has_neither_output_nor_end(step_functions: Stubber) -> None:
    assert described(step_functions, status="RUNNING") == Execution("RUNNING", None, {}, None, None, None)


def test_the_newest_executions_of_a_status_are_listed_page_by_page_and_no_more_than_asked_for(
    step_functions: Stubber,
) -> None:
    def item(name: str, started: datetime) -> dict[str, Any]:
        return {
            "executionArn": f"{ARN}{name}",
            "stateMachineArn": MACHINE,
            "name": name,
            "status": "FAILED",
            "startDate": started,
        }

    asked = {"stateMachineArn": MACHINE, "statusFilter": "FAILED"}
    first = {"executions": [item("c", LATER)], "nextToken": "more"}
    step_functions.add_response("list_executions", first, asked)
    second = {"executions": [item("b", NOON), item("a", NOON)], "nextToken": "still more"}
    step_functions.add_response("list_executions", second, asked | {"nextToken": "more"})
    found = list(Executions(step_functions.client).listed(MACHINE, "FAILED", 2))
    assert found == [Listed(f"{ARN}c", LATER), Listed(f"{ARN}b", NOON)]
