"""What a bucket refuses regardless of a role's permissions: other keys, principals outside the organisation, unnamed
writers in the layout, overwrites below write-once prefixes and, with malware scanning, access to threats.

TLS 1.2 is enforced by the bucket's own setting.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import Token
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


def unless_one_of(principals: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The conditions of a Deny that exempts these principals, which may be patterns.

    An account root stands for its whole account; as an ARN it would match the root user only.
    """
    accounts = [arn.split(":")[4] for arn in principals if _is_root(arn)]
    persons = [arn for arn in principals if not _is_root(arn)]
    conditions: dict[str, dict[str, Any]] = {}
    if persons:
        conditions["ArnNotLike"] = {"aws:PrincipalArn": persons}
    if accounts:
        conditions["StringNotEquals"] = {"aws:PrincipalAccount": accounts}
    return conditions


def _is_root(arn: str) -> bool:
    return not Token.is_unresolved(arn) and arn.endswith(":root")


def refuse_other_keys(bucket: s3.Bucket, key: kms.IKey) -> None:
    """Refuse uploads that ask for a key other than the bucket's. Those that ask for none get it by default."""
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
    """Let only the roles of these functions, and the listed ARNs, write under a prefix.

    Anyone IAM allows may write a manifest, recognised by its tag: a claim cannot overlook it, and forgetting a patient
    leaves one. Except in a bucket that takes uploads, where IAM allows uploaders, who choose their own tags.
    The policy is deployed after the functions, which must look for others' objects before others may write.
    """
    roles = [writer.role.role_arn for writer in writers if writer.role]
    conditions = unless_one_of([*roles, *others])
    if not takes_uploads:
        conditions.setdefault("StringNotEquals", {})["s3:RequestObjectTag/kind"] = _MANIFEST
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
    """Require `If-None-Match: *` below these prefixes, so that S3 refuses to overwrite an object.

    Requests of a multipart upload that create no object cannot carry the header and are allowed; the last one must.
    CopyObject cannot carry it at all, so nothing can be copied below these prefixes.
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
    """Refuse principals of other organisations. AWS services acting for this account belong to none and are allowed."""
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
    """Let only the stack's roles and the named readers open a tagged threat, and only the stack's roles tag verdicts.

    A copy may carry the tag along, so the tag grants nothing: no intake trusts it
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
                conditions={**condition, **unless_one_of(allowed)},
            )
        )
