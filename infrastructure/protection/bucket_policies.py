"""What a bucket refuses whatever a role may do: another key than its own, strangers to the organisation, writers in the
layout that nobody named, overwrites where a stage wants none, and, where uploads are scanned for malware, what holds a
threat.

That nothing travels but by TLS 1.2 is the bucket's own setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from infrastructure.functions.operations import roles_of

_ENCRYPTION = "s3:x-amz-server-side-encryption"
_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
_VERDICT_TAG = "GuardDutyMalwareScanStatus"
_TAGGING = ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"]
_UNTAGGING = ["s3:DeleteObjectTagging", "s3:DeleteObjectVersionTagging"]
_MANIFEST = "manifest"  # the kind that tags it
_CUSTOMERS_KEY = "s3:x-amz-server-side-encryption-customer-algorithm"


def refuse_other_keys(bucket: s3.Bucket, key: kms.IKey) -> None:
    """An upload that says nothing of encryption gets the bucket's key; one that says something must say that."""
    objects = [bucket.arn_for_objects("*")]
    for sid, conditions in (
        (
            "RefuseOtherKeys",
            {"Null": {_KEY: "false"}, "StringNotEquals": {_KEY: key.key_arn}},
        ),
        (
            "RefuseOtherEncryption",
            {"Null": {_ENCRYPTION: "false"}, "StringNotEquals": {_ENCRYPTION: "aws:kms"}},
        ),
        ("RefuseKeysOfUploaders", {"Null": {_CUSTOMERS_KEY: "false"}}),
    ):
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=["s3:PutObject"],
                resources=objects,
                conditions=conditions,
            )
        )


def refuse_other_writers(
    bucket: s3.Bucket,
    prefix: str,
    writers: Sequence[lambda_.IFunction],
    others: Sequence[str],
    *,
    takes_uploads: bool,
) -> None:
    """Only the roles of these functions, and the others by their ARNs, may write under a prefix.

    A manifest, known by its tag, may be written by whom IAM lets: a claim cannot overlook it, and forgetting a patient
    leaves one. Not so in a bucket that takes uploads: IAM lets uploaders in there, who choose their tags themselves.
    The policy comes after the functions: they look for what others wrote before others may write.
    """
    roles = [writer.role.role_arn for writer in writers if writer.role]
    conditions: dict[str, dict[str, Any]] = {"ArnNotEquals": {"aws:PrincipalArn": [*roles, *others]}}
    if not takes_uploads:
        conditions["StringNotEquals"] = {"s3:RequestObjectTag/kind": _MANIFEST}
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="RefuseOtherWriters",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{prefix}*")],
            conditions=conditions,
        )
    )
    if bucket.policy:
        bucket.policy.node.add_dependency(*writers)


def refuse_overwrites(bucket: s3.Bucket, prefixes: Sequence[str]) -> None:
    """Below these prefixes an upload has to say `If-None-Match: *`, and S3 refuses it where there is an object.

    The requests of a multipart upload that create no object cannot say so, and are let through; its last one must.
    CopyObject cannot say so at all: nothing is copied below these prefixes.
    """
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="RefuseOverwrites",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:PutObject"],
            resources=[bucket.arn_for_objects(f"{prefix}*") for prefix in prefixes],
            conditions={
                "Null": {"s3:if-none-match": "true"},
                "Bool": {"s3:ObjectCreationOperation": "true"},
            },
        )
    )


def refuse_strangers(bucket: s3.Bucket, organization_id: str) -> None:
    """Principals of other organisations are refused; AWS services at work for this account are not principals of
    any."""
    bucket.add_to_resource_policy(
        iam.PolicyStatement(
            sid="RefuseStrangers",
            effect=iam.Effect.DENY,
            principals=[iam.AnyPrincipal()],
            actions=["s3:*"],
            resources=[bucket.bucket_arn, bucket.arn_for_objects("*")],
            conditions={
                "StringNotEqualsIfExists": {"aws:PrincipalOrgID": organization_id},
                "BoolIfExists": {"aws:PrincipalIsAWSService": "false"},
            },
        )
    )


def quarantine(bucket: s3.Bucket, stack_name: str, readers: Sequence[str]) -> None:
    """What is tagged as a threat stays where it is, and only the stack's own roles and the readers may open it. Nobody
    else writes the verdict's tag, or changes the tags of a threat.

    Who copies an object may bring the tag along, so it opens nothing: no intake believes it
    (`carefile/core/deciding/scanning.py`).
    """
    stack = roles_of(stack_name)
    threat = {"StringEquals": {f"s3:ExistingObjectTag/{_VERDICT_TAG}": "THREATS_FOUND"}}
    forged = {"ForAnyValue:StringEquals": {"s3:RequestObjectTagKeys": _VERDICT_TAG}}
    for sid, actions, condition, allowed in (
        ("RefuseToOpenThreats", ["s3:GetObject", "s3:GetObjectVersion"], threat, [stack, *readers]),
        ("RefuseToRetagThreats", [*_TAGGING, *_UNTAGGING], threat, [stack]),
        ("RefuseForgedVerdicts", ["s3:PutObject", *_TAGGING], forged, [stack]),
    ):
        bucket.add_to_resource_policy(
            iam.PolicyStatement(
                sid=sid,
                effect=iam.Effect.DENY,
                principals=[iam.AnyPrincipal()],
                actions=actions,
                resources=[bucket.arn_for_objects("*")],
                conditions={**condition, "ArnNotLike": {"aws:PrincipalArn": allowed}},
            )
        )
