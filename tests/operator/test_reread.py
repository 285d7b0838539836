"""`carefile reread` against the deployed pipeline: a record of an older release is made anew, at its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.embedded import EmbeddedAws
from tests.local.stubs import unique
from tests.operator.conftest import Carefile

pytestmark = pytest.mark.timeout(180)


def made_by(aws: EmbeddedAws, folder: str, readers: str) -> None:
    """Let the stamps in a folder name other readers, as a release before would have."""
    s3, bucket = aws.client("s3"), aws.outputs["ProcessedBucketName"]
    for name in ("extracted_data.json", "result.html", "_manifest.json"):
        metadata = s3.head_object(Bucket=bucket, Key=folder + name)["Metadata"]
        body = s3.get_object(Bucket=bucket, Key=folder + name)["Body"].read()
        metadata["carefile-readers"] = readers
        s3.put_object(Bucket=bucket, Key=folder + name, Body=body, Metadata=metadata)


def test_it_previews_reads_again_through_the_pipeline_and_finds_nothing_more(
    carefile: Carefile, deployed_aws: EmbeddedAws, file: Callable[..., Path]
) -> None:
    patient = unique("P").replace("-", "_")
    carefile("put", file("note.txt", b"hello"), "--patient", patient, "--wait")
    folder, prefix = f"processed/{patient}_note/", f"documents/{patient}/"
    made_by(deployed_aws, folder, "text/0")

    found = carefile("reread", "--prefix", prefix, "--json")
    assert [(row["key"], row["readers"]) for row in found.rows] == [(f"{prefix}note.txt", {"text": 0})]

    done = carefile("reread", "--prefix", prefix, "--yes")
    assert done.code == 0, done.err
    assert "1 objects: 1 cataloged" in done.err
    s3, bucket = deployed_aws.client("s3"), deployed_aws.outputs["ProcessedBucketName"]
    stamp: dict[str, Any] = s3.head_object(Bucket=bucket, Key=f"{folder}extracted_data.json")["Metadata"]
    assert stamp["carefile-readers"] == "text/1"
    assert stamp["carefile-revision"] == "2"
    record = json.loads(s3.get_object(Bucket=bucket, Key=f"{folder}extracted_data.json")["Body"].read())
    assert record["reader"] == {"name": "text", "version": 1}
    assert carefile("reread", "--prefix", prefix, "--json").rows == []
