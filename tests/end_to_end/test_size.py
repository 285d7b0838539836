"""Large objects go through functions that are much smaller than they are."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.conftest import Pipeline

MIB = 1024**2
READ_AT_MOST = 64 * MIB


@pytest.mark.parametrize("size", [3 * READ_AT_MOST, pytest.param(1024 * MIB, marks=pytest.mark.prove)])
def test_a_large_object_is_filed_whole_and_read_only_in_part(pipeline: Pipeline, size: int) -> None:
    key, part = "documents/Omar_Diaz_6/wave_form.txt", b"0123456789abcde\n" * (READ_AT_MOST // 16)
    upload = pipeline.s3.create_multipart_upload(Bucket=pipeline.landing, Key=key)["UploadId"]
    parts = []
    for number in range(1, size // len(part) + 1):
        done = pipeline.s3.upload_part(
            Bucket=pipeline.landing, Key=key, UploadId=upload, PartNumber=number, Body=part
        )
        parts.append({"PartNumber": number, "ETag": done["ETag"]})
    completed = pipeline.s3.complete_multipart_upload(
        Bucket=pipeline.landing, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
    )

    execution = pipeline.execution_of(key, completed["VersionId"])

    assert execution["status"] == "SUCCEEDED", execution
    folder = json.loads(execution["output"])["location"]["prefix"]
    original = pipeline.s3.head_object(Bucket=pipeline.processed, Key=folder + "original.txt")
    assert original["ContentLength"] == size
    record = json.loads(pipeline.read(folder + "extracted_data.json"))
    assert record["status"] == "partly-read"
    assert record["document"]["bytes_read"] < READ_AT_MOST
    assert record["cuts"]
    for bucket, name, version in (
        (pipeline.landing, key, completed["VersionId"]),
        (pipeline.processed, folder + "original.txt", original["VersionId"]),
    ):
        pipeline.s3.delete_object(Bucket=bucket, Key=name, VersionId=version)
