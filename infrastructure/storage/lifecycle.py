"""Retention settings as S3 configuration: lifecycle rules of the layout, and Object Lock.

Invariant: no rule ever matches a manifest. A manifest's claim on a folder keeps two sources apart, so manifests have
their own value of the tag `kind`, and every rule requires another one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_s3 as s3

from infrastructure.settings.retention import Retention, RetentionConfig


def lifecycle_rules(config: RetentionConfig, prefix: str) -> Iterator[s3.LifecycleRule]:
    """Yield the lifecycle rules of the bucket that holds the layout."""
    for retention in config.retention:
        yield _rule(retention, prefix)
    if config.retention:
        # Expired objects leave delete markers, whose keys may name a patient.
        yield s3.LifecycleRule(id="RemoveLoneDeleteMarkers", prefix=prefix, expired_object_delete_marker=True)


def _rule(retention: Retention, prefix: str) -> s3.LifecycleRule:
    status = retention.patient_status
    return s3.LifecycleRule(
        id=f"Expire{(status or 'all').capitalize()}{retention.kind.capitalize()}s",
        prefix=prefix,
        tag_filters={"kind": retention.kind} | ({"patient-status": status} if status else {}),
        expiration=_days(retention.expire_days),
        noncurrent_version_expiration=_days(retention.older_versions_days),
    )


def _days(count: int | None) -> Duration | None:
    return Duration.days(count) if count else None


def object_lock(config: RetentionConfig) -> dict[str, Any]:
    """The Object Lock arguments of a bucket of records."""
    if not config.object_lock:
        return {}
    if config.locked_days is None:
        return {"object_lock_enabled": True}
    retained = s3.ObjectLockRetention.governance(Duration.days(config.locked_days))
    return {"object_lock_enabled": True, "object_lock_default_retention": retained}
