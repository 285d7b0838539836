"""Reads the layout's folders, and changes nothing: manifests, and how many objects there are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.filing.layout import manifest_key
from carefile.core.filing.stamps import stamp_in
from carefile.core.messages.head import content_digest, proves
from carefile.core.model import Decision, Stamp
from lambdas.adapters import digests
from lambdas.adapters.landing import is_gone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Folders:
    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self.bucket = bucket

    def manifest(self, folder: str) -> dict[str, Any] | None:
        """The manifest of a folder; None if there is none, or if it is not a manifest."""
        try:
            body = self._s3.get_object(Bucket=self.bucket, Key=manifest_key(folder))["Body"].read()
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        try:
            found = json.loads(body)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    def shows(self, destination: str, source_id: str) -> bool:
        """Whether a destination, a document's folder or the key of a session's object, shows something of a source."""
        found = self.stamped(manifest_key(destination) if destination.endswith("/") else destination)
        return found is not None and found[0].source_id == source_id

    def content_digest(self, key: str) -> str | None:
        """A digest that proves equal bytes of an object; None if the object is gone."""
        try:
            digest = content_digest(self._s3.head_object(Bucket=self.bucket, Key=key, ChecksumMode="ENABLED"))
            return digest if proves(digest) else digests.computed(self._s3, Bucket=self.bucket, Key=key)
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def beginning(self, stem: str) -> Iterator[str]:
        """The folders whose path begins with this prefix."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=stem, Delimiter="/"
        )
        for page in pages:
            yield from (item["Prefix"] for item in page.get("CommonPrefixes", ()))

    def objects(self, folder: str) -> int:
        """Count the objects in a folder, without its manifest."""
        return sum(1 for _ in self.keys(folder))

    def keys(self, folder: str) -> Iterator[str]:
        """Yield the keys of the objects in a folder, without its manifest."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=folder)
        for page in pages:
            yield from (it["Key"] for it in page.get("Contents", ()) if it["Key"] != manifest_key(folder))

    def decision(self, key: str) -> Decision | None:
        """The decision that an object is stamped with; None where it has none, or is gone."""
        found = self.stamped(key)
        return found[0].decision if found else None

    def stamped(self, key: str) -> tuple[Stamp, dict[str, str]] | None:
        """An object's stamp, and all its metadata; None where it has no stamp, or is gone."""
        try:
            metadata = self._s3.head_object(Bucket=self.bucket, Key=key).get("Metadata", {})
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        stamp = stamp_in(metadata)
        return (stamp, dict(metadata)) if stamp else None
