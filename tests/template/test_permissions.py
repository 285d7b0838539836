"""What each role may do: this list, explicit actions on explicit ARNs, and nothing beside it."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from tests.template.synthesis import Synthesised, listed

# What every function needs: its log, and its environment, which is under a key.
LOGS = {"logs:CreateLogStream", "logs:PutLogEvents", "kms:Decrypt"}
TRACES = {
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}
READ_LANDING = {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "kms:Decrypt"}
USE_LEDGER = {
    "dynamodb:BatchGetItem",
    "dynamodb:GetItem",
    "dynamodb:UpdateItem",
    "kms:Decrypt",
    "kms:DescribeKey",
}
TAG_LANDING = {
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging",
    "s3:PutObjectVersionTagging",
}
SEND_DEAD_LETTERS = {"sqs:SendMessage", "kms:Decrypt", "kms:GenerateDataKey"}
# To find the newest version that may be filed under one that may not, and which of two was the last.
FIND_VERSIONS = {"s3:ListBucketVersions"}
NORMALISE = {
    *READ_LANDING,
    *FIND_VERSIONS,
    *USE_LEDGER,
    "dynamodb:DescribeTable",  # of the patient directory
    "dynamodb:Query",
    "kms:GenerateDataKey",
    "s3:AbortMultipartUpload",
    "s3:DeleteObject",
    "s3:GetObjectTagging",
    "s3:GetObjectVersionTagging",
    "s3:PutObject",
    "s3:PutObjectTagging",
    "secretsmanager:GetSecretValue",
}
MACHINE = {
    *{"lambda:InvokeFunction", "events:PutEvents", "kms:Decrypt", "kms:GenerateDataKey"},
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    *TRACES,
}
CHILDREN = {
    "states:StartExecution",
    "states:DescribeExecution",
    "states:StopExecution",
    "states:RedriveExecution",
}
ASSIGN = {
    *{"s3:ListBucketVersions", "s3:ListBucket", "s3:GetObject"},
    *USE_LEDGER,
    *LOGS,
    *TRACES,
}
MERGE = {"s3:ListBucketVersions", "s3:ListBucket", "s3:GetObject", *LOGS, *TRACES}
LISTING_MAP = {
    *CHILDREN,
    *{
        "s3:ListBucket",
        "s3:PutObject",
        "s3:GetObject",
        "s3:ListMultipartUploadParts",
        "s3:AbortMultipartUpload",
    },
}
ALLOWED = {
    "ClassifyObject": {*READ_LANDING, *FIND_VERSIONS, *TAG_LANDING, *USE_LEDGER, *LOGS, *TRACES},
    "NormaliseDocument": {*NORMALISE, *LOGS, *TRACES},
    "NormaliseSession": {*NORMALISE, *LOGS, *TRACES},
    "TagObject": {"s3:ListBucket", *TAG_LANDING, *USE_LEDGER, *LOGS, *TRACES},
    "IndexCatalog": {
        *{"dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem", "kms:Decrypt", "kms:DescribeKey"},
        *SEND_DEAD_LETTERS,
        *LOGS,
        *TRACES,
    },
    "IndexSessions": {
        *{
            "dynamodb:BatchGetItem",
            "dynamodb:DeleteItem",
            "dynamodb:GetItem",
            "dynamodb:PutItem",
            "kms:Decrypt",
            "kms:DescribeKey",
        },
        *{"dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"},
        "dynamodb:ListStreams",
        *SEND_DEAD_LETTERS,
        *LOGS,
        *TRACES,
    },
    "MeasureBacklog": {
        *READ_LANDING,
        "dynamodb:DescribeTable",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "states:DescribeExecution",
        "states:ListExecutions",
        *LOGS,
        *TRACES,
    },
    "RecordFailure": {
        *READ_LANDING,
        *TAG_LANDING,
        *USE_LEDGER,
        *{"events:PutEvents", "states:DescribeExecution"},
        *SEND_DEAD_LETTERS,
        *LOGS,
        *TRACES,
    },
    "Pipeline": MACHINE,
    "Backfill": {*MACHINE, *LISTING_MAP, "states:DescribeMapRun"},
    "Adoption": {*MACHINE, *LISTING_MAP},
    "AdoptObject": {
        *{"s3:GetObject", "s3:PutObject", "s3:ListBucket", "kms:GenerateDataKey"},
        *TAG_LANDING,
        *USE_LEDGER,
        "secretsmanager:GetSecretValue",
        *LOGS,
        *TRACES,
    },
    "ReassignmentAssignPatient": {*ASSIGN, "dynamodb:PutItem", "dynamodb:Query"},
    "ReassignmentListObjects": ASSIGN,
    "ReassignmentVerifyMove": ASSIGN,
    "Reassignment": {*MACHINE, *CHILDREN},
    # In open mode, where they refuse every merge; more only where the directory is in use.
    "MergingMergePatients": MERGE,
    "MergingListPatient": MERGE,
    "MergingVerifyMerge": MERGE,
    "Merging": {*MACHINE, *CHILDREN},
    "Merges": {"states:StartExecution"},
    "PatientFeedRegisterPatients": {
        *{"dynamodb:BatchWriteItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"},
        *{"kms:DescribeKey", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
        *SEND_DEAD_LETTERS,
        *LOGS,
        *TRACES,
    },
    "Assignments": {"states:StartExecution"},
    "Intake": {"states:StartExecution"},
}
NETWORK = {
    "ec2:AssignPrivateIpAddresses",
    "ec2:CreateNetworkInterface",
    "ec2:DeleteNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:UnassignPrivateIpAddresses",
}
FUNCTIONS = {role for role, actions in ALLOWED.items() if actions >= LOGS}
# What the other settings bring: roles of services, and more for the stack's own.
PROTECTION = {
    "StorageReplication": {
        *{"s3:GetObjectVersionAcl", "s3:GetObjectVersionForReplication", "s3:GetObjectVersionTagging"},
        *{"s3:GetReplicationConfiguration", "s3:ListBucket"},
        *{"s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags", "kms:Decrypt", "kms:Encrypt"},
    },
    "MalwareProtection": {
        *{"events:DeleteRule", "events:DescribeRule", "events:ListTargetsByRule", "events:PutRule"},
        *{
            "events:PutTargets",
            "events:RemoveTargets",
            "s3:GetBucketNotification",
            "s3:PutBucketNotification",
        },
        *{"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject", *TAG_LANDING},
        *{"kms:Decrypt", "kms:GenerateDataKey"},
    },
    # It has AWS's own policy for this service, which is accepted as such.
    "Backups": set(),
    "NetworkFlowLogs": {
        "logs:CreateLogGroup",
        "logs:CreateLogStream",
        "logs:DescribeLogGroups",
        "logs:DescribeLogStreams",
        "logs:PutLogEvents",
    },
}
BY_STAGE = {
    "stage": ALLOWED,
    "protected": {
        **{role: actions | (NETWORK if role in FUNCTIONS else set()) for role, actions in ALLOWED.items()},
        **PROTECTION,
        "ReadScanReadPages": {*NORMALISE, *LOGS, *TRACES, *NETWORK, "s3:DeleteObjectVersion"},
        "ReadScanFileReading": {*NORMALISE, *LOGS, *TRACES, *NETWORK, "s3:DeleteObjectVersion"},
        "ReadScan": MACHINE,
        "Readings": {"states:StartExecution"},
    },
    "express_first": {
        **ALLOWED,
        "ExpressLane": {*MACHINE, "states:StartExecution", "sqs:SendMessage"},
        "PromotionsPromoteObjects": {
            *{"states:StartExecution", "kms:Decrypt"},
            *{"sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"},
            *LOGS,
            *TRACES,
        },
        "IntakeExpress": {"states:StartExecution"},
    },
    "locked": ALLOWED,
}
# Actions for which AWS knows no resource.
WITHOUT_RESOURCE = {
    "Trace": "trace segments and sampling rules have no ARNs",
    "DeliverLogs": "log deliveries have no ARNs",
    "FindLogGroup": "listing log groups takes no finer resource",
    "AttachToNetwork": "network interfaces have no ARNs before they are there",
}


@pytest.mark.parametrize(("name", "role"), [(name, role) for name, all in BY_STAGE.items() for role in all])
def test_a_role_may_do_this_and_nothing_else(request: pytest.FixtureRequest, name: str, role: str) -> None:
    stage: Synthesised = request.getfixturevalue(name)
    statements = stage.statements_of(f"{role}Role")
    assert {action for it in statements for action in listed(it["Action"])} == BY_STAGE[name][role]


@pytest.mark.parametrize("name", BY_STAGE)
def test_every_role_is_in_the_list(request: pytest.FixtureRequest, name: str) -> None:
    stage: Synthesised = request.getfixturevalue(name)
    roles = stage.properties("AWS::IAM::Role")
    assert len(roles) == len(BY_STAGE[name])
    policies = stage.properties("AWS::IAM::ManagedPolicy")
    assert not stage.properties("AWS::IAM::Policy")
    for logical, role in roles.items():
        assert "Policies" not in role
        foreign = [arn for arn in role.get("ManagedPolicyArns", ()) if arn.get("Ref") not in policies]
        assert not foreign or logical.startswith("Backups"), foreign


def test_a_policy_that_roles_share_holds_one_statement_and_says_why_it_is_wide(stage: Synthesised) -> None:
    shared = {
        name: it
        for name, it in stage.properties("AWS::IAM::ManagedPolicy").items()
        if not it.get("Roles") and not name.startswith("Inbox")
    }
    assert shared
    for policy in shared.values():
        assert len(policy["PolicyDocument"]["Statement"]) == 1
        assert len(policy["Description"]) > 40


@pytest.mark.parametrize("of", BY_STAGE)
def test_no_action_is_a_wildcard(request: pytest.FixtureRequest, of: str) -> None:
    stage: Synthesised = request.getfixturevalue(of)
    for name, statement in stage.role_statements():
        assert not any("*" in action for action in listed(statement["Action"])), (name, statement)
        assert "NotAction" not in statement
        assert "NotResource" not in statement


def test_everything_is_a_resource_only_where_aws_knows_no_finer_one(protected: Synthesised) -> None:
    for name, statement in protected.role_statements():
        if "*" in listed(statement["Resource"]):
            assert statement["Sid"] in WITHOUT_RESOURCE, (name, statement)


def test_every_statement_says_in_its_policy_once_what_it_is_for(stage: Synthesised) -> None:
    sids = Counter((name, statement["Sid"]) for name, statement in stage.role_statements())
    assert max(sids.values()) == 1


def test_objects_are_written_under_the_layout_s_prefix_only(one_bucket: Synthesised) -> None:
    writing = [
        statement
        for _, statement in one_bucket.role_statements()
        if {"s3:PutObject", "s3:DeleteObject"} & set(listed(statement["Action"]))
    ]
    results = [statement for statement in writing if statement["Sid"] == "WriteResults"]
    assert len(writing) > len(results) > 0
    for statement in (statement for statement in writing if statement not in results):
        (resource,) = listed(statement["Resource"])
        assert resource["Fn::Join"][1][-1] == "/filed/processed/*"


@pytest.mark.parametrize("name", BY_STAGE)
def test_no_role_may_delete_a_version_or_change_a_bucket(request: pytest.FixtureRequest, name: str) -> None:
    stage: Synthesised = request.getfixturevalue(name)
    for policy, statement in stage.role_statements():
        actions = {"s3:DeleteObjectVersion", "s3:PutBucketPolicy", "s3:PutObjectAcl"} & {
            *listed(statement["Action"])
        }
        # What was recognised of a page goes with its patient, and is no record: below one prefix of the reports.
        of_readings = statement.get("Sid") == "KeepReadings"
        assert actions <= ({"s3:DeleteObjectVersion"} if of_readings else set()), policy
        if of_readings:
            (resource,) = listed(statement["Resource"])
            assert json.dumps(resource).endswith('/readings/*"]]}')


def test_the_functions_use_a_key_through_one_service_only(stage: Synthesised) -> None:
    for name, statement in stage.role_statements():
        if all(action.startswith("kms:") for action in listed(statement["Action"])):
            condition = json.dumps(statement["Condition"])
            assert "kms:ViaService" in condition or "kms:EncryptionContext:" in condition, (name, statement)


def test_the_roles_of_services_serve_this_account_only(stage: Synthesised) -> None:
    for name, role in stage.properties("AWS::IAM::Role").items():
        (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
        if statement["Principal"] != {"Service": "lambda.amazonaws.com"}:
            condition = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
            assert statement["Condition"] == condition, name


def test_resources_are_open_to_nobody_outside_the_account(stage: Synthesised) -> None:
    for name, statement in stage.resource_statements():
        if statement["Effect"] == "Deny":
            continue
        principal = statement["Principal"]
        if statement.get("Sid") == "KeyKnownToEventBridge":
            assert statement["Action"] == "kms:DescribeKey"
        elif "Service" in principal:
            assert "AWS::AccountId" in json.dumps(statement["Condition"]) or "aws:SourceArn" in json.dumps(
                statement["Condition"]
            ), (name, statement)
        else:
            # The account itself: in a key's policy, as without it nobody could ever change the key, and in the intake
            # bus's, where it lets in who has a policy of his own to publish.
            assert ":root" in json.dumps(principal), (name, statement)
            assert name in stage.properties("AWS::KMS::Key") or statement["Sid"] == "Publishers"
