"""The customer-managed keys: one for patient data, one for operational data that never contains any.

Both rotate yearly and follow the stage's removal policy.
"""

from __future__ import annotations

from aws_cdk import Aws, Duration, RemovalPolicy
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.settings.config import StageConfig


def removal_policy(config: StageConfig) -> RemovalPolicy:
    """The stage's removal policy as the CDK type.

    What is retained goes all the same when the deployment that creates it fails, so that the next attempt starts clean.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if config.retains else RemovalPolicy.DESTROY


def import_key(scope: Construct, key: kms.IKey) -> kms.IKey:
    """Import the key, so that a construct cannot add wide statements to its policy."""
    return kms.Key.from_key_arn(scope, "RecordsKey", key.key_arn)


class Keys(Construct):
    """`records`: objects, tables, events, executions, dead letters. `operations`: logs and alarms."""

    def __init__(self, scope: Construct, id: str, *, config: StageConfig) -> None:
        super().__init__(scope, id)
        self.records = self._key(config, "Records", "patient records, their events and their executions")
        self.operations = self._key(config, "Operations", "logs and alarms, which hold no patient data")

        # EventBridge archives events and sends undeliverable ones to encrypted queues.
        self.records.add_to_resource_policy(
            iam.PolicyStatement(
                sid="ArchivesAndDeadLettersOfEventBridge",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey", "kms:ReEncryptFrom", "kms:ReEncryptTo"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        # EventBridge's user guide has it without a condition: it looks at the key before it acts for anybody.
        self.records.add_to_resource_policy(
            iam.PolicyStatement(
                sid="KeyKnownToEventBridge",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["kms:DescribeKey"],
                resources=["*"],
            )
        )
        # Step Functions encrypts execution logs with this key on their way to the log group.
        self.records.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogDeliveryOfStepFunctions",
                principals=[iam.ServicePrincipal("delivery.logs.amazonaws.com")],
                actions=["kms:Decrypt"],
                resources=["*"],
                conditions={
                    "StringLike": {
                        "kms:EncryptionContext:SourceArn": (
                            f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:*"
                        )
                    }
                },
            )
        )
        self.operations.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisAccount",
                principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
                # As in "Encrypt log data in CloudWatch Logs" of its user guide.
                actions=[
                    "kms:Decrypt",
                    "kms:Describe*",
                    "kms:Encrypt",
                    "kms:GenerateDataKey*",
                    "kms:ReEncrypt*",
                ],
                resources=["*"],
                conditions={
                    "ArnLike": {
                        "kms:EncryptionContext:aws:logs:arn": (
                            f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:*"
                        )
                    }
                },
            )
        )
        self.operations.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )

    def _key(self, config: StageConfig, id: str, holds: str) -> kms.Key:
        return kms.Key(
            self,
            id,
            alias=f"alias/carefile-{config.stage}-{id.lower()}",
            description=f"Carefile {config.stage}: {holds}",
            enable_key_rotation=True,
            pending_window=Duration.days(30),
            removal_policy=removal_policy(config),
        )
