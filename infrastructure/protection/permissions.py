"""What a role may do, as statements: explicit actions on explicit ARNs, one function for one need.

No `grant_*` of the CDK is used for the functions: those allow more than is needed (`s3:GetObject*`,
`kms:ReEncrypt*`), and what a function may do should be readable in one place.

A statement whose resource has a wildcard says here why AWS lets it be no finer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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
from constructs import Construct

_Conditions = Mapping[str, Mapping[str, object]]


@dataclass(frozen=True)
class Wide:
    """Why a statement's resource has a wildcard, and the name of the one policy in which roles share it. `also`: rules
    that find the wildcard beside cdk-nag's."""

    name: str
    reason: str
    also: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """One statement of a role."""

    statement: iam.PolicyStatement
    wide: Wide | None = None


_EVERY_OBJECT = (
    "An upload may have any key, so a role that takes uploads in names the bucket's objects as a whole: "
    "this one bucket, these actions, nothing to write."
)
_MARK_ANY = (
    "An upload may have any key, so a role that marks uploads names the bucket's objects as a whole: "
    "their tags only, in this one bucket."
)
_LOOK_AT_ANY_MARK = (
    "An upload may have any key, so a role that reads uploads' tags names the bucket's objects as a whole: "
    "their tags only, in this one bucket, and nothing to write."
)
_LAYOUT = (
    "The folder of a document follows from its patient and its name, which no policy can know: everything under "
    "the layout's prefix in this one bucket, nothing outside of it, and no version can be deleted."
)
_RESULTS = (
    "A Map Run writes its results under its own id, which is not known before it runs: everything under one prefix of "
    "this one bucket."
)
_INVENTORIES = (
    "S3 writes an inventory below folders of its own, with the bucket's name, a configuration's and the day's: reading "
    "only, in this one bucket that the stage names for it."
)
_STREAMS = (
    "A stream has a label that only DynamoDB knows; listing takes nothing finer than the table's streams."
)
_CHILDREN = (
    "An execution's name is not known before it runs: the executions of this one machine, and no other's."
)
_COPY = "S3 copies every object of the bucket, whatever its key, so its role names the bucket's objects as a whole."


def read_objects(*buckets: s3.IBucket) -> list[Permission]:
    """Read any version of any object of the buckets, and be told 404 rather than 403 of one that is absent."""
    return [
        *(
            _allow(
                "ReadObjects",
                ["s3:GetObject", "s3:GetObjectVersion"],
                [bucket.arn_for_objects("*")],
                wide=_of(bucket, "Read", _EVERY_OBJECT),
            )
            for bucket in buckets
        ),
        *tell_absent(*buckets),
        *_use_keys(
            [bucket.encryption_key for bucket in buckets], "DecryptObjects", ["kms:Decrypt"], via="s3"
        ),
    ]


def tell_absent(*buckets: s3.IBucket) -> list[Permission]:
    """Be told 404 rather than 403 of an object that is absent: S3 asks for the right to list."""
    return [_allow("TellAbsentFromForbidden", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets])]


def list_objects(*buckets: s3.IBucket) -> list[Permission]:
    return [_allow("ListObjects", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets])]


def read_inventories(*buckets: s3.IBucket) -> list[Permission]:
    """Read the inventories of other buckets that S3 writes into these."""
    return [
        *(
            _allow(
                "ReadInventories",
                ["s3:GetObject"],
                [bucket.arn_for_objects("*")],
                wide=_of(bucket, "ReadInventoriesOf", _INVENTORIES),
            )
            for bucket in buckets
        ),
        *_use_keys(
            [bucket.encryption_key for bucket in buckets], "DecryptInventories", ["kms:Decrypt"], via="s3"
        ),
    ]


def read_object_tags(*buckets: s3.IBucket) -> list[Permission]:
    actions = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
    return [
        _allow(
            "ReadTags",
            actions,
            [bucket.arn_for_objects("*")],
            wide=_of(bucket, "ReadTagsOf", _LOOK_AT_ANY_MARK),
        )
        for bucket in buckets
    ]


def write_object_tags(*buckets: s3.IBucket) -> list[Permission]:
    """Read and replace the tags of any version of any object of the buckets."""
    actions = [
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
    ]
    return [
        _allow(
            "WriteTags", actions, [bucket.arn_for_objects("*")], wide=_of(bucket, "WriteTagsOf", _MARK_ANY)
        )
        for bucket in buckets
    ]


def scan_uploads(scope: Construct, bucket: s3.IBucket, validation_object: str) -> list[Permission]:
    """What AWS documents as the needs of GuardDuty Malware Protection for S3: hear of uploads by a rule of its own,
    read and tag them, and write one object to see whether it may."""
    rules = Stack.of(scope).format_arn(
        service="events",
        resource="rule",
        resource_name="DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*",
    )
    own_rule = Wide(
        "ManagedRuleOfMalwareProtection",
        "GuardDuty names its rule itself: the rules that begin with its name, and to write only as long as they are "
        "its own (events:ManagedBy).",
    )
    managed = {"StringLike": {"events:ManagedBy": "malware-protection-plan.guardduty.amazonaws.com"}}
    change = ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]
    look = ["events:DescribeRule", "events:ListTargetsByRule"]
    notify = ["s3:GetBucketNotification", "s3:PutBucketNotification"]
    return [
        *read_objects(bucket),
        *write_object_tags(bucket),
        _allow("ChangeManagedRule", change, [rules], managed, wide=own_rule),
        _allow(
            "SeeManagedRule",
            look,
            [rules],
            wide=Wide("SeeManagedRuleOfMalwareProtection", own_rule.reason),
        ),
        _allow("HearOfUploads", notify, [bucket.bucket_arn]),
        _allow("WriteValidationObject", ["s3:PutObject"], [bucket.arn_for_objects(validation_object)]),
        *_use_key(
            bucket.encryption_key, "EncryptValidationObject", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"
        ),
    ]


def write_results(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """What the ResultWriter of a Distributed Map needs."""
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    return [
        _allow(
            "WriteResults",
            actions,
            [bucket.arn_for_objects(f"{prefix}*")],
            wide=Wide(f"WriteResultsOf{prefix.strip('/').title()}", _RESULTS),
        ),
        *_use_key(bucket.encryption_key, "EncryptResults", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def write_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Read, list, write and delete in the processed layout, and nowhere else. No version can be deleted."""
    actions = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ]
    return [
        _allow(
            "WriteLayout", actions, [bucket.arn_for_objects(f"{prefix}*")], wide=Wide("WriteLayout", _LAYOUT)
        ),
        _list_layout(bucket, prefix),
        *_use_key(bucket.encryption_key, "EncryptLayout", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def adopt_in_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Look at what stands in the layout, write tags and manifests there. Nothing can be deleted."""
    actions = [
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
    ]
    objects = [bucket.arn_for_objects(f"{prefix}*")]
    return [
        _allow("AdoptInLayout", actions, objects, wide=Wide("AdoptInLayout", _LAYOUT)),
        _list_layout(bucket, prefix),
        *_use_key(bucket.encryption_key, "EncryptLayout", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def list_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    return [_list_layout(bucket, prefix)]


def _list_layout(bucket: s3.IBucket, prefix: str) -> Permission:
    # IfExists: reading an absent object asks for s3:ListBucket without a prefix, and without this S3 would
    # answer 403 instead of 404. A listing names its prefix, so it stays inside the layout.
    condition = {"StringLikeIfExists": {"s3:prefix": f"{prefix}*"}}
    return _allow("ListLayout", ["s3:ListBucket"], [bucket.bucket_arn], condition)


def update_items(table: dynamodb.ITable) -> list[Permission]:
    """Read and change single items; never scan, never delete."""
    actions = ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:UpdateItem"]
    return [_allow("UpdateItems", actions, [table.table_arn]), *_use_table_key(table)]


def list_versions(*buckets: s3.IBucket) -> list[Permission]:
    return [_allow("ListVersions", ["s3:ListBucketVersions"], [bucket.bucket_arn for bucket in buckets])]


def read_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Read and list the processed layout, and nowhere else."""
    return [
        _allow(
            "ReadLayout",
            ["s3:GetObject"],
            [bucket.arn_for_objects(f"{prefix}*")],
            wide=Wide("ReadLayout", _LAYOUT),
        ),
        _list_layout(bucket, prefix),
        *_use_key(bucket.encryption_key, "DecryptLayout", ["kms:Decrypt"], via="s3"),
    ]


def write_items(table: dynamodb.ITable) -> list[Permission]:
    """Write single items without reading them."""
    actions = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
    return [_allow("WriteItems", actions, [table.table_arn]), *_use_table_key(table)]


def replace_items(table: dynamodb.ITable) -> list[Permission]:
    """Read, replace and delete single items; never scan."""
    actions = ["dynamodb:DeleteItem", "dynamodb:GetItem", "dynamodb:PutItem"]
    return [_allow("ReplaceItems", actions, [table.table_arn]), *_use_table_key(table)]


def read_stream(table: dynamodb.Table) -> list[Permission]:
    """Follow the changes of the table's items."""
    actions = ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"]
    stream = table.table_stream_arn
    assert stream is not None  # noqa: S101 - narrows the type: the table has one
    return [
        _allow("ReadStream", actions, [stream]),
        _allow(
            "ListStreams",
            ["dynamodb:ListStreams"],
            [f"{table.table_arn}/stream/*"],
            wide=Wide("ListStreams", _STREAMS),
        ),
    ]


def _use_table_key(table: dynamodb.ITable) -> list[Permission]:
    return _use_key(table.encryption_key, "UseTableKey", ["kms:Decrypt", "kms:DescribeKey"], via="dynamodb")


def read_secret(secret: secretsmanager.ISecret) -> list[Permission]:
    return [
        _allow("ReadSecret", ["secretsmanager:GetSecretValue"], [secret.secret_arn]),
        *_use_key(secret.encryption_key, "DecryptSecret", ["kms:Decrypt"], via="secretsmanager"),
    ]


def put_events(bus: events.IEventBus) -> list[Permission]:
    return [_allow("PutEvents", ["events:PutEvents"], [bus.event_bus_arn])]


def send_messages(queue: sqs.IQueue) -> list[Permission]:
    actions = ["kms:Decrypt", "kms:GenerateDataKey"]
    return [
        _allow("SendMessages", ["sqs:SendMessage"], [queue.queue_arn]),
        *_use_key(queue.encryption_master_key, "EncryptMessages", actions, via="sqs"),
    ]


def invoke(functions: list[lambda_.IFunction]) -> list[Permission]:
    arns = [function.function_arn for function in functions]
    return [_allow("InvokeFunctions", ["lambda:InvokeFunction"], arns)]


def start_executions(machine_arn: str) -> list[Permission]:
    return [_allow("StartExecutions", ["states:StartExecution"], [machine_arn])]


def run_children(scope: Stack, machine_name: str, labels: Sequence[str]) -> list[Permission]:
    """What a machine needs to run the child executions of its own Distributed Maps, and to go on with them."""
    children = [
        _states(scope, resource, f"{machine_name}/{label}:*")
        for label in labels
        for resource in ("execution", "express")
    ]
    return [
        _allow("StartChildren", ["states:StartExecution"], [_states(scope, "stateMachine", machine_name)]),
        _allow(
            "RunChildren",
            ["states:DescribeExecution", "states:RedriveExecution", "states:StopExecution"],
            children,
            wide=Wide(f"RunChildrenOf{machine_name.rpartition('-')[2]}", _CHILDREN),
        ),
    ]


def count_children(scope: Stack, machine_name: str, labels: Sequence[str]) -> list[Permission]:
    """Ask the machine's own Map Runs how many items they had."""
    return [
        _allow(
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
    """Read status, input, error and cause of the machine's executions."""
    executions = scope.format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine_name}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
    return [
        _allow(
            "DescribeExecutions",
            ["states:DescribeExecution"],
            [executions],
            wide=Wide(
                f"DescribeExecutionsOf{machine_name.rpartition('-')[2]}",
                "Executions are named as they start: those of this one machine, to be described only.",
            ),
        ),
        _allow("DecryptExecutions", ["kms:Decrypt"], [key.key_arn], _of_machine(scope, machine_name)),
    ]


def list_executions(machine_arn: str) -> list[Permission]:
    return [_allow("ListExecutions", ["states:ListExecutions"], [machine_arn])]


def encrypt_executions(scope: Stack, machine_name: str, key: kms.IKey) -> list[Permission]:
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


def decrypt_environment(key: kms.IKey) -> list[Permission]:
    """What Lambda needs to hand a function its environment, which is under the key."""
    return _use_key(key, "DecryptEnvironment", ["kms:Decrypt"], via="lambda")


def attach_to_network() -> list[Permission]:
    """What Lambda needs to give a function a network interface."""
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
        _allow(
            "AttachToNetwork",
            actions,
            ["*"],
            wide=Wide("AttachToNetwork", reason, also=("CKV_AWS_111",)),
        )
    ]


def replicate_from(bucket: s3.IBucket) -> list[Permission]:
    """Read every version, with its tags, of a bucket to be replicated."""
    versions = [
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionTagging",
    ]
    return [
        _allow(
            f"Read{bucket.node.id}",
            versions,
            [bucket.arn_for_objects("*")],
            wide=_of(bucket, "Replicate", _COPY),
        ),
        _allow(
            f"Know{bucket.node.id}",
            ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            [bucket.bucket_arn],
        ),
        *_use_key(bucket.encryption_key, f"Decrypt{bucket.node.id}", ["kms:Decrypt"], via="s3"),
    ]


def replicate_to(bucket_arns: list[str], key_arn: str) -> list[Permission]:
    """Write copies, deletions and tags into buckets of another region, under the key there."""
    actions = ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"]
    objects = [f"{arn}/*" for arn in bucket_arns]
    elsewhere = {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}
    return [
        _allow("WriteCopies", actions, objects, wide=Wide("WriteCopies", _COPY)),
        _allow("EncryptCopies", ["kms:Encrypt"], [key_arn], elsewhere),
    ]


def write_logs(group: logs.ILogGroup) -> list[Permission]:
    actions = ["logs:CreateLogStream", "logs:PutLogEvents"]
    return [_allow("WriteLogs", actions, [group.log_group_arn])]


def deliver_logs() -> list[Permission]:
    """What a state machine with logging needs."""
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
    return [_allow("DeliverLogs", actions, ["*"], wide=Wide("DeliverLogs", reason))]


def trace() -> list[Permission]:
    """What active tracing needs."""
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
    return [_allow("Trace", actions, ["*"], wide=Wide("Trace", reason))]


def _use_key(key: kms.IKey | None, sid: str, actions: list[str], *, via: str) -> list[Permission]:
    return _use_keys([key], sid, actions, via=via)


def _use_keys(keys: Sequence[kms.IKey | None], sid: str, actions: list[str], *, via: str) -> list[Permission]:
    """The keys, through one service only; nothing where that service's own keys are used."""
    arns = [key.key_arn for key in keys if key]
    condition = {"StringEquals": {"kms:ViaService": f"{via}.{Aws.REGION}.amazonaws.com"}}
    return [_allow(sid, actions, arns, condition)] if arns else []


def _of(bucket: s3.IBucket, what: str, reason: str) -> Wide:
    return Wide(f"{what}{bucket.node.id}", reason)


def _allow(
    sid: str,
    actions: list[str],
    resources: list[str],
    conditions: _Conditions | None = None,
    *,
    wide: Wide | None = None,
) -> Permission:
    statement = iam.PolicyStatement(sid=sid, actions=actions, resources=resources, conditions=conditions)
    return Permission(statement, wide)
