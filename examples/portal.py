"""A portal that uploads documents for patients who are signed in, and says what it did with each.

    python examples/portal.py report.pdf --patient Juan_Perez_123 --bucket LANDING [--link]

The patient is in the key and in the metadata, in the one request that writes the object; should the document itself
name somebody else, it is filed as unknown, and a person decides. Each upload has a key of its own, and `If-None-Match`
refuses to overwrite one, so sending it again after a lost answer files it once. With --link the portal does not see the
bytes: it gives the browser an address that takes this one upload for five minutes.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

_MINUTES = 5


def key_for(patient: str, name: str, upload_id: str) -> str:
    """Return the landing key: the same for the same upload, and no other's. A slash would be a folder."""
    if not patient or "/" in patient or patient in (".", ".."):
        raise ValueError("not a patient's id")
    return f"documents/{patient}/portal/{upload_id}/{Path(name).name}"


def upload(s3: Any, bucket: str, patient: str, name: str, body: bytes) -> tuple[str, bool]:
    """Upload a document and return its key, and whether it is new; the same bytes again are not."""
    key = key_for(patient, name, hashlib.sha256(body).hexdigest()[:16])
    try:
        s3.put_object(
            Bucket=bucket,
            Key=key,
            Body=body,
            Metadata={"patient-id": patient},
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "PreconditionFailed":
            raise
        return key, False
    return key, True


def link(s3: Any, bucket: str, patient: str, name: str, upload_id: str) -> tuple[str, dict[str, str]]:
    """Return an address for the browser's PUT, and the headers that it must send with it."""
    headers = {"x-amz-meta-patient-id": patient, "If-None-Match": "*"}
    asked: dict[str, Any] = {"Bucket": bucket, "Key": key_for(patient, name, upload_id)}
    asked |= {"Metadata": {"patient-id": patient}, "IfNoneMatch": "*"}
    return s3.generate_presigned_url("put_object", Params=asked, ExpiresIn=_MINUTES * 60), headers


def main() -> int:
    parser = argparse.ArgumentParser(description="Upload a document for a patient.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--patient", required=True)
    parser.add_argument("--bucket", required=True, help="LandingBucketName of the stack")
    parser.add_argument("--link", action="store_true", help="print an address for a browser's upload instead")
    asked = parser.parse_args()
    s3, body = boto3.client("s3"), asked.file.read_bytes()
    if asked.link:
        digest = hashlib.sha256(body).hexdigest()[:16]
        address, headers = link(s3, asked.bucket, asked.patient, asked.file.name, digest)
        print(address, *(f"{name}: {value}" for name, value in headers.items()), sep="\n")
        return 0
    key, new = upload(s3, asked.bucket, asked.patient, asked.file.name, body)
    print(f"{key}{'' if new else ' (it was there)'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
