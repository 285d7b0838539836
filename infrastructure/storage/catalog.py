"""Carefile's state: the catalog, the ledger of destinations, the patient directory, and the secret behind pseudonyms.

The catalog can be rebuilt from the processed bucket (`carefile catalog rebuild`); all else cannot.
"""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from infrastructure.protection.accepted import accept, security_rules
from infrastructure.protection.encryption import import_key, removal_policy
from infrastructure.settings.config import StageConfig
from infrastructure.storage.tables import new_table, text_attribute

PATIENT_INDEX = "by-patient"
CONTENT_INDEX = "by-content"
LISTED_INDEX = "listed"
# Attributes that a patient's listing shows. Each further kilobyte is paid for at every change.
_LISTED = (
    "reason", "kind", "revision", "session_id", "landing_bucket", "landing_key", "landing_version", "modified",
    "bucket", "prefix", "key", "size", "objects", "messages", "agents", "first_activity", "last_activity",
    "execution", "cataloged_at",
)  # fmt: skip


class Catalog(Construct):
    """The tables and the pseudonym secret.

    `table` has one item per source object and one per session; `ledger` every destination a source ever had;
    `patients` the clinic's patients, and the items by which they are found.
    """

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        # Session entries are derived from object entries through the stream.
        self.table = new_table(
            self, "CatalogTable", config, key, stream=dynamodb.StreamViewType.NEW_AND_OLD_IMAGES
        )
        self.table.add_global_secondary_index(
            index_name=PATIENT_INDEX,
            partition_key=text_attribute("patient_ref_key"),
            sort_key=text_attribute("listed_at"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=list(_LISTED),
        )
        # Of documents only, so the index stays sparse; a write costs it one unit.
        self.table.add_global_secondary_index(
            index_name=CONTENT_INDEX,
            partition_key=text_attribute("content_digest"),
            projection_type=dynamodb.ProjectionType.INCLUDE,
            non_key_attributes=["patient_ref_key"],
        )
        self.ledger = new_table(self, "LedgerTable", config, key)
        self.patients = new_table(self, "PatientsTable", config, key, names=("entry", "part"))
        # Of patients only, so that DynamoDB counts them, every six hours and for nothing; it is never read.
        self.patients.add_global_secondary_index(
            index_name=LISTED_INDEX,
            partition_key=text_attribute("patient_id"),
            projection_type=dynamodb.ProjectionType.KEYS_ONLY,
        )
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
