"""What was recognised on pages, kept by the digest of the page's picture: so that nothing is read twice.

It holds no decision and may be lost: what is missing is read again. It lies under the id of the source it came from, so
that forgetting finds it, and in the bucket of reports, whose objects expire.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from carefile.core.documents.recognition import RecognisedPage, readings_folder
from lambdas.adapters.landing import is_gone

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Readings:
    def __init__(self, s3: S3Client, bucket: str) -> None:
        self._s3 = s3
        self._bucket = bucket

    def known(self, source_id: str) -> frozenset[str]:
        """The digests of the pictures of a source that were read."""
        folder = readings_folder(source_id)
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=folder)
        keys = (item["Key"] for page in pages for item in page.get("Contents", []))
        return frozenset(key.removeprefix(folder) for key in keys)

    def keep(self, source_id: str, digest: str, found: RecognisedPage, picture: bytes) -> None:
        kept = {"found": found.to_json(), "picture": base64.b64encode(picture).decode()}
        self._s3.put_object(
            Bucket=self._bucket,
            Key=f"{readings_folder(source_id)}{digest}",
            Body=json.dumps(kept, ensure_ascii=False).encode(),
            ContentType="application/json",
        )

    def drop(self, source_id: str) -> None:
        """Delete all that is kept of a source, every version of it."""
        marker: dict[str, Any] = {}
        while True:
            page = self._s3.list_object_versions(
                Bucket=self._bucket, Prefix=readings_folder(source_id), **marker
            )
            for item in (*page.get("Versions", ()), *page.get("DeleteMarkers", ())):
                self._s3.delete_object(Bucket=self._bucket, Key=item["Key"], VersionId=item["VersionId"])
            if not page["IsTruncated"]:
                return
            marker = {
                "KeyMarker": page["NextKeyMarker"],
                "VersionIdMarker": page["NextVersionIdMarker"],
            }

    def get(self, source_id: str, digest: str) -> tuple[RecognisedPage, bytes] | None:
        """A page and its picture; None where it was lost."""
        try:
            found = self._s3.get_object(Bucket=self._bucket, Key=f"{readings_folder(source_id)}{digest}")
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        kept = json.loads(found["Body"].read())
        return RecognisedPage.from_json(kept["found"]), base64.b64decode(kept["picture"])
