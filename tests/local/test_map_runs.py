"""Distributed Maps in the embedded AWS, with AWS's semantics, on small machines made for the purpose."""

from __future__ import annotations

import csv
import gzip
import io
import json
from typing import Any

import pytest

from tests.embedded import EmbeddedAws
from tests.local import stubs

pytestmark = pytest.mark.timeout(120)

# Looks whether the object that stands for the mended cause is there, for keys that call themselves bad.
STATES: dict[str, Any] = {
    "Choose": {
        "Type": "Choice",
        "Choices": [{"Condition": "{% $contains($states.input.key, 'bad') %}", "Next": "NeedTheMend"}],
        "Default": "Tell",
    },
    "NeedTheMend": {
        "Type": "Task",
        "Resource": "arn:aws:states:::aws-sdk:s3:headObject",
        "Arguments": {"Bucket": "{% $states.input.bucket %}", "Key": "mend"},
        "Output": "{% $states.input %}",
        "Next": "Tell",
    },
    "Tell": {
        "Type": "Pass",
        "Output": {
            "key": "{% $states.input.key %}",
            "execution": "{% $states.context.Execution.Id %}",
            "input": "{% $states.context.Execution.Input %}",
        },
        "End": True,
    },
}


class Run:
    """One execution of a machine that is one Distributed Map over what is below `in/` of a bucket."""

    def __init__(self, aws: EmbeddedAws, keys: list[str], tolerated: object = 0, **members: Any) -> None:
        self.aws, self.client, self.s3 = aws, aws.client("stepfunctions"), aws.client("s3")
        self.bucket = stubs.bucket(aws)
        for key in keys:
            self.s3.put_object(Bucket=self.bucket, Key=f"in/{key}", Body=b"x")
        processor = {
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "EXPRESS"},
            "StartAt": "Choose",
            "States": STATES,
        }
        state = {
            "Type": "Map",
            "Label": "Each",
            "ItemReader": {
                "Resource": "arn:aws:states:::s3:listObjectsV2",
                "Arguments": {"Bucket": "{% $states.input.bucket %}", "Prefix": "in/"},
            },
            "ItemSelector": {
                "bucket": "{% $states.input.bucket %}",
                "key": "{% $states.context.Map.Item.Value.Key %}",
            },
            "MaxConcurrency": "{% 1 + 0 %}",
            "ToleratedFailurePercentage": tolerated,
            "ItemProcessor": processor,
            "ResultWriter": {
                "Resource": "arn:aws:states:::s3:putObject",
                "Arguments": {"Bucket": self.bucket, "Prefix": "out"},
            },
            "End": True,
            **members,
        }
        self.machine = stubs.machine(aws, {"Each": state})
        started = self.client.start_execution(
            stateMachineArn=self.machine, input=json.dumps({"bucket": self.bucket})
        )
        self.arn = started["executionArn"]
        self.ended = aws.finished(self.arn)

    def redrive(self) -> None:
        self.client.redrive_execution(executionArn=self.arn)
        self.ended = self.aws.finished(self.arn)

    @property
    def map_run(self) -> dict[str, Any]:
        (run,) = self.client.list_map_runs(executionArn=self.arn)["mapRuns"]
        return self.client.describe_map_run(mapRunArn=run["mapRunArn"])

    def counts(self) -> dict[str, int]:
        return {name: count for name, count in self.map_run["itemCounts"].items() if count}

    def lines(self, status: str) -> list[dict[str, Any]]:
        """What the result writer wrote of this status, in all files."""
        found = self.s3.list_objects_v2(Bucket=self.bucket, Prefix="out/")["Contents"]
        keys = [item["Key"] for item in found if status in item["Key"]]
        texts = [self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read() for key in keys]
        return [json.loads(line) for text in texts for line in text.decode().splitlines()]


def test_each_item_is_an_express_execution_of_its_own_and_its_result_is_written(
    bare_aws: EmbeddedAws,
) -> None:
    run = Run(bare_aws, ["a", "b+c 50%25"])
    assert run.ended["status"] == "SUCCEEDED"
    assert run.map_run["status"] == "SUCCEEDED"
    assert run.counts() == {"succeeded": 2, "total": 2}
    told = [json.loads(line["Output"]) for line in run.lines("SUCCEEDED")]
    assert [item["key"] for item in told] == ["in/a", "in/b+c 50%25"]
    assert [item["input"]["key"] for item in told] == ["in/a", "in/b+c 50%25"]
    arns = {item["execution"] for item in told}
    assert len(arns) == 2
    assert all(":express:" in arn and "/Each:" in arn for arn in arns)
    written = json.loads(run.ended["output"])
    assert written["MapRunArn"] == run.map_run["mapRunArn"]
    details = written["ResultWriterDetails"]
    manifest = json.loads(run.s3.get_object(Bucket=details["Bucket"], Key=details["Key"])["Body"].read())
    assert set(manifest["ResultFiles"]) == {"FAILED", "PENDING", "SUCCEEDED"}


def test_express_children_are_not_listed(bare_aws: EmbeddedAws) -> None:
    run = Run(bare_aws, ["a"])
    assert run.client.list_executions(mapRunArn=run.map_run["mapRunArn"])["executions"] == []


def test_a_run_beyond_its_tolerance_fails_and_starts_no_more(bare_aws: EmbeddedAws) -> None:
    run = Run(bare_aws, ["a", "bad", "c", "d"], tolerated="{% 20 %}")
    assert run.ended["status"] == "FAILED"
    assert run.ended["error"] == "States.ExceedToleratedFailureThreshold"
    assert run.counts() == {"succeeded": 1, "failed": 1, "pending": 2, "total": 4}
    (failed,) = run.lines("FAILED")
    assert json.loads(failed["Input"])["key"] == "in/bad"
    assert failed["Error"].startswith("S3.")
    assert [json.loads(line["Input"])["key"] for line in run.lines("PENDING")] == ["in/c", "in/d"]


def test_within_its_tolerance_a_run_succeeds_and_names_what_failed(bare_aws: EmbeddedAws) -> None:
    run = Run(bare_aws, ["a", "bad", "c", "d"], tolerated=25)
    assert run.ended["status"] == "SUCCEEDED"
    assert run.counts() == {"succeeded": 3, "failed": 1, "total": 4}
    assert len(run.lines("FAILED")) == 1


def test_a_redrive_of_the_parent_goes_on_with_the_map_run(bare_aws: EmbeddedAws) -> None:
    run = Run(bare_aws, ["a", "bad", "c"])
    before = run.map_run["mapRunArn"]
    first = {json.loads(line["Output"])["execution"] for line in run.lines("SUCCEEDED")}
    run.redrive()
    assert run.ended["status"] == "FAILED"
    run.s3.put_object(Bucket=run.bucket, Key="mend", Body=b"x")
    run.redrive()
    assert run.ended["status"] == "SUCCEEDED"
    assert run.map_run["mapRunArn"] == before
    assert run.map_run["redriveCount"] == 2
    assert run.counts() == {"succeeded": 3, "total": 3}
    # What had succeeded was not run again.
    assert first <= {json.loads(line["Output"])["execution"] for line in run.lines("SUCCEEDED")}


def test_canary_a_distributed_map_in_jsonata_is_not_understood_without_it(unmended_aws: EmbeddedAws) -> None:
    run = Run(unmended_aws, ["a"], ToleratedFailurePercentage=0, MaxConcurrency=1)
    assert run.ended["status"] == "FAILED"
    assert run.ended["error"] == "States.ItemReaderFailed"


def inventory(run_bucket: str, aws: EmbeddedAws, rows: list[list[str]], name: str = "data.csv.gz") -> str:
    """An inventory as S3 writes one; the key of its manifest."""
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    body = text.getvalue().encode()
    s3 = aws.client("s3")
    s3.put_object(
        Bucket=run_bucket,
        Key=f"inventory/data/{name}",
        Body=gzip.compress(body) if name.endswith(".gz") else body,
    )
    manifest = {
        "sourceBucket": run_bucket,
        "destinationBucket": f"arn:aws:s3:::{run_bucket}",
        "version": "2016-11-30",
        "creationTimestamp": "1732406400000",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, VersionId, IsLatest",
        "files": [{"key": f"inventory/data/{name}", "size": len(body), "MD5checksum": ""}],
    }
    s3.put_object(Bucket=run_bucket, Key="inventory/manifest.json", Body=json.dumps(manifest).encode())
    return "inventory/manifest.json"


@pytest.mark.parametrize("name", ["data.csv.gz", "data.csv"])
def test_the_rows_of_an_inventory_come_as_they_stand_in_its_files(bare_aws: EmbeddedAws, name: str) -> None:
    bucket = stubs.bucket(bare_aws)
    rows = [["there", "a%2Bb+50%2525", "v1", "true"], ["there", 'quote"and,comma', "v2", "false"]]
    key = inventory(bucket, bare_aws, rows, name)
    run = Run(
        bare_aws,
        [],
        ItemReader={
            "Resource": "arn:aws:states:::s3:getObject",
            "ReaderConfig": {"InputType": "MANIFEST"},
            "Arguments": {"Bucket": bucket, "Key": key},
        },
        ItemSelector={"key": "{% $string($states.context.Map.Item.Value) %}"},
    )
    assert run.ended["status"] == "SUCCEEDED", run.ended.get("cause")
    seen = [json.loads(json.loads(line["Output"])["key"]) for line in run.lines("SUCCEEDED")]
    assert seen == [
        {"Bucket": "there", "Key": "a%2Bb+50%2525", "VersionId": "v1", "IsLatest": "true"},
        {"Bucket": "there", "Key": 'quote"and,comma', "VersionId": "v2", "IsLatest": "false"},
    ]


def test_a_manifest_that_is_not_there_fails_the_run(bare_aws: EmbeddedAws) -> None:
    reader = {
        "Resource": "arn:aws:states:::s3:getObject",
        "ReaderConfig": {"InputType": "MANIFEST"},
        "Arguments": {"Bucket": stubs.bucket(bare_aws), "Key": "nothing/manifest.json"},
    }
    run = Run(bare_aws, [], ItemReader=reader)
    assert (run.ended["status"], run.ended["error"]) == ("FAILED", "States.ItemReaderFailed")


def test_a_run_over_nothing_has_no_items_and_succeeds(bare_aws: EmbeddedAws) -> None:
    run = Run(bare_aws, [])
    assert run.ended["status"] == "SUCCEEDED"
    assert run.counts() == {}
