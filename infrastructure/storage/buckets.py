"""The buckets: where objects arrive, where the layout lives, what backfills report, and who read them (access logs).

Invariants: versioned, under the right key, TLS only, nothing public. What was not filed never expires.
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
# Why a bucket may do without a copy in another region.
_NOT_REPLICATED = {
    "landing": "No role of the stack can delete an upload, and it expires only once it was filed, as the layout "
    "then holds the same bytes.",
    "processed": "What is overwritten or deleted stays as an older version, which no role of the stack can delete; "
    "none expires but by the stage's own setting retention.",
    "reports": "A report tells what became of each object of a run, which the catalog and the layout tell as well. It "
    "expires after 90 days, and the run can be made again.",
    "access-logs": "The log tells who read what and expires as the other logs do. With it no record is lost, and the "
    "data events of CloudTrail, where the account has them, tell the same.",
}
# The Tag state sets it on a landing version once its catalog event is certain to follow.
_FILED_TAG = {"pipeline-status": "cataloged"}


class Storage(Construct):
    """`landing` and `processed`; one and the same bucket, or a bucket of someone else's, by configuration.

    `arrivals` are the buckets that intake accepts: the landing bucket, and those whose objects a backfill may take in.
    `inventories` are those that S3 writes inventories into. `reports` holds what backfills did to each object.
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
        """What holds for each bucket that is the stack's own."""
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
                buckets=own,
            )
        else:
            for name, bucket in own.items():
                accept(
                    bucket,
                    security_rules("S3BucketReplicationEnabled"),
                    _CHOSEN.format(_NOT_REPLICATED[name]),
                )

    def reserve_layout_for(self, writers: Sequence[lambda_.IFunction]) -> None:
        """Nobody else writes into the layout, but whom the stage names, where that can be refused."""
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
        # Not `event_bridge_enabled`: that deploys a function of the CDK's own to do what this property does.
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
        """A bucket of patients' records, which may be locked."""
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
                # S3 delivers access logs to buckets under its own key only.
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
                "S3 delivers access logs only to buckets under its own key (SSE-S3), never under one of KMS. The logs "
                "name keys, as CloudTrail does; what the objects hold is under the records' key.",
            )
            accept(
                self._access_logs,
                ["CKV_AWS_18"],
                "This bucket receives the access logs. Logging access to itself would write logs about logs for ever.",
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
