"""Large objects go through functions that are much smaller than they are."""

from __future__ import annotations

import json

from tests.end_to_end.conftest import Pipeline

GIB = 1024**3


def test_an_object_of_one_gibibyte_is_filed_whole_and_read_only_in_part(pipeline: Pipeline) -> None:
    key, part = "documents/Omar_Diaz_6/wave_form.txt", b"0123456789abcde\n" * (64 * 1024**2 // 16)
    upload = pipeline.s3.create_multipart_upload(Bucket=pipeline.landing, Key=key)["UploadId"]
    parts = []
    for number in range(1, GIB // len(part) + 1):
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
    assert original["ContentLength"] == GIB
    record = json.loads(pipeline.read(folder + "extracted_data.json"))
    assert record["status"] == "partly-read"
    assert record["document"]["bytes_read"] < 64 * 1024**2
    assert record["cuts"]
    for bucket, name, version in (
        (pipeline.landing, key, completed["VersionId"]),
        (pipeline.processed, folder + "original.txt", original["VersionId"]),
    ):
        pipeline.s3.delete_object(Bucket=bucket, Key=name, VersionId=version)
