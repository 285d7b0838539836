"""What a bucket refuses whatever a role may do: another key than its own, and strangers to the organisation.

That nothing travels but by TLS 1.2 is the bucket's own setting.
"""

from __future__ import annotations

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3

_ENCRYPTION = "s3:x-amz-server-side-encryption"
_KEY = "s3:x-amz-server-side-encryption-aws-kms-key-id"
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
