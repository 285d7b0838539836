"""Objects in both buckets: the current landing version and its status, and filed objects with their stamps."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.core.filing.tagging import STATUS_TAG
from carefile.core.model import Source

_CLOSED = frozenset({"403", "AccessDenied", "Forbidden"})
_GONE = frozenset({"404", "405", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "NotFound"})


@dataclass(frozen=True, slots=True)
class LandingObject:
    """The current version of a landing key. `version_id` is None in a bucket without versioning."""

    source: Source
    version_id: str | None
    size: int
    modified: datetime


@dataclass(frozen=True, slots=True)
class FiledObject:
    """A filed object with its stamp. The stamp is None on a bare claim and on what no intake wrote."""

    key: str
    version_id: str | None
    size: int
    role: str | None
    source_id: str | None
    version: str | None
    execution: str | None


def landing_object(connection: Connection, key: str, bucket: str | None = None) -> LandingObject | None:
    """Return the current object of a landing key; None if there is none."""
    bucket = bucket or connection.landing
    try:
        found = head(connection, bucket, key)
    except ClientError as error:
        if str(error.response.get("Error", {}).get("Code")) not in _CLOSED:
            raise
        found = _listed(connection, bucket, key)
    if found is None:
        return None
    version_id = found.get("VersionId")
    return LandingObject(
        Source(bucket, key),
        None if version_id == "null" else version_id,
        found["ContentLength"],
        found["LastModified"],
    )


def _listed(connection: Connection, bucket: str, key: str) -> dict[str, Any] | None:
    """Look up in a listing an object that may not be read, such as one with a threat; None if there is none."""
    page = connection.client("s3").list_object_versions(Bucket=bucket, Prefix=key, MaxKeys=1)
    current = [it for it in page.get("Versions", ()) if it["Key"] == key]
    return current[0] | {"ContentLength": current[0]["Size"]} if current else None


def filed_object(connection: Connection, key: str) -> FiledObject | None:
    """Return an object of the processed bucket; None if there is none."""
    found = head(connection, connection.processed, key)
    if found is None:
        return None
    stamp = found.get("Metadata", {})
    return FiledObject(
        key,
        found.get("VersionId"),
        found["ContentLength"],
        stamp.get("carefile-role"),
        stamp.get("carefile-source"),
        stamp.get("carefile-version"),
        stamp.get("carefile-execution"),
    )


def tags(
    connection: Connection, bucket: str, key: str, version_id: str | None = None
) -> dict[str, str] | None:
    """Return the tags of an object, or of one version; None if it is gone."""
    version = {"VersionId": version_id} if version_id else {}
    try:
        found = connection.client("s3").get_object_tagging(Bucket=bucket, Key=key, **version)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}


def pipeline_status(connection: Connection, landed: LandingObject) -> str | None:
    """Read from its tag how the intake of a landing version ended; None if it has not."""
    found = tags(connection, landed.source.bucket, landed.source.key, landed.version_id)
    return (found or {}).get(STATUS_TAG)


def head(
    connection: Connection, bucket: str, key: str, version_id: str | None = None
) -> dict[str, Any] | None:
    """HEAD an object, or one version of it; None if there is none."""
    version = {"VersionId": version_id} if version_id else {}
    try:
        found: dict[str, Any] = connection.client("s3").head_object(Bucket=bucket, Key=key, **version)
    except ClientError as error:
        if is_gone(error):
            return None
        raise
    return found


def is_gone(error: ClientError) -> bool:
    """Return whether S3 reports that the key or version does not exist."""
    return str(error.response.get("Error", {}).get("Code")) in _GONE
