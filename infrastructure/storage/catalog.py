"""Carefile's state: the catalog, the ledger of destinations, the patient directory, and the secret behind pseudonyms.

The catalog can be rebuilt from the processed bucket (`carefile catalog rebuild`); all else cannot.
"""

from __future__ import annotations

from aws_cdk import RemovalPolicy
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infrastructure.protection.accepted import accept, security_rules
from infrastructure.protection.encryption import import_key, removal_policy
from infrastructure.settings.config import StageConfig

PATIENT_INDEX = "by-patient"
CONTENT_INDEX = "by-content"
# Attributes that a patient's listing shows. Each further kilobyte is paid for at every change.
_LISTED = (
    "reason", "kind", "revision", "session_id", "landing_bucket", "landing_key", "landing_version", "modified",
    "bucket", "prefix", "key", "size", "objects", "messages", "agents", "first_activity", "last_activity",
    "execution", "cataloged_at",
)  # fmt: skip

# How each table can be recovered without a backup.
_WITHOUT_BACKUP = {
    "CatalogTable": "It can be built again from the processed bucket alone (carefile catalog rebuild).",
    "PatientsTable": "It can be imported again from the clinic's own systems (carefile patients import).",
    "LedgerTable": "No role of the stack can delete an entry; the current state is also in the manifests.",
}


class Catalog(Construct):
    """The tables and the pseudonym secret.

    `table` has one item per source object and one per session; `ledger` every destination a source ever had;
    `patients` the clinic's patients, and the items by which they are found.
    """

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        # Session entries are derived from object entries through the stream.
        self.table = self._table(
            "CatalogTable", config, key, stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES
        )
        self.table.add_global_secondary_index(
            index_name=PATIENT_INDEX,
            partition_key=_text_attribute("patient_ref_key"),
            sort_key=_text_attribute("listed_at"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(_LISTED),
        )
        # Of documents only, so the index stays sparse; a write costs it one unit.
        self.table.add_global_secondary_index(
            index_name=CONTENT_INDEX,
            partition_key=_text_attribute("content_digest"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["patient_ref_key"],
        )
        self.ledger = self._table("LedgerTable", config, key)
        self.patients = self._table("PatientsTable", config, key, names=("entry", "part"))
        # Never rotated: a new value would give every patient a second pseudonym in the tags.
        self.pseudonym_secret = secretsmanager.Secret(
            self,
            "PseudonymSecret",
            description=f"Carefile {config.stage}: the key of the pseudonyms in object tags",
            encryption_key=import_key(self, key),
            generate_secret_string=secretsmanager.SecretStringGenerator(
                password_length=64, exclude_punctuation=True
            ),
            removal_policy=removal_policy(config),
        )
        accept(
            self.pseudonym_secret,
            ["AwsSolutions-SMG4", *security_rules("SecretsManagerRotationEnabled")],
            "It is the key of the pseudonyms in object tags, not a credential: it grants no access. A new value would "
            "give every patient a second pseudonym, and rules and reports by tag would see two patients.",
        )

    def _table(
        self,
        id: str,
        config: StageConfig,
        key: kms.IKey,
        stream: dynamodb.StreamViewType | None = None,
        names: tuple[str, ...] = ("source_id",),
    ) -> dynamodb.Table:
        partition_key, sort_key, *_ = [*map(_text_attribute, names), None]
        assert partition_key is not None  # noqa: S101 - narrows the type
        table = dynamodb.Table(
            self,
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
            deletion_protection=config.retains,
            # A protected table that is not retained would make a failed first deployment impossible to roll back.
            removal_policy=RemovalPolicy.RETAIN if config.retains else RemovalPolicy.DESTROY,
        )
        if not config.backup:
            accept(
                table,
                security_rules("DynamoDBInBackupPlan"),
                "The stage has chosen so (setting backup). Point-in-time recovery brings back any second of the last "
                f"35 days. {_WITHOUT_BACKUP[id]}",
            )
        return table


def _text_attribute(name: str) -> dynamodb.Attribute:
    return dynamodb.Attribute(name=name, type=dynamodb.AttributeType.STRING)
