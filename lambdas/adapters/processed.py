"""The processed bucket: claims, artifacts with their stamps and tags, and what is retired.

Invariants: tags and stamp are written in the same request as the object; a folder's manifest is created with
If-None-Match, so a folder has one owner for good; only objects stamped with the source itself are ever deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from carefile.core.errors import FolderContended
from carefile.core.filing import stamps
from carefile.core.filing.browsing import safe_disposition
from carefile.core.filing.layout import Owner, manifest_key
from carefile.core.filing.tagging import Tags, encoded
from carefile.core.messages.events import owner_in
from carefile.core.messages.head import content_digest, proves
from carefile.core.model import Observation, Stamp, StoredObject
from lambdas.adapters import digests
from lambdas.adapters.landing import etag_condition, is_gone, version_argument

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_SINGLE_COPY = 5 * 1024**3  # S3, CopyObject: up to 5 GB in one request
MAX_USER_METADATA = 2048  # S3, "User-defined object metadata": 2 KB of names and values
_COPIES = frozenset({"original", "session"})  # the roles of what is a copy of an upload
# S3, "Conditional writes": what a condition does not hold for, or another write that comes at the same time.
_CHANGED = ("PreconditionFailed", "412", "ConditionalRequestConflict")
Seen = Mapping[str, str]  # the ETags of the artifacts that a round found
_MOST_REMEMBERED = 10_000  # owners of folders, some megabytes
# Ownership is released only when a patient is forgotten, and that not before a day after the folder was emptied.
_REMEMBERED_SECONDS = 3600


class VersionGone(Exception):
    """The version to copy no longer exists; the intake starts another round."""


class Overwritten(Exception):
    """An artifact is not what the round saw when it began; the intake starts another."""


class Processed:
    """`shared`: others write there too, or once did, and claim nothing."""

    def __init__(self, s3: S3Client, bucket: str, *, shared: bool = True) -> None:
        self._s3 = s3
        self.bucket = bucket
        self._shared = shared
        self._owners: dict[str, str] = {}
        self._since = monotonic()

    def claim(
        self,
        folders: Iterable[str],
        owner: Owner,
        manifest: dict[str, Any],
        tags: Tags,
        *,
        likely_new: bool,
        earlier: Iterable[str] = (),
    ) -> str:
        """The first folder of the list that belongs to the owner, taking possession of it if it is nobody's. One of the
        `earlier` ones that it owns already comes before it takes another.

        In a layout that is shared, a folder that holds something and no manifest is somebody else's who wrote there
        without us; in one that is not, whatever stands there was claimed before. `likely_new` saves the look for a
        manifest before the first claim. Ownership is never released, so what was once read here is
        remembered for the life of the process.
        """
        kept = iter(earlier)
        for folder in folders:
            known = None if likely_new else self._owner(folder)
            if known == owner.owner_id:
                return folder
            for other in kept:
                if self._owner(other) == owner.owner_id:
                    return other
            if known is None and self._is_vacant(folder):
                self._try_claim(folder, manifest, tags)
            if self._owner(folder) == owner.owner_id:
                return folder
        raise FolderContended(
            "folder-contended: every name of the destination folder belongs to another source"
        )

    def owns(self, owner: Owner, folder: str) -> bool:
        """Whether a folder is the owner's."""
        return self._owner(folder) == owner.owner_id

    def is_others(self, owner: Owner, folder: str) -> bool:
        """Whether a folder belongs to somebody else, permanently."""
        return self._owner(folder) not in (None, owner.owner_id)

    def adopt(self, folder: str, owner: Owner, manifest: dict[str, Any], tags: Tags) -> bool:
        """Claim a folder that others wrote for itself. False if it is somebody's already."""
        if self._owner(folder) is None:
            self._try_claim(folder, manifest, tags)
        return self._owner(folder) == owner.owner_id

    def _is_vacant(self, folder: str) -> bool:
        """Whether nobody wrote there without claiming it."""
        if not self._shared:
            return True
        return not self._s3.list_objects_v2(Bucket=self.bucket, Prefix=folder, MaxKeys=1).get("Contents")

    def _owner(self, folder: str) -> str | None:
        if monotonic() - self._since > _REMEMBERED_SECONDS:
            self._owners.clear()
            self._since = monotonic()
        known = self._owners.get(folder)
        if known is None:
            try:
                body = self._s3.get_object(Bucket=self.bucket, Key=manifest_key(folder))["Body"].read()
            except ClientError as error:
                if is_gone(error):
                    return None
                raise
            known = self._remember(folder, body)
        return known

    def _remember(self, folder: str, manifest: bytes) -> str:
        if len(self._owners) >= _MOST_REMEMBERED:
            self._owners.clear()
        self._owners[folder] = _owner_of(manifest)
        return self._owners[folder]

    def _try_claim(self, folder: str, manifest: dict[str, Any], tags: Tags) -> None:
        try:
            self._put_manifest(manifest_key(folder), manifest, tags, IfNoneMatch="*")
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") not in ("PreconditionFailed", "412"):
                raise
        else:
            self._remember(folder, _json(manifest))

    def head(self, key: str) -> tuple[StoredObject, Stamp] | None:
        """An artifact with its stamp; None if there is none, or if no intake wrote it."""
        return self.look(key)[1]

    def look(self, key: str) -> tuple[str | None, tuple[StoredObject, Stamp] | None]:
        """The same, and the ETag of whatever is there."""
        try:
            found = self._s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            if is_gone(error):
                return None, None
            raise
        metadata = found.get("Metadata", {})
        stamp = stamps.stamp_in(metadata)
        etag = found["ETag"].strip('"')
        if stamp is None:
            return etag, None
        stored = StoredObject(
            key,
            metadata.get(stamps.ROLE, "other"),
            found.get("VersionId"),
            etag,
            found["ContentLength"],
            found.get("ContentType", "binary/octet-stream"),
            content_digest(found),
        )
        return etag, (stored, stamp)

    def put(
        self,
        key: str,
        role: str,
        body: bytes,
        content_type: str,
        stamp: Stamp,
        tags: Tags,
        seen: Seen | None = None,
    ) -> StoredObject:
        """Write a small artifact that was made here. Overwritten where it is not what was `seen`."""
        conditions = {} if seen is None else _unchanged(seen.get(key))
        try:
            done = self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=body,
                ContentType=content_type,
                Metadata=stamps.metadata_of(stamp, role),
                Tagging=encoded(tags),
                **conditions,
            )
        except ClientError as error:
            if conditions and (is_gone(error) or error.response.get("Error", {}).get("Code") in _CHANGED):
                raise Overwritten from None
            raise
        return StoredObject(
            key, role, done.get("VersionId"), done["ETag"].strip('"'), len(body), content_type
        )

    def put_json(
        self,
        key: str,
        role: str,
        data: dict[str, Any],
        stamp: Stamp,
        tags: Tags,
        seen: Seen | None = None,
    ) -> StoredObject:
        return self.put(key, role, _json(data), "application/json", stamp, tags, seen)

    def copy(self, observed: Observation, key: str, role: str, stamp: Stamp, tags: Tags) -> StoredObject:
        """Copy exactly this version, byte for byte and inside S3. VersionGone if it no longer exists.

        The uploader's metadata comes along while it fits into what S3 allows beside the stamp. What a browser would
        run is marked as something to save.
        """
        headers = dict(observed.headers)
        disposition = safe_disposition(observed.content_type, headers.get("ContentDisposition"))
        source = {"Bucket": observed.source.bucket, "Key": observed.source.key} | version_argument(
            observed.version_id
        )
        arguments: dict[str, Any] = {
            "ContentType": observed.content_type,
            **headers,
            **({"ContentDisposition": disposition} if disposition else {}),
            "Metadata": _with_uploaders(stamps.metadata_of(stamp, role), observed.metadata),
            "MetadataDirective": "REPLACE",
            "Tagging": encoded(tags),
            "TaggingDirective": "REPLACE",
            "CopySourceIfMatch": etag_condition(observed),
        }
        try:
            if observed.size <= MAX_SINGLE_COPY:
                # S3 computes the digest as it copies: nobody reads the bytes again.
                arguments["ChecksumAlgorithm"] = "SHA256"
                done = self._s3.copy_object(Bucket=self.bucket, Key=key, CopySource=source, **arguments)  # type: ignore[arg-type]
                version_id, answer = done.get("VersionId"), cast("dict[str, Any]", done["CopyObjectResult"])
            else:
                self._s3.copy(source, self.bucket, key, ExtraArgs=arguments)  # type: ignore[arg-type]
                found = self._s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED")
                version_id, answer = found.get("VersionId"), cast("dict[str, Any]", found)
        except ClientError as error:
            if is_gone(error) or error.response.get("Error", {}).get("Code") in ("PreconditionFailed", "412"):
                raise VersionGone from None
            raise
        etag, digest = str(answer["ETag"]).strip('"'), content_digest(answer)
        return StoredObject(key, role, version_id, etag, observed.size, observed.content_type, digest)

    def retire(self, destination: str, source_id: str, tombstone: dict[str, Any], tags: Tags) -> bool:
        """Delete what this source holds at a destination (delete markers; older versions stay recoverable). False
        when it held nothing there.

        A document's manifest is replaced by the tombstone, a bare claim: the folder stays its owner's.
        """
        held = False
        for key in self._keys_at(destination):
            found = self.head(key)
            if found is None or found[1].source_id != source_id:
                continue
            held = True
            if key == manifest_key(destination):
                self._put_manifest(key, tombstone, tags)
            else:
                self._s3.delete_object(Bucket=self.bucket, Key=key)
        return held

    def holding(self, destination: str, source_id: str) -> tuple[StoredObject, Stamp] | None:
        """The copy of an upload's bytes that a destination shows of a source, with a digest that proves them."""
        for key in self._keys_at(destination):
            found = self.head(key)
            if found and found[1].source_id == source_id and found[0].role in _COPIES:
                stored, stamp = found
                if not proves(stored.content_digest):
                    read = digests.computed(self._s3, Bucket=self.bucket, Key=key)
                    stored = replace(stored, content_digest=read)
                return stored, stamp
        return None

    def manifest(self, folder: str) -> tuple[dict[str, Any], StoredObject, Stamp] | None:
        """The manifest of a document that is filed in a folder; None where there is only a claim, or nothing."""
        key = manifest_key(folder)
        found = self.head(key)
        if found is None:
            return None
        try:
            body = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        manifest = json.loads(body)
        return (manifest, *found) if manifest.get("state") == "filed" else None

    def _keys_at(self, destination: str) -> list[str]:
        if not destination.endswith("/"):
            return [destination]
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=destination)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def _put_manifest(self, key: str, data: dict[str, Any], tags: Tags, **conditions: Any) -> None:
        self._s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=_json(data),
            ContentType="application/json",
            Tagging=encoded(tags),
            **conditions,
        )


def _with_uploaders(ours: dict[str, str], theirs: Iterable[tuple[str, str]]) -> dict[str, str]:
    merged, room = dict(ours), MAX_USER_METADATA - sum(len(name) + len(value) for name, value in ours.items())
    for name, value in theirs:
        size = len(name) + len(value)
        if size <= room and not name.startswith(stamps.PREFIX) and value.isascii():
            merged[name] = value
            room -= size
    return merged


def _unchanged(etag: str | None) -> dict[str, Any]:
    return {"IfMatch": f'"{etag}"'} if etag else {"IfNoneMatch": "*"}


def _json(data: dict[str, Any]) -> bytes:
    return json.dumps(data, ensure_ascii=False, sort_keys=True).encode("utf-8", "surrogatepass")


def _owner_of(manifest: bytes) -> str:
    """The owner a manifest names; what is no manifest of ours belongs to somebody who is never us."""
    try:
        data = json.loads(manifest)
    except ValueError:
        return "somebody else"
    return (owner_in(data) if isinstance(data, dict) else None) or "somebody else"
