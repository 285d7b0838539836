"""The AWS of the simulation answers as moto does, call by call; where moto is known to differ from AWS, as AWS does."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from carefile.core.model import Source
from lambdas.adapters.landing import Landing
from tests.simulation.aws.dynamodb import DynamoDB
from tests.simulation.aws.gate import Gate
from tests.simulation.aws.s3 import S3
from tests.simulation.aws.services import Events
from tests.simulation.aws.store import Bucket, epoch

Step = tuple[str, dict[str, Any]]
LANDING, PLAIN = "landing", "plain-bucket"


def simulated_s3() -> S3:
    buckets = {
        LANDING: Bucket(LANDING, versioned=True, letter="v"),
        PLAIN: Bucket(PLAIN, versioned=False, letter="-"),
    }
    return S3(Gate(), buckets, epoch)


@pytest.fixture
def moto_s3() -> Iterator[Any]:
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        for bucket in (LANDING, PLAIN):
            client.create_bucket(Bucket=bucket)
        client.put_bucket_versioning(Bucket=LANDING, VersioningConfiguration={"Status": "Enabled"})
        yield client


def told(client: Any, steps: list[Step]) -> list[Any]:
    """What each call came to, version ids replaced by the number of the call that made them."""
    versions: dict[str, str] = {}
    answers = []
    for number, (operation, given) in enumerate(steps):
        arguments = json.loads(json.dumps(given), object_hook=lambda data: _named(data, versions))
        try:
            answer = getattr(client, operation)(**arguments)
        except ClientError as error:
            headers = error.response["ResponseMetadata"].get("HTTPHeaders", {})
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            # S3 sends this with every 404 of a marker, moto with that of HEAD alone.
            marker = headers.get("x-amz-delete-marker") if operation == "head_object" else None
            answers.append((error.response["Error"]["Code"], status, marker))
            continue
        if "VersionId" in answer and answer["VersionId"] not in versions.values():
            versions[f"#{number}"] = answer["VersionId"]
        answers.append(_shown(answer, {value: name for name, value in versions.items()}))
    return answers


def _named(data: dict[str, Any], versions: dict[str, str]) -> dict[str, Any]:
    return {
        name: versions.get(value, value) if isinstance(value, str) else value for name, value in data.items()
    }


def _shown(answer: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    kept = ("ETag", "ContentLength", "ContentType", "Metadata", "TagSet", "DeleteMarker", "CacheControl")
    shown = {name: answer[name] for name in kept if name in answer}
    if "VersionId" in answer and answer["VersionId"] != "null":
        shown["VersionId"] = names.get(answer["VersionId"], "?")
    if "Body" in answer:
        shown["Body"] = answer["Body"].read()
    if "CopyObjectResult" in answer:
        shown["copied"] = answer["CopyObjectResult"]["ETag"]
    if "TagSet" in shown:
        shown["TagSet"] = sorted(shown["TagSet"], key=lambda tag: tag["Key"])
    return shown


def on(bucket: str, operation: str, **arguments: Any) -> Step:
    return operation, {"Bucket": bucket, "Key": "a/b.txt", **arguments}


COPY = {"MetadataDirective": "REPLACE", "TaggingDirective": "REPLACE", "ContentType": "text/plain"}


def history(bucket: str) -> list[Step]:
    """A key's life: absent, put, overwritten, tagged, copied, deleted, and there again."""
    versioned = bucket == LANDING
    first = {"VersionId": "#3"} if versioned else {}
    source = {"Bucket": bucket, "Key": "a/b.txt"}
    return [
        on(bucket, "head_object"),
        on(bucket, "get_object"),
        on(bucket, "get_object_tagging"),
        on(
            bucket,
            "put_object",
            Body="one",
            ContentType="text/plain",
            Metadata={"Patient": "x"},
            Tagging="a=1&b=2",
        ),
        on(bucket, "put_object", Body="no", IfNoneMatch="*"),
        on(bucket, "head_object"),
        on(bucket, "put_object", Body="two", Metadata={"n": "2"}),
        on(bucket, "get_object", Range="bytes=0-1"),
        on(bucket, "get_object", IfMatch="wrong"),
        on(bucket, "get_object", **first),
        on(bucket, "head_object", **first),
        on(bucket, "get_object_tagging", **first),
        on(bucket, "put_object_tagging", Tagging={"TagSet": [{"Key": "c", "Value": "3"}]}, **first),
        on(bucket, "get_object_tagging", **first),
        on(bucket, "get_object_tagging"),
        on(
            bucket,
            "copy_object",
            Key="c",
            CopySource=source | first,
            Metadata={"m": "1"},
            Tagging="t=1",
            **COPY,
        ),
        on(bucket, "head_object", Key="c"),
        on(bucket, "get_object_tagging", Key="c"),
        on(bucket, "delete_object"),
        on(bucket, "head_object"),
        on(bucket, "get_object"),
        on(bucket, "copy_object", Key="d", CopySource=source, Metadata={}, Tagging="", **COPY),
        *(
            [on(bucket, "head_object", **first), on(bucket, "head_object", VersionId="#18")]
            if versioned
            else []
        ),
        on(bucket, "put_object", Body="three", IfNoneMatch="*"),
        on(bucket, "head_object"),
        on(bucket, "put_object", Body="no", IfMatch='"5ab557c937e38f15291c04b7e99544ad"'),
        on(bucket, "put_object", Body="four", IfMatch='"35d6d33467aae9a2e3dccb4b6b027878"'),
        on(bucket, "head_object"),
        on(bucket, "put_object", Body="no", Key="none", IfMatch='"35d6d33467aae9a2e3dccb4b6b027878"'),
        on(bucket, "put_object", Body="", Key="empty"),
        on(bucket, "get_object", Key="empty", Range="bytes=0-9"),
        on(bucket, "head_object", Key="empty"),
    ]


@pytest.mark.parametrize("bucket", [LANDING, PLAIN])
def test_the_life_of_a_key_is_the_same_as_in_moto(moto_s3: Any, bucket: str) -> None:
    steps = history(bucket)
    ours, motos = told(simulated_s3(), steps), told(moto_s3, steps)
    for step, our, moto in zip(steps, ours, motos, strict=True):
        assert (step, our) == (step, moto)


def test_a_listing_shows_what_lives_in_the_order_of_bytes(moto_s3: Any) -> None:
    def listed(client: Any) -> list[str]:
        for key in ("p/b", "p/é", "p/a/c", "p/Z", "p/gone", "q"):
            client.put_object(Bucket=LANDING, Key=key, Body=b"x")
        client.delete_object(Bucket=LANDING, Key="p/gone")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=LANDING, Prefix="p/")
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    assert listed(simulated_s3()) == listed(moto_s3) == ["p/Z", "p/a/c", "p/b", "p/é"]


def test_versions_are_told_in_their_order_back_to_the_deletion(moto_s3: Any) -> None:
    def sizes(client: Any) -> list[int | None]:
        for body in (b"deleted", b"", b"a", b"bb", b"ccc", b"dddd"):
            client.put_object(Bucket=LANDING, Key="x/k", Body=body)
            if body == b"deleted":
                client.delete_object(Bucket=LANDING, Key="x/k")
        client.put_object(Bucket=LANDING, Key="x/k2", Body=b"another")
        return [size for _, size in Landing(client).versions(Source(LANDING, "x/k"))]

    assert sizes(simulated_s3()) == sizes(moto_s3) == [4, 3, 2, 1, 0, None]


def test_a_copy_is_refused_when_its_source_is_not_what_was_seen() -> None:
    """AWS checks it; moto ignores it."""
    s3 = simulated_s3()
    s3.put_object(Bucket=LANDING, Key="a", Body=b"one")
    source = {"Bucket": LANDING, "Key": "a"}
    with pytest.raises(ClientError, match="PreconditionFailed"):
        s3.copy_object(
            Bucket=LANDING,
            Key="b",
            CopySource=source,
            CopySourceIfMatch='"x"',
            Metadata={},
            Tagging="",
            **COPY,
        )


def update(expression: str, values: dict[str, Any], condition: str | None = None, **names: str) -> Step:
    more: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
    if names:
        more["ExpressionAttributeNames"] = {f"#{name}": value for name, value in names.items()}
    return "update_item", {
        "TableName": "ledger",
        "Key": {"source_id": {"S": "k"}},
        "UpdateExpression": expression,
        "ExpressionAttributeValues": values,
        "ReturnValues": "ALL_NEW",
        **more,
    }


def put(revision: int) -> Step:
    return "put_item", {
        "TableName": "catalog",
        "Item": {"source_id": {"S": "k"}, "revision": {"N": str(revision)}},
        "ConditionExpression": "attribute_not_exists(source_id) OR revision < :revision",
        "ExpressionAttributeValues": {":revision": {"N": str(revision)}},
    }


ONE = {":one": {"N": "1"}}
ITEMS: list[Step] = [
    ("get_item", {"TableName": "ledger", "Key": {"source_id": {"S": "k"}}, "ConsistentRead": True}),
    update("ADD d :d, revision :one SET version = :v", {":d": {"SS": ["x"]}, ":v": {"S": "1"}} | ONE),
    update("ADD d :d, revision :one SET version = :v", {":d": {"SS": ["a"]}, ":v": {"S": "2"}} | ONE),
    update("ADD revision :one", ONE | {":k": {"N": "2"}}, "revision = :k"),
    update("ADD revision :one", ONE | {":k": {"N": "2"}}, "revision = :k"),
    update("ADD revision :one", ONE, "attribute_not_exists(revision)"),
    update(
        "SET #h = :h, #t = :t",
        {":h": {"S": "h"}, ":t": {"S": "2026-01-02"}},
        None,
        h="hints#1",
        t="decided#1",
    ),
    update(
        "SET #h = :h, #t = :t",
        {":h": {"S": "late"}, ":t": {"S": "2026-01-01"}},
        "attribute_not_exists(#t) OR #t <= :t",
        h="hints#1",
        t="decided#1",
    ),
    update(
        "SET p = :p ADD r :r", {":p": {"S": "a"}, ":r": {"SS": ["z"]}}, "attribute_not_exists(p) OR p = :p"
    ),
    update(
        "SET p = :p",
        {":p": {"S": "b"}, ":f": {"S": "a"}, ":v": {"S": "1"}},
        "attribute_not_exists(p) OR p = :p OR p = :f AND version <= :v",
    ),
    update(
        "SET p = :p",
        {":p": {"S": "b"}, ":f": {"S": "a"}, ":v": {"S": "3"}},
        "attribute_not_exists(p) OR p = :p OR p = :f AND version <= :v",
    ),
    (
        "batch_get_item",
        {
            "RequestItems": {
                "ledger": {
                    "Keys": [{"source_id": {"S": "k"}}, {"source_id": {"S": "absent"}}],
                    "ConsistentRead": True,
                }
            }
        },
    ),
    update("DELETE d :d", {":d": {"SS": ["x"]}}),
    update("DELETE d :d", {":d": {"SS": ["a"]}}),
    update("SET q = :q REMOVE p, absent ADD r :r", {":q": {"S": "q"}, ":r": {"SS": ["y"]}}),
    ("get_item", {"TableName": "ledger", "Key": {"source_id": {"S": "k"}}, "ConsistentRead": True}),
    put(2),
    put(2),
    put(1),
    put(3),
    ("get_item", {"TableName": "catalog", "Key": {"source_id": {"S": "k"}}, "ConsistentRead": True}),
]


def items_told(call: Callable[[str, dict[str, Any]], dict[str, Any]]) -> list[Any]:
    answers: list[Any] = []
    for operation, arguments in ITEMS:
        try:
            answer = call(operation, arguments)
        except ClientError as error:
            answers.append(error.response["Error"]["Code"])
        else:
            batch = answer.get("Responses", {}).get("ledger", [{}])
            found = answer.get("Item") or answer.get("Attributes") or batch[0]
            answers.append({name: {k: sorted(v) for k, v in value.items()} for name, value in found.items()})
    return answers


def test_items_and_conditions_are_the_same_as_in_moto() -> None:
    simulated = DynamoDB(Gate())
    ours = items_told(lambda operation, arguments: getattr(simulated, operation)(**arguments))
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        for table in ("ledger", "catalog"):
            client.create_table(
                TableName=table,
                KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "source_id", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
        motos = items_told(lambda operation, arguments: getattr(client, operation)(**arguments))
    assert ours == motos


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("update_item", {"UpdateExpression": "SET a = if_not_exists(a, :v)"}),
        ("update_item", {"UpdateExpression": "REMOVE a[0]"}),
        ("update_item", {"UpdateExpression": "SET a = :v", "ConditionExpression": "size(a) > :v"}),
        ("get_item", {"ConsistentRead": False}),
    ],
)
def test_what_the_simulation_does_not_know_it_refuses(operation: str, arguments: dict[str, Any]) -> None:
    values = {"ExpressionAttributeValues": {":v": {"S": "1"}}} if operation == "update_item" else {}
    with pytest.raises(NotImplementedError):
        getattr(DynamoDB(Gate()), operation)(
            TableName="t", Key={"source_id": {"S": "k"}}, **arguments, **values
        )


def test_the_bus_takes_one_to_ten_entries() -> None:
    taken: list[Any] = []
    bus = Events(Gate(), taken.append)
    for entries in ([], [{}] * 11):
        with pytest.raises(ClientError, match="ValidationException"):
            bus.put_events(Entries=entries)
    assert bus.put_events(Entries=[{}] * 10)["FailedEntryCount"] == 0
    assert len(taken) == 10
