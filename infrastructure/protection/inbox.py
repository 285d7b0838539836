"""The managed policy for people who decide whose documents are, and do not operate the deployment.

It lets them read what is filed and listed, claim what they look at, and start a reassignment. It lets them change no
object, no table but the claims, no ledger, and start no other machine.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import ArnFormat, Aws, Stack
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.protection import bucket_permissions, permissions
from infrastructure.protection.accepted import accept, wildcards
from infrastructure.protection.encryption import Keys
from infrastructure.protection.permissions import Wide, allow
from infrastructure.settings.config import StageConfig
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import CONTENT_INDEX, PATIENT_INDEX, Catalog
from infrastructure.storage.deciding import Deciding

_EXECUTIONS = (
    "An execution's name is not known before it runs: the reassignment's, and failed ones of the pipeline."
)


class InboxPolicy(Construct):
    """`CarefileInbox`: attach it to whoever decides. Machines are given by name and ARN."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        keys: Keys,
        storage: Storage,
        catalog: Catalog,
        deciding: Deciding,
        settings_of: lambda_.IFunction,
        assign: lambda_.IFunction,
        reassignment: tuple[str, str],
        pipeline: tuple[str, str],
    ) -> None:
        super().__init__(scope, id)
        stack = Stack.of(self)
        read: Sequence[dynamodb.ITable] = (catalog.table, catalog.patients, deciding.decisions)
        statements = [
            allow(
                "FindTheDeployment",
                ["cloudformation:DescribeStacks", "cloudformation:ListStackResources"],
                [Aws.STACK_ID],
            ),
            allow(
                "ReadSettings",
                ["lambda:GetFunction", "lambda:GetFunctionConfiguration"],
                [settings_of.function_arn],
            ),
            *permissions.use_key(keys.operations, "DecryptSettings", ["kms:Decrypt"], via="lambda"),
            allow(
                "ReadTables",
                ["dynamodb:BatchGetItem", "dynamodb:GetItem", "dynamodb:Query"],
                [table.table_arn for table in read],
            ),
            allow(
                "QueryIndexes",
                ["dynamodb:Query"],
                [f"{catalog.table.table_arn}/index/{index}" for index in (PATIENT_INDEX, CONTENT_INDEX)],
            ),
            allow(
                "Claim",
                ["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem"],
                [deciding.claims.table_arn],
            ),
            *permissions.use_key(keys.records, "UseTables", ["kms:Decrypt"], via="dynamodb"),
            *bucket_permissions.read_layout(storage.processed, config.session_prefix),
            *permissions.invoke([assign]),
            allow("Decide", ["states:ListExecutions", "states:StartExecution"], [reassignment[1]]),
            allow("SeeWhatFailed", ["states:ListExecutions"], [pipeline[1]]),
            allow(
                "FollowExecutions",
                ["states:DescribeExecution"],
                [_executions(stack, name) for name, _ in (reassignment, pipeline)],
                wide=Wide("FollowExecutions", _EXECUTIONS),
            ),
            allow(
                "ResumeADecision",
                ["states:RedriveExecution"],
                [_executions(stack, reassignment[0])],
                wide=Wide("ResumeADecision", _EXECUTIONS),
            ),
            *permissions.use_key(
                keys.records, "UseExecutions", ["kms:Decrypt", "kms:GenerateDataKey"], via="states"
            ),
        ]
        policy = iam.ManagedPolicy(
            self,
            "CarefileInbox",
            description=f"Carefile {config.stage}: decide whose documents are (carefile inbox); no operating",
            statements=[it.statement for it in statements],
        )
        for it in statements:
            if it.wide:
                accept(policy, [*wildcards(stack, it.statement), *it.wide.also], it.wide.reason)
        self.policy = policy


def _executions(stack: Stack, machine: str) -> str:
    return stack.format_arn(
        service="states",
        resource="execution",
        resource_name=f"{machine}:*",
        arn_format=ArnFormat.COLON_RESOURCE_NAME,
    )
