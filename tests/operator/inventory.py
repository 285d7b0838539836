"""Everything that a stack holds: versions in its buckets, items in its tables, messages in its queues, policies of its
roles and buses. Two that are equal prove that nothing was left behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.embedded import EmbeddedAws


def inventory(aws: EmbeddedAws, stack: str) -> dict[str, list[str]]:
    pages = aws.client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    resources = [item for page in pages for item in page["StackResourceSummaries"]]
    of = {
        "AWS::S3::Bucket": _versions,
        "AWS::DynamoDB::Table": _items,
        "AWS::SQS::Queue": _messages,
        "AWS::IAM::Role": _policies,
        "AWS::Events::EventBus": _bus,
    }
    return {
        f"{item['ResourceType']} {item['LogicalResourceId']}": sorted(
            of[item["ResourceType"]](aws, item["PhysicalResourceId"])
        )
        for item in resources
        if item["ResourceType"] in of
    }


def _versions(aws: EmbeddedAws, bucket: str) -> Iterator[str]:
    for page in aws.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket):
        for kind in ("Versions", "DeleteMarkers"):
            yield from (f"{kind} {item['Key']} {item['VersionId']}" for item in page.get(kind, ()))


def _items(aws: EmbeddedAws, table: str) -> Iterator[str]:
    for page in aws.client("dynamodb").get_paginator("scan").paginate(TableName=table):
        yield from (json.dumps(item, sort_keys=True, default=str) for item in page["Items"])


def _messages(aws: EmbeddedAws, queue: str) -> Iterator[str]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=names)["Attributes"]
    yield str(sum(int(found.get(name, 0)) for name in names))


def _policies(aws: EmbeddedAws, role: str) -> Iterator[str]:
    yield from aws.client("iam").list_role_policies(RoleName=role)["PolicyNames"]
    attached = aws.client("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    yield from (item["PolicyArn"] for item in attached)


def _bus(aws: EmbeddedAws, bus: str) -> Iterator[str]:
    yield str(aws.client("events").describe_event_bus(Name=bus).get("Policy"))
