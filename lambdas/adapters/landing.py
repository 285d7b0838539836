"""The landing bucket: versions, bytes and tags of what was uploaded. Nothing here writes an object."""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.errors import RejectedObject
from carefile.core.filing.tagging import Tags
from carefile.core.messages.head import content_digest, observed, proves
from carefile.core.model import Deleted, Observation, Source
from lambdas.adapters import digests

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_REFUSED = frozenset({"400", "BadRequest"})  # HEAD gives no reason
_MOST_VERSIONS = 1000  # of a page, S3's own limit
_GONE = frozenset({"404", "405", "NoSuchKey", "NoSuchVersion", "MethodNotAllowed", "NotFound"})


def is_gone(error: ClientError) -> bool:
    """Whether S3 says that the key, or this version of it, does not exist."""
    return str(error.response.get("Error", {}).get("Code")) in _GONE


def archived() -> RejectedObject:
    return RejectedObject(
        "archived-object: the object is in an archive of S3, which hands out no byte of it; restore it, then redrive"
    )


def etag_condition(observed: Observation) -> str:
    """The ETag as a condition takes it: in its quotation marks (RFC 9110)."""
    return f'"{observed.etag}"'


def version_argument(version_id: str | None) -> dict[str, Any]:
    return {"VersionId": version_id} if version_id else {}


def _after(page: Any) -> dict[str, Any]:
    """Where the next page of a version listing begins."""
    version = page.get("NextVersionIdMarker")
    return {"KeyMarker": page["NextKeyMarker"]} | ({"VersionIdMarker": version} if version else {})


class Landing:
    def __init__(self, s3: S3Client) -> None:
        self._s3 = s3

    def head(self, source: Source, version_id: str | None = None) -> Observation | Deleted:
        """The current version of a key, or the one named; strongly consistent. An id that S3 cannot read names none."""
        try:
            found = self._s3.head_object(Bucket=source.bucket, Key=source.key, **version_argument(version_id))
        except ClientError as error:
            if is_gone(error):
                headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
                return Deleted(source, marker=headers.get("x-amz-delete-marker") == "true")
            if error.response.get("Error", {}).get("Code") in _REFUSED:
                if version_id:
                    return Deleted(source, marker=False)
                raise RejectedObject(
                    "unreadable-object: S3 refuses to show the object, as it does for one encrypted under a key that "
                    "only its uploader holds (SSE-C); upload it without such a key"
                ) from None
            raise
        return observed(source, found)

    def read(self, observed: Observation, limit: int) -> bytes | None:
        """Read at most the first `limit` bytes of this version; None if it is gone."""
        try:
            found = self._s3.get_object(
                Bucket=observed.source.bucket,
                Key=observed.source.key,
                Range=f"bytes=0-{limit - 1}",
                IfMatch=etag_condition(observed),
                **version_argument(observed.version_id),
            )
        except ClientError as error:
            if is_gone(error) or error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
                return None
            raise
        return found["Body"].read()

    def content_digest(self, observed: Observation) -> str | None:
        """A digest that proves equal bytes: the uploader's own, which S3 has checked, or one of the bytes. None when
        this version is gone."""
        named = {"Bucket": observed.source.bucket, "Key": observed.source.key}
        which: dict[str, Any] = named | version_argument(observed.version_id)
        try:
            digest = content_digest(self._s3.head_object(**which, ChecksumMode="ENABLED"))
            if proves(digest):
                return digest
            return digests.computed(self._s3, **which, IfMatch=etag_condition(observed))
        except ClientError as error:
            if is_gone(error) or error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
                return None
            raise

    def uploads(self, bucket: str, prefix: str, after: str = "") -> Iterator[dict[str, str]]:
        """Every key under a prefix that has, or had, something to be filed, in the order of keys, from one on: deleted
        ones too, as long as the bucket holds a version. No version is named: which one is meant is for its intake to
        find out, as malware protection may refuse the newest."""
        entries = chain.from_iterable(
            sorted([*page.get("Versions", ()), *page.get("DeleteMarkers", ())], key=itemgetter("Key"))
            for page in self._version_pages(bucket, prefix, after)
        )
        for key, group in groupby(entries, key=itemgetter("Key")):
            if any(entry.get("Size") for entry in group) and key > after:
                yield {"bucket": bucket, "key": key}

    def _version_pages(self, bucket: str, prefix: str, after: str) -> Iterator[Any]:
        """Page through versions; boto3's paginator takes no key to start after."""
        marker: dict[str, Any] = {"KeyMarker": after} if after else {}
        while True:
            page = self._s3.list_object_versions(Bucket=bucket, Prefix=prefix, **marker)
            yield page
            if not page["IsTruncated"]:
                return
            marker = _after(page)

    def versions(self, source: Source) -> Iterator[tuple[str, int | None]]:
        """The versions of a key since it was last deleted, the newest first: id and size; then that deletion, which has
        no size."""
        most, marker = _MOST_VERSIONS, dict[str, Any]()
        while True:
            page = self._s3.list_object_versions(
                Bucket=source.bucket, Prefix=source.key, MaxKeys=most, **marker
            )
            deletions = [it for it in page.get("DeleteMarkers", ()) if it["Key"] == source.key]
            if deletions and most > 1:
                most = 1  # boto3 lists versions and deletions apart: only one at a time shows their order
                continue
            for entry in page.get("Versions", ()):
                if entry["Key"] != source.key:
                    return  # those that only begin like this key come after it
                yield entry["VersionId"], entry["Size"]
            if deletions:
                yield deletions[0]["VersionId"], None
                return
            if not page["IsTruncated"]:
                return
            marker = _after(page)

    def newest_of(self, source: Source, versions: Container[str | None]) -> str | None:
        """Which of these versions was written last, deleted since or not. S3 lists the newest first; the times that it
        gives are seconds, and of a multipart upload the one at which it began."""
        for page in self._version_pages(source.bucket, source.key, ""):
            for entry in page.get("Versions", ()):
                if entry["Key"] != source.key:
                    return None  # those that only begin like this key come after it
                if entry["VersionId"] in versions:
                    return str(entry["VersionId"])
        return None

    def tags(self, source: Source, version_id: str | None) -> dict[str, str] | None:
        """The tags of a version (the current one, without an id); None if it is gone."""
        try:
            found = self._s3.get_object_tagging(
                Bucket=source.bucket, Key=source.key, **version_argument(version_id)
            )
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def put_tags(self, source: Source, version_id: str | None, tags: Tags) -> None:
        """Replace all tags of a version. S3 knows no other way, so the caller merges first. Gone is no error."""
        tag_set = [{"Key": key, "Value": value} for key, value in tags.items()]
        try:
            self._s3.put_object_tagging(
                Bucket=source.bucket,
                Key=source.key,
                Tagging={"TagSet": tag_set},  # type: ignore[typeddict-item]
                **version_argument(version_id),
            )
        except ClientError as error:
            if not is_gone(error):
                raise
