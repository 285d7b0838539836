"""Express executions of the embedded AWS are as far out of reach as on AWS; a canary tells when it knows itself."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.embedded import EmbeddedAws, eventually
from tests.local import stubs

pytestmark = pytest.mark.timeout(120)


def handing_on(to: str) -> dict[str, Any]:
    """Hands its own id and input to an execution of another machine, under one name always."""
    return {
        "HandOn": {
            "Type": "Task",
            "Resource": "arn:aws:states:::states:startExecution",
            "Arguments": {
                "StateMachineArn": to,
                "Name": "handed-on",
                "Input": {"by": "{% $states.context.Execution.Id %}"},
            },
            "Catch": [
                {
                    "ErrorEquals": ["StepFunctions.ExecutionAlreadyExistsException"],
                    "Next": "Known",
                    "Output": {},
                }
            ],
            "End": True,
        },
        "Known": {"Type": "Succeed"},
    }


def test_an_express_execution_has_an_arn_of_its_own_kind_and_can_hand_on_what_it_was_given(
    bare_aws: EmbeddedAws,
) -> None:
    client = bare_aws.client("stepfunctions")
    standard = stubs.machine(bare_aws, {"End": {"Type": "Succeed"}})
    machine = stubs.machine(bare_aws, handing_on(standard), "EXPRESS")

    arn = client.start_execution(stateMachineArn=machine, name="e", input="{}")["executionArn"]

    assert arn.startswith(f"{machine.replace(':stateMachine:', ':express:')}:e:")
    handed = eventually(lambda: client.list_executions(stateMachineArn=standard)["executions"])
    (execution,) = handed
    assert json.loads(client.describe_execution(executionArn=execution["executionArn"])["input"]) == {
        "by": arn
    }


@pytest.mark.parametrize("ask", ["describe_execution", "get_execution_history", "stop_execution"])
def test_nothing_is_told_of_an_express_execution(bare_aws: EmbeddedAws, ask: str) -> None:
    client = bare_aws.client("stepfunctions")
    machine = stubs.machine(bare_aws, {"Linger": {"Type": "Wait", "Seconds": 20, "End": True}}, "EXPRESS")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    with pytest.raises(ClientError, match="InvalidArn"):
        getattr(client, ask)(executionArn=arn)
    with pytest.raises(ClientError, match="StateMachineTypeNotSupported"):
        client.list_executions(stateMachineArn=machine)


def test_a_name_that_was_taken_is_an_error_by_its_service(bare_aws: EmbeddedAws) -> None:
    """Two promotions of one name: the second one ends in the state that catches it, and starts nothing."""
    client = bare_aws.client("stepfunctions")
    target = stubs.machine(bare_aws, {"End": {"Type": "Succeed"}})
    machine = stubs.machine(bare_aws, handing_on(target))
    ends = [
        bare_aws.finished(client.start_execution(stateMachineArn=machine)["executionArn"]) for _ in range(2)
    ]
    assert [end["status"] for end in ends] == ["SUCCEEDED", "SUCCEEDED"]
    assert len(client.list_executions(stateMachineArn=target)["executions"]) == 1


def test_canary_without_the_mend_an_express_execution_is_listed_like_any_other(
    unmended_aws: EmbeddedAws,
) -> None:
    client = unmended_aws.client("stepfunctions")
    machine = stubs.machine(unmended_aws, {"End": {"Type": "Succeed"}}, "EXPRESS")
    arn = client.start_execution(stateMachineArn=machine)["executionArn"]
    time.sleep(0.5)
    assert ":execution:" in arn
    assert client.list_executions(stateMachineArn=machine)["executions"]
