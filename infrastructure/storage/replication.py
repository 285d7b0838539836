"""Optional replication of every object to another region, by S3 itself with one role."""

from __future__ import annotations

from collections.abc import Mapping

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure.functions.operations import ServiceRole
from infrastructure.protection import bucket_permissions

Rule = s3.CfnBucket.ReplicationRuleProperty


class Replication(Construct):
    """Replicates each bucket of the mapping to the bucket `<prefix>-<name>`, deletions included."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        prefix: str,
        key_arn: str,
        buckets: Mapping[str, s3.Bucket],
    ) -> None:
        super().__init__(scope, id)
        replicas = {name: f"arn:{Aws.PARTITION}:s3:::{prefix}-{name}" for name in buckets}
        role = ServiceRole(
            self,
            "Role",
            # S3's documents show no condition on this trust, so S3 may send none of its keys.
            principal=iam.ServicePrincipal("s3.amazonaws.com"),
            statements=[
                *(it for bucket in buckets.values() for it in bucket_permissions.replicate_from(bucket)),
                *bucket_permissions.replicate_to(list(replicas.values()), key_arn),
            ],
            alone=True,
        )
        for name, bucket in buckets.items():
            resource = bucket.node.default_child
            assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - narrows the type
            resource.replication_configuration = s3.CfnBucket.ReplicationConfigurationProperty(
                role=role.fixed.role_arn,
                rules=[self._rule(replicas[name], key_arn if bucket.encryption_key else None)],
            )

    def _rule(self, replica_arn: str, key_arn: str | None) -> Rule:
        """Build the rule; S3 copies KMS-encrypted objects only if it says so and names the replica's key."""
        encrypted = s3.CfnBucket.SourceSelectionCriteriaProperty(
            sse_kms_encrypted_objects=s3.CfnBucket.SseKmsEncryptedObjectsProperty(status="Enabled")
        )
        return Rule(
            id="Everything",
            priority=1,
            status="Enabled",
            filter=s3.CfnBucket.ReplicationRuleFilterProperty(prefix=""),
            delete_marker_replication=s3.CfnBucket.DeleteMarkerReplicationProperty(status="Enabled"),
            source_selection_criteria=encrypted if key_arn else None,
            destination=s3.CfnBucket.ReplicationDestinationProperty(
                bucket=replica_arn,
                encryption_configuration=s3.CfnBucket.EncryptionConfigurationProperty(
                    replica_kms_key_id=key_arn
                )
                if key_arn
                else None,
            ),
        )
