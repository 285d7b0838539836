"""What roles may do with executions: start, list, describe and encrypt them, and run those of a Distributed Map."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_kms as kms

from infrastructure.protection.permissions import Conditions, Permission, Wide, allow

_CHILDREN = (
    "An execution's name is not known before it runs: the executions of this one machine, and no other's."
)


def start_executions(machine_arn: str) -> list[Permission]:
    return [allow("StartExecutions", ["states:StartExecution"], [machine_arn])]


def run_children(scope: Stack, machine_name: str, labels: Sequence[str]) -> list[Permission]:
    """Run and redrive the child executions of a machine's own Distributed Maps."""
    children = [
        _states(scope, resource, f"{machine_name}/{label}:*")
        for label in labels
        for resource in ("execution", "express")
    ]
    return [
        allow("StartChildren", ["states:StartExecution"], [_states(scope, "stateMachine", machine_name)]),
        allow(
            "RunChildren",
            ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
            children,
            wide=Wide(f"RunChildrenOf{machine_name.rpartition('-')[2]}", _CHILDREN),
        ),
    ]


def count_children(scope: Stack, machine_name: str, labels: Sequence[str]) -> list[Permission]:
    """Read the item counts of the machine's own Map Runs."""
    return [
        allow(
            "CountChildren",
            ["states:DescribeMapRun"],
            [_states(scope, "mapRun", f"{machine_name}/{label}:*") for label in labels],
            wide=Wide(f"CountChildrenOf{machine_name.rpartition('-')[2]}", _CHILDREN),
        )
    ]


def _states(scope: Stack, resource: str, name: str) -> str:
    return scope.format_arn(
        service="states", resource=resource, resource_name=name, arn_format=ArnFormat.COLON_RESOURCE_NAME
    )


def describe_executions(scope: Stack, machine_name: str, key: kms.IKey) -> list[Permission]:
    """Read the status, input, error and cause of the machine's executions."""
    executions = scope.format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine_name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        allow(
            "DescribeExecutions",
            ["states:DescribeExecution"],
            [executions],
            wide=Wide(
                f"DescribeExecutionsOf{machine_name.rpartition('-')[2]}",
                "Executions are named as they start: those of this one machine, to be described only.",
            ),
        ),
        allow("DecryptExecutions", ["kms:Decrypt"], [key.key_arn], _of_machine(scope, machine_name)),
    ]


def list_executions(machine_arn: str) -> list[Permission]:
    return [allow("ListExecutions", ["states:ListExecutions"], [machine_arn])]


def encrypt_executions(scope: Stack, machine_name: str, key: kms.IKey) -> list[Permission]:
    """Let the machine encrypt its definition, history and log with the key."""
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    log_deliveries = scope.format_arn(service="logs", resource="*")
    logged = {"StringLike": {"kms:EncryptionContext:SourceArn": log_deliveries}}
    return [
        allow("EncryptExecutions", actions, [key.key_arn], _of_machine(scope, machine_name)),
        allow("EncryptLoggedEvents", ["kms:GenerateDataKey"], [key.key_arn], logged),
    ]


def _of_machine(scope: Stack, machine_name: str) -> Conditions:
    machine = scope.format_arn(
        service="states",
        resource="stateMachine",
        resource_name=machine_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    # Child executions of a Distributed Map run under the machine's name followed by the map's label.
    return {"StringLike": {"kms:EncryptionContext:aws:states:stateMachineArn": [machine, f"{machine}/*"]}}


def deliver_logs() -> list[Permission]:
    """Let a state machine deliver its logs."""
    reason = (
        "Log deliveries are settings of the account and have no ARNs, so AWS takes no finer resource for these "
        "actions. Step Functions asks for them to send a machine's log to its log group."
    )
    actions = [
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
    ]
    return [allow("DeliverLogs", actions, ["*"], wide=Wide("DeliverLogs", reason))]
