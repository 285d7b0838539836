"""The buckets: uploads, the processed layout, backfill reports, and access logs.

Invariants: versioned, encrypted with the right key, TLS only, nothing public. Unfiled uploads never expire.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure.protection.accepted import accept, security_rules
from infrastructure.protection.bucket_policies import (
    quarantine,
    refuse_other_keys,
    refuse_other_writers,
    refuse_overwrites,
    refuse_strangers,
)
from infrastructure.protection.encryption import removal_policy
from infrastructure.settings.config import StageConfig
from infrastructure.storage.lifecycle import lifecycle_rules, object_lock
from infrastructure.storage.replication import Replication

_CHOSEN = (
    "The stage has chosen so (setting replica_bucket_prefix). S3 keeps every object in three data centres of the "
    "region. {}"
)
_REPEATED = (
    "A report lists how each object of a run ended, which the catalog and the layout show as well. It expires after 90 "
    "days, and the run can be repeated."
)
# Why each bucket may do without a copy in another region.
_NOT_REPLICATED = {
    "landing": "No role of the stack can delete an upload. It expires only after it was filed, when the layout holds "
    "the same bytes.",
    "processed": "Overwritten or deleted objects stay as older versions, which no role of the stack can delete and "
    "which expire only by the stage's own setting retention.",
    "reports": _REPEATED,
    "access-logs": "The log shows who read what and expires like the other logs. Losing it loses no record, and "
    "CloudTrail data events, where the account has them, show the same.",
}
_REPLICATED = security_rules("S3BucketReplicationEnabled")
# TagObject sets it on a landing version once its catalog event is certain to follow.
_FILED_TAG = {"pipeline-status": "cataloged"}


class Storage(Construct):
    """The stage's buckets. `landing` and `processed` may be the same, and `landing` may be an existing one.

    `arrivals` are the buckets that intake accepts: the landing bucket and the source buckets of backfills.
    `inventories` are those that S3 writes inventories to. `reports` holds the results of backfills.
    """

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.landing: s3.IBucket
        self.processed: s3.IBucket
        self._config = config
        self._key = key
        self._access_logs: s3.Bucket | None = None

        if config.landing_bucket:
            self.landing = self._existing_landing_bucket(config.landing_bucket)
        else:
            self.landing = self._landing_bucket()
        self.arrivals = (self.landing, *self._existing("Source", config.source_buckets))
        self.inventories = (*self._existing("Inventory", config.inventory_buckets),)
        self.reports = self._bucket("ReportsBucket", [_abandoned_uploads(), _expiring("ExpireReports", 90)])
        if config.processed_in_landing_bucket:
            self.processed = self.landing
        else:
            self.processed = self._records("ProcessedBucket", [_abandoned_uploads(), *self._kept()])
        self._protect()

    def _protect(self) -> None:
        """Apply the policies and replication of the stack's own buckets."""
        named = {
            "landing": self.landing,
            "processed": self.processed,
            "reports": self.reports,
            "access-logs": self._access_logs,
        }
        own = {name: it for name, it in named.items() if isinstance(it, s3.Bucket)}
        if self.processed is self.landing:
            own.pop("processed", None)
        config = self._config
        for bucket in own.values():
            if config.organization_id:
                refuse_strangers(bucket, config.organization_id)
            if bucket is not self._access_logs:
                refuse_other_keys(bucket, self._key)
            if config.malware_scan and bucket is self.landing:
                quarantine(bucket, config.stack_name, config.quarantine_readers)
            if config.write_once_prefixes and bucket is self.landing:
                refuse_overwrites(bucket, config.write_once_prefixes)
        if config.replica_bucket_prefix and config.replica_key_arn:
            Replication(
                self,
                "Replication",
                prefix=config.replica_bucket_prefix,
                key_arn=config.replica_key_arn,
                buckets={name: it for name, it in own.items() if it is not self.reports},
            )
            accept(self.reports, _REPLICATED, _REPEATED)
        else:
            for name, bucket in own.items():
                accept(bucket, _REPLICATED, _CHOSEN.format(_NOT_REPLICATED[name]))

    def reserve_layout_for(self, writers: Sequence[lambda_.IFunction]) -> None:
        """Refuse writers to the layout other than these functions and those the stage names, where possible."""
        if isinstance(self.processed, s3.Bucket) and self._config.layout_reserved:
            prefix, others = self._config.session_prefix, self._config.layout_writers or ()
            one_bucket = self.processed is self.landing
            refuse_other_writers(self.processed, prefix, writers, others, takes_uploads=one_bucket)

    def _landing_bucket(self) -> s3.Bucket:
        rules = [_abandoned_uploads()]
        if self._config.filed_expiry_days:
            days = Duration.days(self._config.filed_expiry_days)
            rules.append(
                s3.LifecycleRule(
                    id="ExpireFiled",
                    tag_filters=_FILED_TAG,
                    expiration=days,
                    noncurrent_version_expiration=days,
                )
            )
        if self._config.processed_in_landing_bucket:
            rules += self._kept()
        bucket = self._records("LandingBucket", rules)
        # Not `event_bridge_enabled`, which deploys a CDK function to set this same property.
        resource = bucket.node.default_child
        assert isinstance(resource, s3.CfnBucket)  # noqa: S101 - narrows the type
        resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
            event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(
                event_bridge_enabled=True
            )
        )
        return bucket

    def _existing_landing_bucket(self, name: str) -> s3.IBucket:
        key_arn = self._config.landing_bucket_key_arn
        return s3.Bucket.from_bucket_attributes(
            self,
            "LandingBucket",
            bucket_name=name,
            encryption_key=kms.Key.from_key_arn(self, "LandingBucketKey", key_arn) if key_arn else None,
        )

    def _existing(self, kind: str, buckets: Mapping[str, str | None]) -> Iterator[s3.IBucket]:
        for number, (name, key_arn) in enumerate(buckets.items(), start=1):
            key = kms.Key.from_key_arn(self, f"{kind}Key{number}", key_arn) if key_arn else None
            yield s3.Bucket.from_bucket_attributes(
                self, f"{kind}Bucket{number}", bucket_name=name, encryption_key=key
            )

    def _kept(self) -> list[s3.LifecycleRule]:
        return list(lifecycle_rules(self._config, self._config.session_prefix))

    def _records(self, id: str, rules: list[s3.LifecycleRule]) -> s3.Bucket:
        """Create a bucket for patient records, with Object Lock if the stage wants it."""
        return self._bucket(id, rules, **object_lock(self._config))

    def _bucket(self, id: str, rules: list[s3.LifecycleRule], **more: Any) -> s3.Bucket:
        return s3.Bucket(
            self,
            id,
            versioned=True,
            encryption=s3.BucketEncryption.KMS,
            encryption_key=self._key,
            bucket_key_enabled=True,
            enforce_ssl=True,
            minimum_tls_version=1.2,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
            server_access_logs_bucket=self._log_bucket(),
            server_access_logs_prefix=f"{id}/",
            lifecycle_rules=rules,
            removal_policy=removal_policy(self._config),
            **more,
        )

    def _log_bucket(self) -> s3.Bucket:
        if self._access_logs is None:
            self._access_logs = s3.Bucket(
                self,
                "AccessLogs",
                versioned=True,
                # S3 delivers access logs only to buckets encrypted with its own key.
                encryption=s3.BucketEncryption.S3_MANAGED,
                enforce_ssl=True,
                minimum_tls_version=1.2,
                block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
                object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
                lifecycle_rules=[
                    _abandoned_uploads(),
                    _expiring("ExpireLogs", self._config.log_retention_days),
                ],
                removal_policy=removal_policy(self._config),
            )
            accept(
                self._access_logs,
                security_rules("S3DefaultEncryptionKMS"),
                "S3 delivers access logs only to buckets encrypted with SSE-S3, never with a KMS key. The logs name "
                "object keys, as CloudTrail does; the objects themselves are encrypted with the records key.",
            )
            accept(
                self._access_logs,
                ["CKV_AWS_18"],
                "This bucket receives the access logs. Logging access to itself would create logs about logs forever.",
            )
        return self._access_logs


def _abandoned_uploads() -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id="AbortAbandonedUploads", abort_incomplete_multipart_upload_after=Duration.days(7)
    )


def _expiring(id: str, days: int) -> s3.LifecycleRule:
    return s3.LifecycleRule(
        id=id, expiration=Duration.days(days), noncurrent_version_expiration=Duration.days(1)
    )
