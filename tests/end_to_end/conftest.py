"""The deployed pipeline, as its neighbours see it: buckets, buses, executions, the catalog."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from local import processes
from tests.embedded import (
    EmbeddedAws,
    bring_up,
    deployed_aws,
    eventually,
    on_express_lane,
    reading_aws,
    running,
    scanned_aws,
)

__all__ = ["deployed_aws", "reading_aws", "scanned_aws"]

BOTH = STANDARD, EXPRESS = "standard", "express-first"
# The tests that hold on one lane, each with its reason. Every other one runs on both.
STANDARD_ONLY: Mapping[str, str] = {
    "test_an_upload_goes_through_five_states": "Step Functions keeps no history of an Express execution",
    "test_an_execution_that_a_stop_interrupted_is_marked_and_can_be_redriven": (
        "of an Express execution that is interrupted nobody hears; `carefile reconcile` finds its object"
    ),
    "test_a_role_may_do_its_work_and_is_refused_everything_else": (
        "the other lane has the same roles and two more, which have a test of their own"
    ),
    "test_whoever_has_no_role_may_do_nothing": "it tries the account, whatever the stack",
    "test_the_demo_shows_how_each_sample_ended_where_it_was_filed_and_the_way_on": "the demo uses that one",
    "test_canary_the_proxy_as_it_comes_takes_the_length_out_of_the_answer_to_a_head": "it is about the proxy",
    "test_canary_the_proxy_as_it_comes_breaks_the_signature_of_whoever_is_not_the_account_itself": (
        "it is about the proxy"
    ),
}
EXPRESS_ONLY: Mapping[str, str] = {
    "test_an_upload_that_goes_well_starts_no_standard_execution_and_is_a_duplicate_when_typed": (
        "the lane's own promise"
    ),
    "test_what_fails_after_filing_is_promoted_redriven_and_announced_as_the_same": "the lane's own promise",
    "test_a_promotion_that_step_functions_refuses_waits_in_its_queue_and_is_started_later": (
        "the lane's own promise"
    ),
    "test_the_operators_command_follows_an_upload_and_shows_what_is_known_of_it": (
        "tests/operator does it on the other lane"
    ),
    "test_the_roles_of_the_express_lane_may_start_and_call_and_nothing_else": "the other lane does not have them",
}
# About something that the lanes share: `make test` tries it on this lane, `make prove` on the other one as well.
# A whole file is named where all of its tests are.
ENOUGH_ON: Mapping[str, str] = {
    "test_assistant_sessions": STANDARD,  # where a session's objects are put, and what the SDK finds there
    "test_backfill": STANDARD,  # a backfill has a machine of its own
    "test_names": STANDARD,  # layout and catalog
    "test_size": STANDARD,  # the functions' memory
    "test_reassignment": STANDARD,  # a machine of its own
    "test_same_bucket": STANDARD,  # tests/template holds the rules of both lanes against the layout
    "test_redrive": STANDARD,  # on the other lane test_express_lane re-drives what was promoted
    "test_replay": STANDARD,  # buses that both have
    "test_crash": STANDARD,
    "test_input_that_cannot_be_filed_fails_at_classify_with_a_reason": STANDARD,  # typed, so on this lane's machine
    "test_every_sample_ends_as_its_comment_says": EXPRESS,  # the demo does it on the other one
    "test_what_people_see_of_a_few_failures_holds_nothing_of_a_patient": STANDARD,
    "test_no_patient_outside": EXPRESS,  # what fails there is promoted, and so goes through both machines
    "test_services": EXPRESS,
}

# Where the lanes differ, and the simulation has both: `make test` tries it on this lane, a submission on the other too.
ENOUGH_FOR_EVERY_RUN: Mapping[str, str] = {
    "test_many": EXPRESS,  # what is promoted goes through both machines
    "test_same_bytes": STANDARD,
    "test_a_session_tree_keeps_its_sub_paths_and_bytes": STANDARD,
    "test_a_file_with_an_odd_name_uploaded_by_the_aws_command_line_is_filed_tagged_and_announced": STANDARD,
}


def lanes_of(function: Callable[..., object]) -> list[object]:
    """The lanes on which a test holds; what is too long for every run has its mark."""
    name, file = function.__name__, function.__module__.rpartition(".")[2]
    if name in STANDARD_ONLY or name in EXPRESS_ONLY:
        return [STANDARD if name in STANDARD_ONLY else EXPRESS]
    for lanes, mark in ((ENOUGH_ON, pytest.mark.prove), (ENOUGH_FOR_EVERY_RUN, pytest.mark.submission)):
        if enough := lanes.get(name) or lanes.get(file):
            return [lane if lane == enough else pytest.param(lane, marks=mark) for lane in BOTH]
    return list(BOTH)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that has the fixture `lane`, itself or through another one, is one test a lane."""
    if "lane" in metafunc.fixturenames:
        metafunc.parametrize("lane", lanes_of(metafunc.function), indirect=True, scope="session")


@pytest.fixture(scope="session")
def lane(request: pytest.FixtureRequest) -> str:
    """Which lane the stack under test takes uploads in by."""
    return str(request.param)


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

    def intakes_of(self, key: str) -> int:
        """How many intakes of a key began, by the lane's own way to tell."""
        return len(self.executions_of(key))

    def end_of(self, key: str, version_id: str) -> dict[str, Any] | None:
        """How the intake of a version ended that no execution of the machine tells of."""
        return None

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
            # First of all: one that fails as it announces has filed and tagged the version.
            if promoted := self._promoted(key, version_id):
                return self.aws.finished(promoted)
            status = self.tags(self.landing, key, **named).get("pipeline-status")
            return self._as_execution(key, version_id) if status == "cataloged" else None

        return eventually(ended)

    def _promoted(self, key: str, version_id: str | None) -> str | None:
        for item in self.executions_of(key):
            asked = self._input(item["executionArn"]).get("detail", {}).get("object", {}).get("version-id")
            if item["name"].startswith("promoted-") and version_id in (None, asked):
                return str(item["executionArn"])
        return None

    def intakes_of(self, key: str) -> int:
        return len(self._told_of(key)) + len(self.executions_of(key))

    def _told_of(self, key: str) -> list[dict[str, Any]]:
        """The catalog events about a key. Tests also put events there that are none."""
        return [event for event in self.heard() if event.get("source", {}).get("key") == key]

    def end_of(self, key: str, version_id: str) -> dict[str, Any] | None:
        status = self.tags(self.landing, key, VersionId=version_id).get("pipeline-status")
        if status not in ("cataloged", "superseded"):
            return None
        return {"status": "SUCCEEDED", "output": json.dumps({"disposition": status})}

    def _as_execution(self, key: str, version_id: str | None) -> dict[str, Any] | None:
        found = [it for it in self._told_of(key) if version_id in (None, it["source"]["version_id"])]
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


@contextmanager
def running_breakable(home: Path, **environment: str) -> Iterator[EmbeddedAws]:
    """An embedded AWS that can be told to refuse events."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(processes.MODULES, "aws", "tests.local.refusing_server")
        with running(home, **environment) as aws:
            yield aws


@pytest.fixture(scope="session")
def breakable_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedAws]:
    with running_breakable(tmp_path_factory.mktemp("breakable")) as aws:
        yield aws


@pytest.fixture(scope="session")
def breakable(breakable_aws: EmbeddedAws, lane: str) -> Pipeline:
    """The pipeline on an embedded AWS of its own, so that breaking it disturbs nobody."""
    return deployed(breakable_aws, lane)


@pytest.fixture(scope="session")
def pipeline(deployed_aws: EmbeddedAws, lane: str) -> Pipeline:
    """The deployed pipeline, with a queue that hears everything on the catalog bus."""
    return deployed(deployed_aws, lane)


@pytest.fixture(scope="session")
def scanned_pipeline(scanned_aws: EmbeddedAws) -> Pipeline:
    """The same where malware protection is waited for. There is no GuardDuty here: its tag and event are the test's,
    who starts the executions that no rule can here, and so on one lane."""
    return Pipeline(scanned_aws, listen(scanned_aws))


@pytest.fixture(scope="session")
def reading_pipeline(reading_aws: EmbeddedAws) -> Pipeline:
    """The same where scans are read, which is the same work on each lane."""
    return Pipeline(reading_aws, listen(reading_aws))


def deployed(aws: EmbeddedAws, lane: str) -> Pipeline:
    """The pipeline of a lane, in a stack of its own on this AWS."""
    if lane == "express-first":
        there = on_express_lane(aws)
        return ExpressPipeline(there, listen(there))
    bring_up(aws)
    return Pipeline(aws, listen(aws))


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
