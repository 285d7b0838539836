"""Leftovers of desktops and transfer tools are not uploaded, start nothing, end ignored, and are not missed."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.embedded import EmbeddedAws
from tests.local.stubs import unique
from tests.operator.conftest import Carefile

pytestmark = pytest.mark.timeout(180)
MakeFile = Callable[..., Path]


def status_of(aws: EmbeddedAws, key: str) -> str | None:
    found = aws.client("s3").get_object_tagging(Bucket=aws.outputs["LandingBucketName"], Key=key)["TagSet"]
    return {tag["Key"]: tag["Value"] for tag in found}.get("pipeline-status")


def started(aws: EmbeddedAws, key: str) -> bool:
    client = aws.client("stepfunctions")
    pages = client.get_paginator("list_executions").paginate(
        stateMachineArn=aws.outputs["PipelineStateMachineArn"]
    )
    return any(
        json.dumps(key) in client.describe_execution(executionArn=item["executionArn"])["input"]
        for page in pages
        for item in page["executions"]
    )


def test_no_way_in_takes_a_leftover_for_a_record_and_nobody_misses_one(
    carefile: Carefile, deployed_aws: EmbeddedAws, file: MakeFile, tmp_path: Path
) -> None:
    patient = unique("P").replace("-", "_")
    for name in ("scans/lab.txt", "scans/~$lab.docx", "scans/Thumbs.db", "scans/__MACOSX/lab.txt"):
        file(name)
    aws, landing = deployed_aws, deployed_aws.outputs["LandingBucketName"]
    ran = carefile("put", tmp_path / "scans", "--patient", patient, "--wait")
    assert ran.code == 0
    assert "3 ignored" in ran.err
    uploaded = aws.client("s3").list_objects_v2(Bucket=landing, Prefix=f"documents/{patient}/")["Contents"]
    assert [item["Key"] for item in uploaded] == [f"documents/{patient}/lab.txt"]

    kept_out, let_in = f"documents/{patient}/Thumbs.db", f"documents/{patient}/~$lab.docx"
    for key in (kept_out, let_in):
        aws.client("s3").put_object(Bucket=landing, Key=key, Body=b"x")
    deadline = time.monotonic() + 60
    while status_of(aws, let_in) != "ignored":
        assert time.monotonic() < deadline
        time.sleep(0.2)
    assert started(aws, let_in)
    assert not started(aws, kept_out)
    assert status_of(aws, kept_out) is None

    place = f"s3://{landing}/documents/{patient}/"
    foreseen = {row["key"]: row["would"] for row in carefile("backfill", place, "--dry-run", "--json").rows}
    assert foreseen == {kept_out: "pass over", let_in: "pass over", f"documents/{patient}/lab.txt": "stay"}
    assert carefile("backfill", place).code == 0
    assert status_of(aws, kept_out) == "ignored"

    found = carefile("reconcile", "--grace", "0s", "--json")
    assert not [row for row in found.rows if row["key"] in (kept_out, let_in)]
    assert "ignored: leftovers" in carefile("reconcile", "--grace", "0s").err
