"""Object versions in both buckets, deleted and replaced ones included, with their stamps and manifests."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import is_gone
from carefile.core.filing.layout import manifest_key
from carefile.core.filing.stamps import stamp_in
from carefile.core.messages.events import owner_in
from carefile.core.messages.head import moment, version_name
from carefile.core.model import Source, Stamp


@dataclass(frozen=True, slots=True)
class Version:
    """A version or a delete marker. `name` is what the ledger and the stamps know the version by, `modified` when it
    was written, as they have it."""

    bucket: str
    key: str
    version_id: str
    size: int
    is_marker: bool
    is_latest: bool
    name: str
    modified: str


class Versions:
    def __init__(self, connection: Connection) -> None:
        self._processed = connection.processed
        self._s3 = connection.client("s3")

    def below(self, bucket: str, prefix: str) -> Iterator[Version]:
        """Yield every version and delete marker below a prefix, in key order."""
        for page in self._s3.get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
            found = [(item, False) for item in page.get("Versions", ())]
            found += [(item, True) for item in page.get("DeleteMarkers", ())]
            for item, is_marker in sorted(found, key=lambda one: one[0]["Key"]):
                version_id, size = item.get("VersionId") or "null", item.get("Size", 0)
                latest, modified = item.get("IsLatest", True), moment(item["LastModified"])
                name = version_name(version_id, item.get("ETag", ""), modified)
                yield Version(bucket, item["Key"], version_id, size, is_marker, latest, name, modified)

    def at(self, place: str) -> Iterator[Version]:
        """Yield the versions at a place of the layout: a folder, or the key of a session's object."""
        for version in self.below(self._processed, place):
            if place.endswith("/") or version.key == place:
                yield version

    def landed(self, source: Source) -> list[Version]:
        return [one for one in self.below(source.bucket, source.key) if one.key == source.key]

    def manifests(self, folder: str) -> list[dict[str, Any]]:
        """Return every surviving version of the folder's manifest, newest first."""
        versions = [one for one in self.at(manifest_key(folder)) if not one.is_marker]
        return [found for one in versions if (found := self._manifest(one))]

    def owner(self, manifest: Version) -> str | None:
        """The owner that a version of a folder's manifest names."""
        found = self._manifest(manifest)
        return owner_in(found) if found else None

    def stamp(self, version: Version) -> Stamp | None:
        head = self.head(version)
        return stamp_in(head.get("Metadata", {})) if head else None

    def head(self, version: Version) -> dict[str, Any] | None:
        """HEAD a version; None if it is gone."""
        which = {"Bucket": version.bucket, "Key": version.key, "VersionId": version.version_id}
        try:
            found: dict[str, Any] = self._s3.head_object(**which)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return found

    def _manifest(self, version: Version) -> dict[str, Any] | None:
        try:
            found = self._s3.get_object(Bucket=version.bucket, Key=version.key, VersionId=version.version_id)
            manifest = json.loads(found["Body"].read())
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        except ValueError:
            return None
        return manifest if isinstance(manifest, dict) else None


def patient_in(manifest: dict[str, Any]) -> str | None:
    """Return the patient that a session's or document's manifest names; None if unknown, or for a claim."""
    patient = manifest.get("patient") or manifest.get("classification", {}).get("patient", {})
    found: str | None = patient.get("id")
    return found


def newest_of(versions: list[Version]) -> Version | None:
    """Return the newest version that is not a delete marker."""
    return next((one for one in versions if not one.is_marker), None)
