"""S3: versions and delete markers, strong consistency, conditions, pinned and conditional copies, whole tag sets.

The contents are in `store.py`; the methods named as boto3's are the functions' way to them.
"""

# ruff: noqa: N803 - the parameters are named as boto3 names them

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from botocore.exceptions import ClientError

from tests.simulation.aws.errors import client_error
from tests.simulation.aws.gate import Gate
from tests.simulation.aws.store import Bucket, Version, etag_of

PAGE = 3  # S3 may answer a listing with fewer keys than were asked for; here it always does
_MAX_TAGS = 10
_MAX_METADATA = 2048
_HEADERS = ("CacheControl", "ContentDisposition", "ContentEncoding", "ContentLanguage")


class S3:
    """The client."""

    def __init__(self, gate: Gate, buckets: dict[str, Bucket], now: Callable[[], datetime]) -> None:
        self._gate = gate
        self._buckets = buckets
        self._now = now

    def head_object(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "HeadObject", arguments, self._head)

    def get_object(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "GetObject", arguments, self._get)

    def put_object(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "PutObject", arguments, self._put)

    def copy_object(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "CopyObject", arguments, self._copy)

    def delete_object(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "DeleteObject", arguments, self._delete)

    def get_object_tagging(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "GetObjectTagging", arguments, self._get_tags)

    def put_object_tagging(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "PutObjectTagging", arguments, self._put_tags)

    def list_objects_v2(self, **arguments: Any) -> dict[str, Any]:
        limit = arguments.pop("MaxKeys")
        found = self._gate.call("s3", "ListObjectsV2", arguments | {"after": ""}, self._list)[:limit]
        return {"KeyCount": len(found)} | ({"Contents": found} if found else {})

    def list_object_versions(self, **arguments: Any) -> dict[str, Any]:
        return self._gate.call("s3", "ListObjectVersions", arguments, self._list_versions)

    def get_paginator(self, name: str) -> _Listing:
        if name != "list_objects_v2":
            raise NotImplementedError(name)
        return _Listing(self._gate, self._list)

    def _head(
        self, Bucket: str, Key: str, VersionId: str | None = None, ChecksumMode: str = ""
    ) -> dict[str, Any]:
        found = self._readable("HeadObject", Bucket, Key, VersionId)
        return self._described(Bucket, found) | (found.checksums if ChecksumMode else {})

    def _get(
        self,
        Bucket: str,
        Key: str,
        VersionId: str | None = None,
        Range: str | None = None,
        IfMatch: str | None = None,
    ) -> dict[str, Any]:
        found = self._readable("GetObject", Bucket, Key, VersionId)
        if IfMatch is not None and IfMatch.strip('"') != found.etag.strip('"'):
            raise client_error("GetObject", "PreconditionFailed", 412)
        body = found.body or b""
        if Range is not None:
            first, last = (int(number) for number in Range.removeprefix("bytes=").split("-"))
            if first >= len(body):
                raise client_error("GetObject", "InvalidRange", 416)
            body = body[first : last + 1]
        return self._described(Bucket, found) | {"ContentLength": len(body), "Body": io.BytesIO(body)}

    def _put(
        self,
        Bucket: str,
        Key: str,
        Body: bytes | str,
        ContentType: str = "binary/octet-stream",
        Metadata: dict[str, str] | None = None,
        Tagging: str = "",
        IfNoneMatch: str | None = None,
        IfMatch: str | None = None,
    ) -> dict[str, Any]:
        bucket = self._buckets[Bucket]
        if IfMatch is not None:
            found = bucket.live(Key)
            if found is None:
                raise client_error("PutObject", "NoSuchKey", 404)
            if found.etag.strip('"') != IfMatch.strip('"'):
                raise client_error("PutObject", "PreconditionFailed", 412)
        if IfNoneMatch is not None:
            if IfNoneMatch != "*":
                raise NotImplementedError("If-None-Match takes only *")
            if bucket.live(Key):
                raise client_error("PutObject", "PreconditionFailed", 412)
        version = Version(Key, "", _bytes(Body), self._now(), etag_of(_bytes(Body)), ContentType)
        version.metadata, version.tags = _metadata("PutObject", Metadata or {}), _tags("PutObject", Tagging)
        return self._written(bucket, version)

    def _copy(
        self,
        Bucket: str,
        Key: str,
        CopySource: dict[str, str],
        MetadataDirective: str,
        TaggingDirective: str,
        Metadata: dict[str, str],
        Tagging: str,
        ContentType: str,
        CopySourceIfMatch: str | None = None,
        ChecksumAlgorithm: str = "",
        **headers: str,
    ) -> dict[str, Any]:
        if (MetadataDirective, TaggingDirective) != ("REPLACE", "REPLACE") or set(headers) - set(_HEADERS):
            raise NotImplementedError("CopyObject with these arguments")
        source = self._source(CopySource)
        if CopySourceIfMatch is not None and CopySourceIfMatch.strip('"') != source.etag.strip('"'):
            raise client_error("CopyObject", "PreconditionFailed", 412)
        version = Version(Key, "", source.body, self._now(), source.etag, ContentType)
        version.metadata, version.tags = _metadata("CopyObject", Metadata), _tags("CopyObject", Tagging)
        version.headers = headers
        if ChecksumAlgorithm:
            version.checksums = {f"Checksum{ChecksumAlgorithm}": _sha256(source.body or b"")}
        done = self._written(self._buckets[Bucket], version)
        result = {"ETag": done.pop("ETag"), "LastModified": version.modified, **version.checksums}
        return {"CopyObjectResult": result} | done

    def _source(self, named: dict[str, str]) -> Version:
        version_id = named.get("VersionId")
        found = self._buckets[named["Bucket"]].find(named["Key"], version_id)
        if found is None:
            raise client_error("CopyObject", "NoSuchVersion" if version_id else "NoSuchKey", 404)
        if found.body is None:
            raise client_error("CopyObject", *(("InvalidRequest", 400) if version_id else ("NoSuchKey", 404)))
        return found

    def _delete(self, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        if VersionId is not None:
            history = self._buckets[Bucket].keys.get(Key, [])
            history[:] = [version for version in history if version.id != VersionId]
            return {"VersionId": VersionId}
        marker = self._buckets[Bucket].delete(Key, self._now())
        return {"DeleteMarker": True, "VersionId": marker} if marker else {}

    def _get_tags(self, Bucket: str, Key: str, VersionId: str | None = None) -> dict[str, Any]:
        found = self._readable("GetObjectTagging", Bucket, Key, VersionId)
        tags = {"TagSet": [{"Key": key, "Value": value} for key, value in found.tags.items()]}
        return tags | ({"VersionId": found.id} if self._buckets[Bucket].versioned else {})

    def _put_tags(
        self,
        Bucket: str,
        Key: str,
        Tagging: dict[str, Any],
        VersionId: str | None = None,
    ) -> dict[str, Any]:
        found = self._readable("PutObjectTagging", Bucket, Key, VersionId)
        found.tags = _checked("PutObjectTagging", {tag["Key"]: tag["Value"] for tag in Tagging["TagSet"]})
        return {}

    def _list(self, Bucket: str, Prefix: str, after: str) -> list[dict[str, Any]]:
        keys = (key for key in self._buckets[Bucket].live_keys(Prefix) if key.encode() > after.encode())
        return [{"Key": key} for key, _ in zip(keys, range(PAGE + 1), strict=False)]

    def _list_versions(
        self,
        Bucket: str,
        Prefix: str,
        MaxKeys: int = 1000,
        KeyMarker: str | None = None,
        VersionIdMarker: str | None = None,
    ) -> dict[str, Any]:
        """Versions and delete markers, of each key the newest first, and so apart as boto3 hands them out."""
        keys = sorted(key for key in self._buckets[Bucket].keys if key.startswith(Prefix))
        entries = [it for key in keys for it in reversed(self._buckets[Bucket].keys[key])]
        if KeyMarker is not None:
            # The marked version may be gone by now.
            entries = [it for it in entries if _follows(it, KeyMarker, VersionIdMarker or "")]
        page = entries[: min(MaxKeys, PAGE)]
        answer: dict[str, Any] = {"IsTruncated": len(page) < len(entries)}
        for name, kept in (
            ("Versions", [it for it in page if it.body is not None]),
            ("DeleteMarkers", [it for it in page if it.body is None]),
        ):
            if kept:
                answer[name] = [
                    {"Key": it.key, "VersionId": it.id, "LastModified": it.modified.replace(microsecond=0)}
                    | ({"Size": len(it.body)} if it.body is not None else {})
                    for it in kept
                ]
        if answer["IsTruncated"]:
            answer |= {"NextKeyMarker": page[-1].key, "NextVersionIdMarker": page[-1].id}
        return answer

    def _readable(self, operation: str, bucket: str, key: str, version_id: str | None) -> Version:
        found = self._buckets[bucket].find(key, version_id)
        head = operation == "HeadObject"
        if found is None:
            code = "404" if head else "NoSuchVersion" if version_id else "NoSuchKey"
            raise client_error(operation, code, 404)
        if found.body is None:
            raise _marked(operation, found, head=head, named=version_id is not None)
        return found

    def _described(self, bucket: str, found: Version) -> dict[str, Any]:
        answer = {
            "ETag": found.etag,
            "LastModified": found.modified.replace(microsecond=0),
            "ContentLength": len(found.body or b""),
            "ContentType": found.content_type,
            "Metadata": dict(found.metadata),
            **found.headers,
            "ResponseMetadata": {"HTTPHeaders": {"x-amz-tagging-count": str(len(found.tags))}},
        }
        return answer | ({"VersionId": found.id} if self._buckets[bucket].versioned else {})

    def _written(self, bucket: Bucket, version: Version) -> dict[str, Any]:
        bucket.add(version)
        return {"ETag": version.etag} | ({"VersionId": version.id} if bucket.versioned else {})


class _Listing:
    """The paginator of ListObjectsV2; every page is a call of its own and sees what is there at that time."""

    def __init__(self, gate: Gate, page: Callable[..., list[dict[str, Any]]]) -> None:
        self._gate = gate
        self._page = page

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        after, more = "", True
        while more:
            found = self._gate.call("s3", "ListObjectsV2", arguments | {"after": after}, self._page)
            more, contents = len(found) > PAGE, found[:PAGE]
            yield {"Contents": contents} if contents else {}
            after = contents[-1]["Key"] if contents else ""


def _marked(operation: str, marker: Version, *, head: bool, named: bool) -> ClientError:
    """What S3 says of a delete marker: 404 to who asks for the key, 405 to who names the marker's own version."""
    headers = {"x-amz-delete-marker": "true", "x-amz-version-id": marker.id}
    if named:
        return client_error(operation, "405" if head else "MethodNotAllowed", 405, headers)
    return client_error(operation, "404" if head else "NoSuchKey", 404, headers)


def _follows(version: Version, key: str, version_id: str) -> bool:
    """Whether a listing of versions, of each key the newest first, has it after a marker."""
    if version.key != key:
        return version.key > key
    return version.id != "null" and int(version.id[1:]) < int(version_id[1:])


def _tags(operation: str, header: str) -> dict[str, str]:
    return _checked(operation, dict(_parsed(header)))


@cache
def _parsed(header: str) -> tuple[tuple[str, str], ...]:
    return tuple(parse_qsl(header, keep_blank_values=True, strict_parsing=bool(header)))


def _checked(operation: str, tags: dict[str, str]) -> dict[str, str]:
    if len(tags) > _MAX_TAGS:
        raise client_error(operation, "BadRequest", 400)
    return tags


def _metadata(operation: str, metadata: dict[str, str]) -> dict[str, str]:
    if sum(len(name) + len(value) for name, value in metadata.items()) > _MAX_METADATA:
        raise client_error(operation, "MetadataTooLarge", 400)
    return {name.lower(): value for name, value in metadata.items()}


def _sha256(body: bytes) -> str:
    return base64.b64encode(hashlib.sha256(body).digest()).decode()


def _bytes(body: bytes | str) -> bytes:
    return body.encode() if isinstance(body, str) else bytes(body)
