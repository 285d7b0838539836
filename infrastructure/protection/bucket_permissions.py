"""Permissions on buckets and their objects, each on one bucket or one prefix of it."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Stack
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infrastructure.protection.permissions import Permission, Wide, allow, use_key, use_keys

_EVERY_OBJECT = (
    "An upload may have any key, so a role that takes uploads in names the bucket's objects as a whole: "
    "this one bucket, these actions, nothing to write."
)
_MARK_ANY = (
    "An upload may have any key, so a role that marks uploads names the bucket's objects as a whole: "
    "their tags only, in this one bucket."
)
_LOOK_AT_ANY_MARK = (
    "An upload may have any key, so a role that reads uploads' tags names the bucket's objects as a whole: "
    "their tags only, in this one bucket, and nothing to write."
)
_LAYOUT = (
    "The folder of a document follows from its patient and its name, which no policy can know: everything under "
    "the layout's prefix in this one bucket, nothing outside of it, and no version can be deleted."
)
_RESULTS = (
    "A Map Run writes its results under its own id, which is not known before it runs: everything under one prefix of "
    "this one bucket."
)
_INVENTORIES = (
    "S3 writes an inventory below folders of its own, with the bucket's name, a configuration's and the day's: reading "
    "only, in this one bucket that the stage names for it."
)
_COPY = "S3 copies every object of the bucket, whatever its key, so its role names the bucket's objects as a whole."
_READINGS = (
    "What was recognised on a page is stored under its source's id and its picture's digest, which are not known "
    "beforehand. The prefix holds nothing else."
)


def read_objects(*buckets: s3.IBucket) -> list[Permission]:
    """Read any version of any object in the buckets, and get 404 rather than 403 for a missing one."""
    return [
        *_on_objects("ReadObjects", ["s3:GetObject", "s3:GetObjectVersion"], buckets, "Read", _EVERY_OBJECT),
        *distinguish_missing(*buckets),
        *use_keys([bucket.encryption_key for bucket in buckets], "DecryptObjects", ["kms:Decrypt"], via="s3"),
    ]


def distinguish_missing(*buckets: s3.IBucket) -> list[Permission]:
    """Get 404 rather than 403 for a missing object, which S3 grants only with s3:ListBucket."""
    return [allow("TellAbsentFromForbidden", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets])]


def list_objects(*buckets: s3.IBucket) -> list[Permission]:
    return [allow("ListObjects", ["s3:ListBucket"], [bucket.bucket_arn for bucket in buckets])]


def read_inventories(*buckets: s3.IBucket) -> list[Permission]:
    """Read the inventories that S3 writes to these buckets."""
    return [
        *_on_objects("ReadInventories", ["s3:GetObject"], buckets, "ReadInventoriesOf", _INVENTORIES),
        *use_keys(
            [bucket.encryption_key for bucket in buckets], "DecryptInventories", ["kms:Decrypt"], via="s3"
        ),
    ]


def read_object_tags(*buckets: s3.IBucket) -> list[Permission]:
    actions = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
    return _on_objects("ReadTags", actions, buckets, "ReadTagsOf", _LOOK_AT_ANY_MARK)


def write_object_tags(*buckets: s3.IBucket) -> list[Permission]:
    """Read and replace the tags of any object version in the buckets."""
    actions = [
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
    ]
    return _on_objects("WriteTags", actions, buckets, "WriteTagsOf", _MARK_ANY)


def scan_uploads(scope: Construct, bucket: s3.IBucket, validation_object: str) -> list[Permission]:
    """Let GuardDuty Malware Protection manage its rule, read and tag uploads, and write its validation object.

    These are the permissions that AWS documents for it.
    """
    rules = Stack.of(scope).format_arn(
        service="events",
        resource="rule",
        resource_name="DO-NOT-DELETE-AmazonGuardDutyMalwareProtectionS3*",
    )
    own_rule = Wide(
        "ManagedRuleOfMalwareProtection",
        "GuardDuty names its rule itself: the rules that begin with its name, and to write only as long as they are "
        "its own (events:ManagedBy).",
    )
    managed = {"StringLike": {"events:ManagedBy": "malware-protection-plan.guardduty.amazonaws.com"}}
    change = ["events:DeleteRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"]
    look = ["events:DescribeRule", "events:ListTargetsByRule"]
    notify = ["s3:GetBucketNotification", "s3:PutBucketNotification"]
    return [
        *read_objects(bucket),
        *write_object_tags(bucket),
        allow("ChangeManagedRule", change, [rules], managed, wide=own_rule),
        allow(
            "SeeManagedRule",
            look,
            [rules],
            wide=Wide("SeeManagedRuleOfMalwareProtection", own_rule.reason),
        ),
        allow("HearOfUploads", notify, [bucket.bucket_arn]),
        allow("WriteValidationObject", ["s3:PutObject"], [bucket.arn_for_objects(validation_object)]),
        *use_key(
            bucket.encryption_key, "EncryptValidationObject", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"
        ),
    ]


def write_results(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Let the ResultWriter of a Distributed Map write below a prefix."""
    actions = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:PutObject"]
    return [
        allow(
            "WriteResults",
            actions,
            [bucket.arn_for_objects(f"{prefix}*")],
            wide=Wide(f"WriteResultsOf{prefix.strip('/').title()}", _RESULTS),
        ),
        *use_key(bucket.encryption_key, "EncryptResults", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def keep_readings(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Read, list, write and delete what was recognised on pages, below a prefix."""
    condition = {"StringLikeIfExists": {"s3:prefix": f"{prefix}*"}}
    return [
        allow(
            "KeepReadings",
            ["s3:DeleteObjectVersion", "s3:GetObject", "s3:PutObject"],
            [bucket.arn_for_objects(f"{prefix}*")],
            wide=Wide("KeepReadings", _READINGS),
        ),
        allow("ListReadings", ["s3:ListBucket", "s3:ListBucketVersions"], [bucket.bucket_arn], condition),
        *use_key(bucket.encryption_key, "EncryptReadings", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def write_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Read, list, write and delete in the processed layout only. Versions cannot be deleted."""
    actions = [
        "s3:AbortMultipartUpload",
        "s3:DeleteObject",
        "s3:GetObject",
        "s3:PutObject",
        "s3:PutObjectTagging",
    ]
    return [
        allow(
            "WriteLayout", actions, [bucket.arn_for_objects(f"{prefix}*")], wide=Wide("WriteLayout", _LAYOUT)
        ),
        _list_layout(bucket, prefix),
        *use_key(bucket.encryption_key, "EncryptLayout", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def adopt_in_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Read objects in the layout and write tags and manifests there. Nothing can be deleted."""
    actions = [
        "s3:GetObject",
        "s3:GetObjectTagging",
        "s3:GetObjectVersionTagging",
        "s3:PutObject",
        "s3:PutObjectTagging",
        "s3:PutObjectVersionTagging",
    ]
    objects = [bucket.arn_for_objects(f"{prefix}*")]
    return [
        allow("AdoptInLayout", actions, objects, wide=Wide("AdoptInLayout", _LAYOUT)),
        _list_layout(bucket, prefix),
        *use_key(bucket.encryption_key, "EncryptLayout", ["kms:Decrypt", "kms:GenerateDataKey"], via="s3"),
    ]


def list_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    return [_list_layout(bucket, prefix)]


def _list_layout(bucket: s3.IBucket, prefix: str) -> Permission:
    # IfExists, because S3 checks s3:ListBucket without a prefix when an object is missing; otherwise it would answer
    # 403 instead of 404. A listing names its prefix, so it stays inside the layout.
    condition = {"StringLikeIfExists": {"s3:prefix": f"{prefix}*"}}
    return allow("ListLayout", ["s3:ListBucket"], [bucket.bucket_arn], condition)


def list_versions(*buckets: s3.IBucket) -> list[Permission]:
    return [allow("ListVersions", ["s3:ListBucketVersions"], [bucket.bucket_arn for bucket in buckets])]


def read_layout(bucket: s3.IBucket, prefix: str) -> list[Permission]:
    """Read and list the processed layout only."""
    return [
        allow(
            "ReadLayout",
            ["s3:GetObject"],
            [bucket.arn_for_objects(f"{prefix}*")],
            wide=Wide("ReadLayout", _LAYOUT),
        ),
        _list_layout(bucket, prefix),
        *use_key(bucket.encryption_key, "DecryptLayout", ["kms:Decrypt"], via="s3"),
    ]


def replicate_from(bucket: s3.IBucket) -> list[Permission]:
    """Read every version of a bucket for replication, with its tags and, where it is locked, its retention and hold.

    The actions are those of "Setting up permissions for live replication" in Amazon S3's user guide.
    """
    versions = [
        "s3:GetObjectVersionAcl",
        "s3:GetObjectVersionForReplication",
        "s3:GetObjectVersionTagging",
    ]
    resource = bucket.node.default_child
    if isinstance(resource, s3.CfnBucket) and resource.object_lock_enabled:
        versions += ["s3:GetObjectLegalHold", "s3:GetObjectRetention"]
    return [
        *_on_objects(f"Read{bucket.node.id}", versions, [bucket], "Replicate", _COPY),
        allow(
            f"Know{bucket.node.id}",
            ["s3:GetReplicationConfiguration", "s3:ListBucket"],
            [bucket.bucket_arn],
        ),
        *use_key(bucket.encryption_key, f"Decrypt{bucket.node.id}", ["kms:Decrypt"], via="s3"),
    ]


def replicate_to(bucket_arns: list[str], key_arn: str) -> list[Permission]:
    """Replicate objects, deletions and tags to buckets in another region, encrypted with its key."""
    actions = ["s3:ReplicateDelete", "s3:ReplicateObject", "s3:ReplicateTags"]
    objects = [f"{arn}/*" for arn in bucket_arns]
    elsewhere = {"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}
    return [
        allow("WriteCopies", actions, objects, wide=Wide("WriteCopies", _COPY)),
        allow("EncryptCopies", ["kms:Encrypt"], [key_arn], elsewhere),
    ]


def _on_objects(
    sid: str, actions: list[str], buckets: Sequence[s3.IBucket], what: str, reason: str
) -> list[Permission]:
    """Allow the actions on every object of the buckets, in one policy for all of them.

    A role takes ten managed policies unless AWS Support raises its quota, so there cannot be one a bucket.
    """
    if not buckets:
        return []
    wide = Wide(what + "".join(bucket.node.id for bucket in buckets), reason)
    return [allow(sid, actions, [bucket.arn_for_objects("*") for bucket in buckets], wide=wide)]
