"""How every table is made: encrypted, recoverable to any second, protected from deletion where the stage retains."""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.protection.accepted import accept, security_rules
from infrastructure.settings.config import StageConfig

_CHOSEN = "The stage has chosen so (setting backup). "
# How each table can be recovered without a backup.
_WITHOUT_BACKUP = {
    "CatalogTable": "It can be built again from the processed bucket alone (carefile catalog rebuild).",
    "PatientsTable": "It can be imported again from the clinic's own systems (carefile patients import).",
    "DecisionsTable": "Nobody can delete a record or change one; what is decided is also in the ledger.",
    "ClaimsTable": "A claim holds for two minutes, and whoever looks at something makes it again.",
    "LedgerTable": "No role of the stack can delete an entry; the current state is also in the manifests.",
}


def new_table(
    scope: Construct,
    id: str,
    config: StageConfig,
    key: kms.IKey,
    *,
    stream: dynamodb.StreamViewType | None = None,
    names: tuple[str, ...] = ("source_id",),
    expires: str | None = None,
    policy: iam.PolicyDocument | None = None,
) -> dynamodb.Table:
    """Create a table with these key attributes; `expires` names the attribute by which items expire."""
    partition_key, sort_key, *_ = [*map(text_attribute, names), None]
    assert partition_key is not None  # noqa: S101 - narrows the type
    table = dynamodb.Table(
        scope,
        id,
        partition_key=partition_key,
        sort_key=sort_key,
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        stream=stream,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        time_to_live_attribute=expires,
        resource_policy=policy,
        deletion_protection=config.retains,
        # A protected table that is not retained would make a failed first deployment impossible to roll back.
        removal_policy=RemovalPolicy.RETAIN if config.retains else RemovalPolicy.DESTROY,
    )
    if not config.backup or expires:
        accept(
            table,
            security_rules("DynamoDBInBackupPlan"),
            f"{_CHOSEN if not expires else ''}Point-in-time recovery brings back any second of the last 35 days. "
            f"{_WITHOUT_BACKUP[id]}",
        )
    return table


def text_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
