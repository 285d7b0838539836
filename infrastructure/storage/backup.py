"""Optional AWS Backup of the tables: a vault encrypted with the records key, daily and monthly copies."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_backup as backup
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.protection.accepted import accept
from infrastructure.protection.encryption import import_key, removal_policy
from infrastructure.settings.config import StageConfig

_AWS_POLICY = "service-role/AWSBackupServiceRolePolicyForBackup"


class TableBackups(Construct):
    """Nightly backups kept for 35 days, monthly ones for a year."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        key: kms.IKey,
        tables: Sequence[dynamodb.ITable],
    ) -> None:
        super().__init__(scope, id)
        vault = backup.BackupVault(
            self,
            "Vault",
            encryption_key=import_key(self, key),
            removal_policy=removal_policy(config),
        )
        plan = backup.BackupPlan(self, "Plan", backup_vault=vault)
        for name, keep, schedule in (
            ("Daily", Duration.days(35), events.Schedule.cron(hour="3", minute="0")),
            ("Monthly", Duration.days(365), events.Schedule.cron(day="1", hour="4", minute="0")),
        ):
            plan.add_rule(
                backup.BackupPlanRule(rule_name=name, delete_after=keep, schedule_expression=schedule)
            )
        role = iam.Role(
            self,
            "Role",
            # The documents of AWS Backup show no condition on this trust, so it may send none of its keys.
            assumed_by=iam.ServicePrincipal("backup.amazonaws.com"),
            managed_policies=[iam.ManagedPolicy.from_aws_managed_policy_name(_AWS_POLICY)],
        )
        accept(
            role,
            [f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_AWS_POLICY}]"],
            "AWS keeps this policy in step with what AWS Backup calls, and only that service may assume the role.",
        )
        plan.add_selection(
            "Tables",
            resources=[backup.BackupResource.from_dynamo_db_table(table) for table in tables],
            role=role.without_policy_updates(),
            disable_default_backup_policy=True,
        )
