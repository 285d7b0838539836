"""Uploads files and follows the execution that each one starts.

Uses only what any user of the pipeline can see: an execution belongs to an upload if its input names the upload's key
and version.
"""

from __future__ import annotations

import json
import mimetypes
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from local import deployment
from local.problem import Problem
from local.settings import Settings

# Enough to keep the machine busy, few enough that durations do not include waiting.
AT_ONCE = 4
LOOK_EVERY_SECONDS = 0.2
# Per upload, from its arrival in the landing bucket.
PATIENCE_SECONDS = 120
EVENT_SECONDS = 20


@dataclass(frozen=True)
class Upload:
    """A file to upload. `expect` names the error it must fail with; None if it must be cataloged."""

    path: Path
    key: str
    metadata: dict[str, str]
    expect: str | None

    @classmethod
    def all_of(cls, listing: Path) -> list[Upload]:
        return [
            cls(listing.parent / item["path"], item["key"], item.get("metadata", {}), item.get("expect"))
            for item in json.loads(listing.read_text())
        ]


@dataclass(frozen=True)
class Running:
    """An upload whose execution has not ended; without an ARN, it has not been seen yet."""

    upload: Upload
    version_id: str
    since: float
    execution_arn: str | None = None
    state: str = "waiting for its execution"


@dataclass(frozen=True)
class Ended:
    """An upload whose execution has ended, as Step Functions describes it."""

    upload: Upload
    version_id: str
    execution: dict[str, Any]

    @property
    def output(self) -> dict[str, Any]:
        output: dict[str, Any] = json.loads(self.execution.get("output") or "{}")
        return output

    @property
    def disposition(self) -> str:
        if self.execution["status"] == "SUCCEEDED":
            return str(self.output.get("disposition"))
        return str(self.execution["status"]).lower()

    @property
    def is_unknown_document(self) -> bool:
        """Whether it is a document that waits for a person to decide whose it is."""
        found = self.output.get("classification", {})
        return (found.get("kind"), found.get("patient", {}).get("status")) == ("document", "unknown")

    @property
    def as_expected(self) -> bool:
        if self.upload.expect:
            return self.execution.get("error") == self.upload.expect
        return self.disposition == "cataloged"

    @property
    def reason(self) -> str | None:
        """The pipeline's reason for the failure, if any."""
        cause = self.execution.get("cause")
        if not cause:
            return self.execution.get("error")
        try:
            message = str(json.loads(cause)["errorMessage"])
        except (ValueError, KeyError, TypeError):
            return str(cause)
        return message.partition(": ")[2] or message

    @property
    def seconds(self) -> float:
        duration: timedelta = self.execution["stopDate"] - self.execution["startDate"]
        return duration.total_seconds()


class Pipeline:
    """The deployed pipeline, through the AWS APIs."""

    def __init__(self, settings: Settings, outputs: dict[str, str]) -> None:
        self._s3 = deployment.client(settings, "s3")
        self._step_functions = deployment.client(settings, "stepfunctions")
        self._events = deployment.client(settings, "events")
        self._sqs = deployment.client(settings, "sqs")
        self._outputs = outputs
        # The execution of each (key, version), among the executions described so far.
        self._execution_of: dict[tuple[str, str], str] = {}
        self._looked_at: set[str] = set()

    def holds(self, key: str) -> bool:
        """Whether the landing bucket has an object with exactly this key."""
        found = self._s3.list_objects_v2(Bucket=self._outputs["LandingBucketName"], Prefix=key, MaxKeys=1)
        return any(item["Key"] == key for item in found.get("Contents", []))

    def take_in(self, uploads: Sequence[Upload]) -> Iterator[tuple[list[Running], list[Ended]]]:
        """Upload a few at a time and yield the running and ended ones until all have ended."""
        waiting = deque(uploads)
        running: list[Running] = []
        ended: list[Ended] = []
        while waiting or running:
            while waiting and len(running) < AT_ONCE:
                running.append(self._upload(waiting.popleft()))
            looked_at = [self._look_at(one) for one in self._with_executions(running)]
            ended += [one for one in looked_at if isinstance(one, Ended)]
            running = [_in_time(one) for one in looked_at if isinstance(one, Running)]
            yield running, ended
            time.sleep(LOOK_EVERY_SECONDS)

    @contextmanager
    def listening(self, key: str) -> Iterator[CatalogEvents]:
        """Receive catalog events about one landing key through a temporary queue and rule."""
        bus = self._outputs["CatalogBusName"]
        name = f"{bus}-demo"
        url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        pattern = {
            "source": ["carefile.catalog"],
            "detail-type": ["Object Cataloged"],
            "detail": {"source": {"key": [key]}},
        }
        rule = {"Rule": name, "EventBusName": bus}
        self._events.put_rule(Name=name, EventBusName=bus, EventPattern=json.dumps(pattern))
        self._events.put_targets(
            **rule, Targets=[{"Id": "queue", "Arn": attributes["Attributes"]["QueueArn"]}]
        )
        try:
            yield CatalogEvents(self._sqs, url)
        finally:
            self._events.remove_targets(**rule, Ids=["queue"])
            self._events.delete_rule(Name=name, EventBusName=bus)
            self._sqs.delete_queue(QueueUrl=url)

    def filed_under(self, prefix: str) -> list[str]:
        """List the keys under a prefix of the processed bucket."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._outputs["ProcessedBucketName"], Prefix=prefix
        )
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def page_of(self, prefix: str) -> bytes | None:
        """The page of the document that is filed there; None if it has none."""
        key = next((key for key in self.filed_under(prefix) if key.endswith("/result.html")), None)
        if key is None:
            return None
        found: bytes = self._s3.get_object(Bucket=self._outputs["ProcessedBucketName"], Key=key)[
            "Body"
        ].read()
        return found

    def folders_in(self, prefix: str) -> list[str]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self._outputs["ProcessedBucketName"], Prefix=prefix, Delimiter="/"
        )
        return [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", [])]

    def _upload(self, upload: Upload) -> Running:
        put = self._s3.put_object(
            Bucket=self._outputs["LandingBucketName"],
            Key=upload.key,
            Body=upload.path.read_bytes(),
            ContentType=mimetypes.guess_type(upload.key)[0] or "application/octet-stream",
            Metadata=upload.metadata,
        )
        return Running(upload, put["VersionId"], time.monotonic())

    def _with_executions(self, running: list[Running]) -> list[Running]:
        """Match new executions to uploads while any upload has none yet."""
        if any(one.execution_arn is None for one in running):
            machine = self._outputs["PipelineStateMachineArn"]
            newest = self._step_functions.list_executions(stateMachineArn=machine, maxResults=100)[
                "executions"
            ]
            for arn in {item["executionArn"] for item in newest} - self._looked_at:
                request = json.loads(self._step_functions.describe_execution(executionArn=arn)["input"])
                self._execution_of[_uploaded(request)] = arn
                self._looked_at.add(arn)
        return [
            replace(one, execution_arn=self._execution_of.get((one.upload.key, one.version_id)))
            for one in running
        ]

    def _look_at(self, one: Running) -> Running | Ended:
        if one.execution_arn is None:
            return one
        execution = self._step_functions.describe_execution(executionArn=one.execution_arn)
        if execution["status"] != "RUNNING":
            return Ended(one.upload, one.version_id, execution)
        history = self._step_functions.get_execution_history(
            executionArn=one.execution_arn, reverseOrder=True, maxResults=10, includeExecutionData=False
        )
        entered = (e["stateEnteredEventDetails"]["name"] for e in history["events"] if _enters(e))
        return replace(one, state=next(entered, "starting"))


class CatalogEvents:
    """Events received from the catalog bus."""

    def __init__(self, sqs: Any, queue_url: str) -> None:
        self._sqs = sqs
        self._queue_url = queue_url

    def about(self, version_id: str) -> dict[str, Any]:
        """Wait for the event about a version of the landing object."""
        deadline = time.monotonic() + EVENT_SECONDS
        while time.monotonic() < deadline:
            heard = self._sqs.receive_message(QueueUrl=self._queue_url, WaitTimeSeconds=1)
            for message in heard.get("Messages", []):
                event: dict[str, Any] = json.loads(message["Body"])
                self._sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
                if event["detail"]["source"]["version_id"] == version_id:
                    return event
        raise Problem(
            f"no catalog event arrived within {EVENT_SECONDS} s",
            "check the rules of the catalog bus, then try again",
        )


def _uploaded(request: Any) -> tuple[str, str]:
    """The key and version that an S3 event in an execution's input names; empty for other inputs."""
    detail = request.get("detail") if isinstance(request, dict) else None
    uploaded = (detail.get("object") if isinstance(detail, dict) else None) or {}
    return uploaded.get("key", ""), uploaded.get("version-id", "")


def _enters(event: dict[str, Any]) -> bool:
    return str(event["type"]).endswith("StateEntered")


def _in_time(one: Running) -> Running:
    if time.monotonic() - one.since > PATIENCE_SECONDS:
        raise Problem(
            f"{one.upload.key} has not ended after {PATIENCE_SECONDS} s; it is at: {one.state}",
            "look at its execution in the console, and at aws.log in the home's logs",
        )
    return one
