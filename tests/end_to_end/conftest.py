"""The deployed pipeline, as its neighbours see it: buckets, buses, executions, the catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from local import deployment, processes
from tests.embedded import EmbeddedAws, deployed_aws, eventually, express_aws, running, scanned_aws

__all__ = ["deployed_aws", "express_aws", "scanned_aws"]


class Pipeline:
    """What tests do to the pipeline, and what they then see."""

    def __init__(self, aws: EmbeddedAws, queue_url: str) -> None:
        self.aws = aws
        self.s3 = aws.client("s3")
        self.landing = aws.outputs["LandingBucketName"]
        self.processed = aws.outputs["ProcessedBucketName"]
        self.machine = aws.outputs["PipelineStateMachineArn"]
        self._queue_url = queue_url
        self._announced: list[dict[str, Any]] = []
        self._inputs: dict[str, Any] = {}

    def upload(self, key: str, body: bytes, **arguments: Any) -> str:
        """Put an object into the landing bucket; its version id."""
        return self.s3.put_object(Bucket=self.landing, Key=key, Body=body, **arguments)["VersionId"]

    def filed(self, key: str, body: bytes, **arguments: Any) -> dict[str, Any]:
        """Upload, wait for the execution of this very version, and give its output."""
        execution = self.execution_of(key, self.upload(key, body, **arguments))
        assert execution["status"] == "SUCCEEDED", execution
        return json.loads(execution["output"])

    def executions_of(self, key: str) -> list[dict[str, Any]]:
        """All executions whose input names the key, the newest first."""
        listed = self.aws.client("stepfunctions").get_paginator("list_executions")
        found = []
        for page in listed.paginate(stateMachineArn=self.machine):
            for item in page["executions"]:
                if self._named(self._input(item["executionArn"])) == key:
                    found.append(item)
        return found

    def execution_of(self, key: str, version_id: str | None = None) -> dict[str, Any]:
        """The one execution that was started for the key (and version), once it has ended."""

        def started() -> dict[str, Any] | None:
            for item in self.executions_of(key):
                asked = self._input(item["executionArn"])
                detail = asked.get("detail", {})
                named = detail.get("object", {}).get("version-id")
                if version_id in (None, named, detail.get("s3ObjectDetails", {}).get("versionId")):
                    return item
            return None

        return self.aws.finished(eventually(started)["executionArn"])

    def start(self, data: object) -> dict[str, Any]:
        """Start an execution as a person does in the console, and wait for its end."""
        started = self.aws.client("stepfunctions").start_execution(
            stateMachineArn=self.machine, input=json.dumps(data)
        )
        return self.aws.finished(started["executionArn"])

    def states_of(self, execution_arn: str) -> list[str]:
        """The names of the states that were entered."""
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in self.aws.history(execution_arn)
            if event["type"].endswith("StateEntered")
        ]

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.processed, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def read(self, key: str) -> bytes:
        return self.s3.get_object(Bucket=self.processed, Key=key)["Body"].read()

    def tags(self, bucket: str, key: str, **version: str) -> dict[str, str]:
        found = self.s3.get_object_tagging(Bucket=bucket, Key=key, **version)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def events_of(
        self, key: str, detail_type: str = "Object Cataloged", count: int = 1
    ) -> list[dict[str, Any]]:
        """The details of the events on the catalog bus about a landing key, as soon as there are `count`."""

        def announced() -> list[dict[str, Any]]:
            found = [
                detail for detail in self.heard(detail_type) if detail.get("source", {}).get("key") == key
            ]
            return found if len(found) >= count else []

        return eventually(announced)

    def heard(self, detail_type: str = "Object Cataloged") -> list[dict[str, Any]]:
        """The details of all events of a type that came over the catalog bus so far."""
        self._receive()
        return [event["detail"] for event in self._announced if event["detail-type"] == detail_type]

    def catalog_entry(self, source_id: str) -> dict[str, Any]:
        table = self.aws.outputs["CatalogTableName"]
        return eventually(
            lambda: (
                self.aws.client("dynamodb")
                .get_item(TableName=table, Key={"source_id": {"S": source_id}})
                .get("Item")
            )
        )

    def command_line(self, *words: str) -> str:
        """Run the AWS command line, with nothing but its environment; what it prints."""
        environment = {
            "PATH": os.environ["PATH"],
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        program = [sys.executable, "-m", "awscli", "--endpoint-url", self.aws.settings.endpoint]
        done = subprocess.run(
            [*program, *words], env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def _receive(self) -> None:
        queue = self.aws.client("sqs")
        while messages := queue.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get(
            "Messages"
        ):
            for message in messages:
                self._announced.append(json.loads(message["Body"]))
                queue.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])

    def _input(self, execution_arn: str) -> dict[str, Any]:
        if execution_arn not in self._inputs:
            described = self.aws.client("stepfunctions").describe_execution(executionArn=execution_arn)
            data = json.loads(described["input"])
            self._inputs[execution_arn] = data if isinstance(data, dict) else {}
        return self._inputs[execution_arn]

    @staticmethod
    def _named(data: dict[str, Any]) -> str | None:
        detail = data.get("detail", data)
        scanned = detail.get("s3ObjectDetails", {}).get("objectKey")
        return detail.get("key") or detail.get("object", {}).get("key") or scanned


class ExpressPipeline(Pipeline):
    """The pipeline of the lane express-first. Nothing can be asked of an Express execution, so what one did is told
    by what it left: the landing version's tag and the catalog event. Whatever did not go well is an execution of the
    Standard machine, as on the other lane."""

    def execution_of(self, key: str, version_id: str | None = None) -> dict[str, Any]:
        named = {"VersionId": version_id} if version_id else {}

        def ended() -> dict[str, Any] | None:
            status = self.tags(self.landing, key, **named).get("pipeline-status")
            if status == "cataloged":
                return self._as_execution(key, version_id)
            promoted = self.executions_of(key)
            return self.aws.finished(promoted[0]["executionArn"]) if promoted else None

        return eventually(ended)

    def _as_execution(self, key: str, version_id: str | None) -> dict[str, Any] | None:
        about = [event for event in self.heard() if event["source"]["key"] == key]
        found = [event for event in about if version_id in (None, event["source"]["version_id"])]
        if not found:
            return None
        event = found[0]
        classification = {name: event[name] for name in ("kind", "data_type", "patient", "rule", "evidence")}
        output = {
            "disposition": event["disposition"],
            "classification": classification,
            "location": event["location"],
        }
        return {"status": "SUCCEEDED", "executionArn": event["execution"], "output": json.dumps(output)}


@pytest.fixture(scope="session")
def breakable(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """The pipeline on an embedded AWS of its own, so that breaking it disturbs nobody."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(processes.MODULES, "aws", "tests.local.refusing_server")
        with running(tmp_path_factory.mktemp("breakable")) as aws:
            deployment.bring_up_to_date(aws.settings)
            yield Pipeline(aws, listen(aws))


@pytest.fixture(scope="session")
def pipeline(deployed_aws: EmbeddedAws) -> Pipeline:
    """The deployed pipeline, with a queue that hears everything on the catalog bus."""
    return Pipeline(deployed_aws, listen(deployed_aws))


@pytest.fixture(scope="session")
def express_pipeline(express_aws: EmbeddedAws) -> ExpressPipeline:
    """The same on the lane express-first, in a stack of its own."""
    return ExpressPipeline(express_aws, listen(express_aws))


@pytest.fixture(scope="session")
def scanned_pipeline(scanned_aws: EmbeddedAws) -> Pipeline:
    """The same where malware protection is waited for. There is no GuardDuty here: its tag and event are the test's."""
    return Pipeline(scanned_aws, listen(scanned_aws))


@pytest.fixture(params=["standard", "express-first"])
def either_lane(request: pytest.FixtureRequest) -> Pipeline:
    """A test that gets this one holds on both lanes."""
    found: Pipeline = request.getfixturevalue(
        "pipeline" if request.param == "standard" else "express_pipeline"
    )
    return found


def listen(aws: EmbeddedAws) -> str:
    """A queue for all events on the catalog bus; its URL."""
    bus = aws.outputs["CatalogBusName"]
    queue_url = aws.client("sqs").create_queue(QueueName=f"{bus}-heard")["QueueUrl"]
    arn = aws.client("sqs").get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])
    events = aws.client("events")
    events.put_rule(Name="heard", EventBusName=bus, EventPattern='{"source": ["carefile.catalog"]}')
    events.put_targets(
        Rule="heard", EventBusName=bus, Targets=[{"Id": "queue", "Arn": arn["Attributes"]["QueueArn"]}]
    )
    return queue_url
