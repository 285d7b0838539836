"""What a role may do, as statements: explicit actions on explicit ARNs, one function for one need.

No `grant_*` of the CDK is used for the functions: those allow more than is needed (`s3:GetObject*`,
`kms:ReEncrypt*`), and what a function may do should be readable in one place.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sqs as sqs

_Conditions = Mapping[str, Mapping[str, object]]


def read_objects(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    """Read any version of any object of the buckets, and be told 404 rather than 403 of one that is absent."""
    return [
        _allow("ReadObjects", ["s3:GetObject", "s3:GetObjectVersion"], _objects_of(buckets)),
        *tell_absent(*buckets),
        *_use_keys(
            [bucket.encryption_key for bucket in buckets], "DecryptObjects", ["kms:Decrypt"], via="s3"
        ),
    ]


def tell_absent(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    """Be told 404 rather than 403 of an object that is absent: S3 asks for the right to list."""
    return [_allow("TellAbsentFromForbidden", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets])]


def list_objects(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    return [_allow("ListObjects", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets])]


def read_object_tags(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    actions = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
    return [_allow("ReadTags", actions, _objects_of(buckets))]


def write_object_tags(*buckets: s3.IBucket) -> list[iam.PolicyStatement]:
    """Read and replace the tags of any version of any object of the buckets."""
    actions = [
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
    ]
    return [_allow("WriteTags", actions, _objects_of(buckets))]


def _objects_of(buckets: Sequence[s3.IBucket]) -> list[str]:
    return [bucket.arn_for_objects("*") for bucket in buckets]


def write_results(bucket: s3.IBucket, prefix: str) -> list[iam.PolicyStatement]:
    """What the ResultWriter of a Distributed Map needs."""
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    return [
        _allow("WriteResults", actions, [bucket.arn_for_objects(f"{prefix}*")]),
        *_use_key(bucket.encryption_key, "EncryptResults", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def write_layout(bucket: s3.IBucket, prefix: str) -> list[iam.PolicyStatement]:
    """Read, list, write and delete in the processed layout, and nowhere else. No version can be deleted."""
    actions = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ]
    return [
        _allow("WriteLayout", actions, [bucket.arn_for_objects(f"{prefix}*")]),
        _list_layout(bucket, prefix),
        *_use_key(bucket.encryption_key, "EncryptLayout", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def _list_layout(bucket: s3.IBucket, prefix: str) -> iam.PolicyStatement:
    # IfExists: reading an absent object asks for s3:ListBucket without a prefix, and without this S3 would
    # answer 403 instead of 404. A listing names its prefix, so it stays inside the layout.
    condition = {"StringLikeIfExists": {"s3:prefix": f"{prefix}*"}}
    return _allow("ListLayout", ["s3:ListBucket"], [bucket.bucket_arn], condition)


def update_items(table: dynamodb.ITable) -> list[iam.PolicyStatement]:
    """Read and change single items; never scan, never delete."""
    actions = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
    return [_allow("UpdateItems", actions, [table.table_arn]), *_use_table_key(table)]


def write_items(table: dynamodb.ITable) -> list[iam.PolicyStatement]:
    """Write single items without reading them."""
    actions = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    return [_allow("WriteItems", actions, [table.table_arn]), *_use_table_key(table)]


def replace_items(table: dynamodb.ITable) -> list[iam.PolicyStatement]:
    """Read, replace and delete single items; never scan."""
    actions = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
    return [_allow("ReplaceItems", actions, [table.table_arn]), *_use_table_key(table)]


def read_stream(table: dynamodb.Table) -> list[iam.PolicyStatement]:
    """Follow the changes of the table's items."""
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    stream = table.table_stream_arn
    assert stream is not None  # noqa: S101 - narrows the type: the table has one
    return [
        _allow("ReadStream", actions, [stream]),
        _allow("ListStreams", ["dynamodb:ListStreams"], [f"{table.table_arn}/stream/*"]),
    ]


def _use_table_key(table: dynamodb.ITable) -> list[iam.PolicyStatement]:
    return _use_key(table.encryption_key, "UseTableKey", ["kms:Decrypt", "kms:DescribeKey"], via="dynamodb")


def read_secret(secret: secretsmanager.ISecret) -> list[iam.PolicyStatement]:
    return [
        _allow("ReadSecret", ["secretsmanager:GetSecretValue"], [secret.secret_arn]),
        *_use_key(secret.encryption_key, "DecryptSecret", ["kms:Decrypt"], via="secretsmanager"),
    ]


def put_events(bus: events.IEventBus) -> list[iam.PolicyStatement]:
    return [_allow("PutEvents", ["events:PutEvents"], [bus.event_bus_arn])]


def send_messages(queue: sqs.IQueue) -> list[iam.PolicyStatement]:
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    return [
        _allow("SendMessages", ["sqs:SendMessage"], [queue.queue_arn]),
        *_use_key(queue.encryption_master_key, "EncryptMessages", actions, via="sqs"),
    ]


def invoke(functions: list[lambda_.IFunction]) -> list[iam.PolicyStatement]:
    arns = [function.function_arn for function in functions]
    return [_allow("InvokeFunctions", ["lambda:InvokeFunction"], arns)]


def start_executions(machine_arn: str) -> list[iam.PolicyStatement]:
    return [_allow("StartExecutions", ["states:StartExecution"], [machine_arn])]


def run_children(scope: Stack, machine_name: str, label: str) -> list[iam.PolicyStatement]:
    """What a machine needs to run the child executions of its own Distributed Map, and to go on with them."""

    def of(resource: str, name: str) -> str:
        return scope.format_arn(
            service="states",
            resource=resource,
            resource_name=name,
            arn_format=ArnFormat.COLON_RESOURCE_NAME,
        )

    machine, children = of("stateMachine", machine_name), of("execution", f"{machine_name}/{label}:*")
    return [
        _allow("StartChildren", ["states:StartExecution"], [machine]),
        _allow(
            "RunChildren",
            ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
            [children, of("express", f"{machine_name}/{label}:*")],
        ),
    ]


def describe_executions(scope: Stack, machine_name: str, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Read status, input, error and cause of the machine's executions."""
    executions = scope.format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine_name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        _allow("DescribeExecutions", ["states:DescribeExecution"], [executions]),
        _allow("DecryptExecutions", ["kms:Decrypt"], [key.key_arn], _of_machine(scope, machine_name)),
    ]


def encrypt_executions(scope: Stack, machine_name: str, key: kms.IKey) -> list[iam.PolicyStatement]:
    """What the machine itself needs to keep its definition and history under the key, and its log."""
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    log_deliveries = scope.format_arn(service="logs", resource="*")
    logged = {"StringLike": {"kms:EncryptionContext:SourceArn": log_deliveries}}
    return [
        _allow("EncryptExecutions", actions, [key.key_arn], _of_machine(scope, machine_name)),
        _allow("EncryptLoggedEvents", ["kms:GenerateDataKey"], [key.key_arn], logged),
    ]


def _of_machine(scope: Stack, machine_name: str) -> _Conditions:
    machine = scope.format_arn(
        service="states",
        resource="stateMachine",
        resource_name=machine_name,
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    # The executions of a Distributed Map are those of the machine with the map's label behind its name.
    return {"StringLike": {"kms:EncryptionContext:aws:states:stateMachineArn": [machine, f"{machine}/*"]}}


def write_logs(group: logs.ILogGroup) -> list[iam.PolicyStatement]:
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return [_allow("WriteLogs", actions, [group.log_group_arn])]


def deliver_logs() -> list[iam.PolicyStatement]:
    """What a state machine with logging needs; log deliveries have no ARNs."""
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
    return [_allow("DeliverLogs", actions, ["*"])]


def trace() -> list[iam.PolicyStatement]:
    """What active tracing needs; trace segments have no ARNs."""
    actions = [
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    ]
    return [_allow("Trace", actions, ["*"])]


def _use_key(key: kms.IKey | None, sid: str, actions: list[str], *, via: str) -> list[iam.PolicyStatement]:
    return _use_keys([key], sid, actions, via=via)


def _use_keys(
    keys: Sequence[kms.IKey | None], sid: str, actions: list[str], *, via: str
) -> list[iam.PolicyStatement]:
    """The keys, through one service only; nothing where that service's own keys are used."""
    arns = [key.key_arn for key in keys if key]
    condition = {"StringEquals": {"kms:ViaService": f"{via}.{Aws.REGION}.amazonaws.com"}}
    return [_allow(sid, actions, arns, condition)] if arns else []


def _allow(
    sid: str, actions: list[str], resources: list[str], conditions: _Conditions | None = None
) -> iam.PolicyStatement:
    return iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)
