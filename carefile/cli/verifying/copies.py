"""Claims about copying an upload into the layout: tags, metadata, checksums, time, keys that are written once."""

from __future__ import annotations

import hashlib
import json
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError

from carefile.cli.again.following import Sent
from carefile.cli.aws.objects import tags
from carefile.cli.verifying.claim import Claim
from carefile.cli.verifying.outcome import NotHere
from carefile.cli.verifying.site import Site, answered, create, expect
from carefile.core.filing.stamps import stamp_in
from carefile.core.model import PROOF

_PART = 5 * 1024 * 1024  # S3, the smallest part but the last
_LARGE_PART, _LARGE_PARTS = 64 * 1024 * 1024, 16
_LONGEST = 15 * 60 / 3  # seconds; Lambda's limit is three times as long
_TYPE, _OWN = "text/x-carefile-verify", {"clinic-verify": "a b"}


def _copied_as_specified(site: Site) -> str:
    sent = site.upload(
        site.key("copied.txt"), ContentType=_TYPE, Tagging=urlencode(_OWN), Metadata={"verify": "yes"}
    )
    entry = site.filed(sent)
    s3 = site.client("s3")
    copy = s3.head_object(Bucket=entry.bucket, Key=entry.key)
    expect(copy["ContentType"] == _TYPE, f"the copy has the content type {copy['ContentType']}")
    stamp = stamp_in(copy["Metadata"])
    expect(stamp and stamp.source_id == entry.source_id, "the copy's metadata has no stamp of its source")
    found = tags(site.connection, entry.bucket, entry.key) or {}
    expect(found.items() >= _OWN.items(), "the copy lacks the upload's own tag")
    expect(len(found) > len(_OWN), "the copy has no tag of the layout")
    upload = s3.head_object(Bucket=sent.source.bucket, Key=sent.source.key)
    keys = {upload.get("SSEKMSKeyId"), copy.get("SSEKMSKeyId")}
    return f"content type, stamp and {len(found)} tags are on the copy; {len(keys)} KMS keys were involved"


def _digest_of_parts(site: Site) -> str:
    body = site.token.encode() * (_PART // len(site.token) + 1000)
    sent = in_parts(site, site.key("parts.bin"), [body[:_PART], body[_PART:]])
    entry = site.filed(sent)
    expected = PROOF + hashlib.sha256(body).hexdigest()
    expect(entry.content_digest == expected, f"the catalog has the digest {entry.content_digest or 'none'}")
    return "the catalog has the SHA-256 of an upload in two parts"


def in_parts(site: Site, key: str, parts: list[bytes], **last: Any) -> Sent:
    """Upload an object in parts; `last` are members of the request that completes it."""
    s3 = site.client("s3")
    named = site.will_upload(key)
    upload = {**named, "UploadId": s3.create_multipart_upload(**named)["UploadId"]}
    done = [
        {"PartNumber": number, "ETag": s3.upload_part(**upload, PartNumber=number, Body=body)["ETag"]}
        for number, body in enumerate(parts, start=1)
    ]
    put = create(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": done}, **last)
    return site.sent(key, put.get("VersionId"), sum(map(len, parts)))


def _gibibyte(site: Site) -> str:
    """Build the object from one part that S3 copies, so that a slow line does not matter."""
    s3 = site.client("s3")
    source = site.will_upload(site.key("part.partial"))  # no intake: leftovers of transfer tools are ignored
    create(s3.put_object, **source, Body=b"\0" * _LARGE_PART)
    key = site.key("gibibyte.bin")
    named = site.will_upload(key)
    upload = {**named, "UploadId": s3.create_multipart_upload(**named)["UploadId"]}
    done = []
    for number in range(1, _LARGE_PARTS + 1):
        copied = s3.upload_part_copy(**upload, PartNumber=number, CopySource=source)
        done.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
    put = create(s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": done})
    sent = site.sent(key, put.get("VersionId"), _LARGE_PART * _LARGE_PARTS)
    followed = site.ended(sent)
    seconds = followed.to_json()["seconds"]
    expect(followed.entry, f"the intake ended {followed.status}")
    expect(seconds < _LONGEST, f"it took {seconds:.0f} s from the upload to the catalog")
    return f"1 GiB was filed {seconds:.0f} s after its upload"


def _write_once(site: Site) -> str:
    prefix = _write_once_prefix(site)
    if prefix is None:
        raise NotHere("the stage has no write_once_prefixes")
    s3, key = site.client("s3"), f"{prefix}{site.token} once.txt"
    refusal = answered(lambda: s3.put_object(**site.will_upload(key), Body=b"hello"))
    expect(refusal == "AccessDenied", f"a PUT without If-None-Match was answered with {refusal or 'success'}")
    site.filed(in_parts(site, key, [b"hello"], IfNoneMatch="*"))
    return "a PUT without If-None-Match was rejected, and a multipart upload that ends with it was filed"


def _write_once_prefix(site: Site) -> str | None:
    try:
        policy = json.loads(site.client("s3").get_bucket_policy(Bucket=site.connection.landing)["Policy"])
    except ClientError:
        return None
    for statement in policy["Statement"]:
        if statement.get("Sid") == "RefuseOverwrites":
            resource = statement["Resource"]
            first = resource if isinstance(resource, str) else resource[0]
            return str(first).partition(":::")[2].partition("/")[2].removesuffix("*")
    return None


CLAIMS = (
    Claim(
        "With `write_once_prefixes` a PUT without `If-None-Match` is rejected, and a multipart upload whose last "
        "request has it succeeds",
        "a stage with the setting; `aws s3api put-object` with and without `--if-none-match '*'`, then the three "
        "requests of a multipart upload",
        _write_once,
        uploads=1,
        embedded="does not enforce bucket policies",
    ),
    Claim(
        "`CopyObject` with `CopySourceIfMatch` and a version id copies tags, metadata and content type as specified, "
        "across two KMS keys",
        "upload with tags and metadata, `head-object` and `get-object-tagging` on the copy",
        _copied_as_specified,
        uploads=1,
    ),
    Claim(
        "`CopyObject` with `ChecksumAlgorithm=SHA256` returns a SHA-256 of the whole content, also of an upload in "
        "parts, and HEAD with `ChecksumMode=ENABLED` shows it to the functions' roles",
        "upload 100 MB in parts; the event's `content_digest` is the `sha256sum` of the file",
        _digest_of_parts,
        uploads=1,
    ),
    Claim(
        "Copying 1 GiB takes well under the function's 15 minutes",
        "upload 1 GiB; duration of NormaliseDocument",
        _gibibyte,
        seconds=900,
        uploads=1,
        gigabytes=1.1,
        embedded="copies on this machine, which says nothing about S3",
    ),
)
