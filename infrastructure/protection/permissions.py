"""Permissions of roles as statements: explicit actions on explicit ARNs, one function per need.

The CDK's `grant_*` methods are not used for functions: they allow more than needed (`s3:GetObject*`, `kms:ReEncrypt*`)
and scatter what a function may do. A statement with a wildcard resource states why AWS allows nothing finer.

Buckets are in `bucket_permissions.py`, executions in `execution_permissions.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aws_cdk import Aws
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs

Conditions = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Wide:
    """Why a statement has a wildcard resource, and the name of the managed policy that roles share.

    `also` lists rules of other tools that report the wildcard.
    """

    name: str
    reason: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """One statement of a role."""

    statement: iam.PolicyStatement
    wide: Wide | None = None


_STREAMS = (
    "A stream has a label that only DynamoDB knows; listing takes nothing finer than the table's streams."
)


def allow(
    sid: str,
    actions: list[str],
    resources: list[str],
    conditions: Conditions | None = None,
    *,
    wide: Wide | None = None,
) -> Permission:
    statement = iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)
    return Permission(statement, wide)


def use_key(key: kms.IKey | None, sid: str, actions: list[str], *, via: str) -> list[Permission]:
    return use_keys([key], sid, actions, via=via)


def use_keys(keys: Sequence[kms.IKey | None], sid: str, actions: list[str], *, via: str) -> list[Permission]:
    """Use keys through one service only; no statement where the service's own keys are used."""
    arns = [key.key_arn for key in keys if key]
    condition = {"StringEquals": {"kms:ViaService": f"{via}.{Aws.REGION}.amazonaws.com"}}
    return [allow(sid, actions, arns, condition)] if arns else []


def update_items(table: dynamodb.ITable) -> list[Permission]:
    """Read and update single items; no scan, no delete."""
    actions = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
    return [allow("UpdateItems", actions, [table.table_arn]), *_use_table_key(table)]


def append_items(table: dynamodb.ITable) -> list[Permission]:
    """Read, add and update single items, as a chain of records needs it; no scan, no delete."""
    actions = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"]
    return [allow("AppendItems", actions, [table.table_arn])]


def read_items(table: dynamodb.ITable) -> list[Permission]:
    """Read single items whose keys are known; no query, no scan."""
    return [allow("ReadItems", ["dynamodb:BatchGetItem"], [table.table_arn]), *_use_table_key(table)]


def read_decisions(table: dynamodb.ITable) -> list[Permission]:
    """Read the ledger's items, which hold decisions; no update."""
    return [allow("ReadDecisions", ["dynamodb:BatchGetItem"], [table.table_arn])]


def query_items(table: dynamodb.ITable) -> list[Permission]:
    """Query the table itself, not its indexes; no scan."""
    return [allow("QueryItems", ["dynamodb:Query"], [table.table_arn])]


def decide_merges(table: dynamodb.ITable) -> list[Permission]:
    """Record a decision about two patients in one transaction."""
    actions = ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem", "dynamodb:PutItem"]
    return [allow("DecideMerges", actions, [table.table_arn]), *_use_table_key(table)]


def maintain_directory(table: dynamodb.ITable) -> list[Permission]:
    """Read single patients and write them with what finds them; no query, no scan."""
    actions = ["dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"]
    return [allow("MaintainDirectory", actions, [table.table_arn]), *_use_table_key(table)]


def count_items(table: dynamodb.ITable) -> list[Permission]:
    """Ask DynamoDB how many items it counted last."""
    return [allow("CountItems", ["dynamodb:DescribeTable"], [table.table_arn])]


def write_items(table: dynamodb.ITable) -> list[Permission]:
    """Write single items; no read."""
    actions = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    return [allow("WriteItems", actions, [table.table_arn]), *_use_table_key(table)]


def query_index(table: dynamodb.ITable, index: str) -> list[Permission]:
    """Query one index of the table."""
    return [allow("QueryIndex", ["dynamodb:Query"], [f"{table.table_arn}/index/{index}"])]


def replace_items(table: dynamodb.ITable) -> list[Permission]:
    """Read, replace and delete items by their keys; no scan."""
    actions = ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
    return [allow("ReplaceItems", actions, [table.table_arn]), *_use_table_key(table)]


def read_stream(table: dynamodb.Table) -> list[Permission]:
    """Read the table's change stream."""
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    stream = table.table_stream_arn
    assert stream is not None  # noqa: S101 - narrows the type
    return [
        allow("ReadStream", actions, [stream]),
        allow(
            "ListStreams",
            ["dynamodb:ListStreams"],
            [f"{table.table_arn}/stream/*"],
            wide=Wide("ListStreams", _STREAMS),
        ),
    ]


def _use_table_key(table: dynamodb.ITable) -> list[Permission]:
    return use_key(table.encryption_key, "UseTableKey", ["kms:Decrypt", "kms:DescribeKey"], via="dynamodb")


def read_secret(secret: secretsmanager.ISecret) -> list[Permission]:
    return [
        allow("ReadSecret", ["secretsmanager:GetSecretValue"], [secret.secret_arn]),
        *use_key(secret.encryption_key, "DecryptSecret", ["kms:Decrypt"], via="secretsmanager"),
    ]


def put_events(bus: events.IEventBus) -> list[Permission]:
    return [allow("PutEvents", ["events:PutEvents"], [bus.event_bus_arn])]


def send_messages(queue: sqs.IQueue) -> list[Permission]:
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    return [
        allow("SendMessages", ["sqs:SendMessage"], [queue.queue_arn]),
        *use_key(queue.encryption_master_key, "EncryptMessages", actions, via="sqs"),
    ]


def receive_messages(queue: sqs.IQueue) -> list[Permission]:
    """Let Lambda take the messages of a queue for a function."""
    actions = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    return [
        allow("ReceiveMessages", actions, [queue.queue_arn]),
        *use_key(queue.encryption_master_key, "DecryptMessages", ["kms:Decrypt"], via="sqs"),
    ]


def invoke(functions: list[lambda_.IFunction]) -> list[Permission]:
    arns = [function.function_arn for function in functions]
    return [allow("InvokeFunctions", ["lambda:InvokeFunction"], arns)]


def decrypt_environment(key: kms.IKey) -> list[Permission]:
    """Let Lambda decrypt a function's environment variables."""
    return use_key(key, "DecryptEnvironment", ["kms:Decrypt"], via="lambda")


def attach_to_network() -> list[Permission]:
    """Let Lambda attach a function to the VPC."""
    reason = (
        "Network interfaces have no ARNs before they are there, and describing them takes no resource, so Lambda asks "
        "for these actions on all of them. The functions' own network has no way to the internet."
    )
    actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    return [
        allow(
            "AttachToNetwork",
            actions,
            ["*"],
            wide=Wide("AttachToNetwork", reason, also=("CKV_AWS_111",)),
        )
    ]


def write_logs(group: logs.ILogGroup) -> list[Permission]:
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return [allow("WriteLogs", actions, [group.log_group_arn])]


def deliver_flow_logs(group: logs.ILogGroup) -> list[Permission]:
    """What the VPC user guide asks for in a flow log's role, on this log group where AWS takes one."""
    reason = "Listing log groups takes no finer resource. The role belongs to the flow log and reads no log's content."
    actions = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    return [
        allow("DeliverFlowLogs", actions, [group.log_group_arn]),
        allow("FindLogGroup", ["logs:DescribeLogGroups"], ["*"], wide=Wide("FindLogGroup", reason)),
    ]


def trace() -> list[Permission]:
    """Send traces to X-Ray."""
    reason = (
        "Trace segments and sampling rules have no ARNs, so AWS takes no finer resource for these actions. They write "
        "and configure traces, which hold no data of a patient, and read none."
    )
    actions = [
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]
    return [allow("Trace", actions, ["*"], wide=Wide("Trace", reason))]
