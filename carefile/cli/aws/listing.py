"""Places in S3 as an operator names them, `s3://bucket/prefix`, and the objects there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.problem import Problem

_PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Place:
    bucket: str
    prefix: str

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True, slots=True)
class Item:
    """An object as a listing shows it."""

    key: str
    size: int
    modified: datetime
    etag: str


def place_in(text: str) -> Place:
    found = _PLACE.fullmatch(text)
    if not found:
        raise Problem(f"invalid S3 location: {text!r}", "use the form s3://bucket/prefix/")
    return Place(found[1], found[2] or "")


def items(connection: Connection, place: Place) -> Iterator[Item]:
    """Yield every current object under the prefix, page by page."""
    pages = connection.client("s3").get_paginator("list_objects_v2")
    for page in pages.paginate(Bucket=place.bucket, Prefix=place.prefix):
        for item in page.get("Contents", ()):
            yield Item(item["Key"], item["Size"], item["LastModified"], item["ETag"].strip('"'))


def must_be_there(connection: Connection, place: Place) -> None:
    """Raise a Problem if the bucket does not exist or nothing is under the prefix."""
    if not must_have_bucket(connection, place):
        raise Problem(f"there is nothing under {place}", "check the prefix; keys are case-sensitive")


def must_have_bucket(connection: Connection, place: Place) -> bool:
    """Raise a Problem if the bucket does not exist; return whether anything is under the prefix."""
    try:
        found = connection.client("s3").list_objects_v2(Bucket=place.bucket, Prefix=place.prefix, MaxKeys=1)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("NoSuchBucket", "404"):
            raise Problem(
                f"there is no bucket {place.bucket}", f"the landing bucket is {connection.landing}"
            ) from None
        raise
    return bool(found.get("KeyCount"))


def must_be_accepted(connection: Connection, place: Place) -> None:
    """Raise a Problem if the deployment does not ingest from this place."""
    if place.bucket == connection.processed and connection.layout.holds(place.prefix):
        raise Problem(
            f"{place} is in the layout, to which the pipeline itself writes",
            f"catalog objects that other programs wrote there with `carefile adopt {place}`",
        )
    if place.bucket not in connection.accepted_buckets:
        raise Problem(
            f"{connection.stack} does not ingest from the bucket {place.bucket}",
            "add it to the stage's source_buckets in cdk.json and deploy; see docs/backfill.md",
        )
