"""Nothing of a patient is where it does not belong, whatever goes wrong.

Marked documents and sessions are filed, and made to fail in every way. Then everything is read that people see who may
not read records: logs, metrics, the pipeline's tags, names and causes of executions, alarms, topics, attributes of
messages.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from lambdas.core.model import Source
from tests.embedded import eventually
from tests.end_to_end.breaking import refused_events, wrong_setting
from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.test_malware import verdict_of

pytestmark = pytest.mark.timeout(180)

MARK = "Zyxwvut-Qponmlk"
ID, NAME, TEXT = f"{MARK}_4711", f"{MARK} Doe", f"{MARK} has a secret"
DOCUMENT = f"documents/{ID}/{{}} {NAME}.json"
SESSION = f"sessions/{ID}/session_{MARK}/{{}}"
BODY = json.dumps({"patient_id": ID, "name": NAME, "text": TEXT}).encode()
UPLOADERS_TAG = "clinic"


def upload(pipeline: Pipeline, key: str, body: bytes = BODY) -> dict[str, Any]:
    """Everything about it is marked. The execution, once it has ended."""
    metadata = {"patient-id": ID, "note": f"{MARK} note"}
    version = pipeline.upload(key, body, Metadata=metadata, Tagging=f"{UPLOADERS_TAG}={MARK}")
    return pipeline.execution_of(key, version)


@pytest.fixture(scope="module")
def after_everything_failed(breakable: Pipeline) -> tuple[Pipeline, dict[str, str]]:
    """The pipeline, and the error of each execution that failed in it."""
    pipeline, failed = breakable, {}

    def fails(execution: dict[str, Any]) -> None:
        assert execution["status"] == "FAILED", execution
        failed[execution["executionArn"]] = execution["error"]

    for key in (DOCUMENT.format("a lab of"), SESSION.format("session.json")):
        assert upload(pipeline, key)["status"] == "SUCCEEDED"
    hints = {"patient_id": ID, "document_name": NAME}
    request = {"bucket": pipeline.landing, "key": DOCUMENT.format("a lab of"), "hints": hints}
    assert pipeline.start(request)["status"] == "SUCCEEDED"

    fails(upload(pipeline, DOCUMENT.format("empty"), b""))
    fails(pipeline.start({**request, "hints": {"kind": MARK}}))
    fails(pipeline.start({**request, MARK: MARK}))
    fails(pipeline.start({"bucket": f"{MARK}-bucket".lower(), "key": ID}))
    fails(pipeline.start({"bucket": pipeline.landing, "key": f"not-there/{ID}"}))
    with wrong_setting(pipeline, "normalise_document", "PROCESSED_BUCKET", f"{MARK}-bucket".lower()):
        fails(upload(pipeline, DOCUMENT.format("stored nowhere")))
    # boto3 refuses such a name with an exception that repeats it.
    with wrong_setting(pipeline, "normalise_session", "PROCESSED_BUCKET", f"{MARK} {NAME}!"):
        fails(upload(pipeline, SESSION.format("defect.json")))
    with wrong_setting(pipeline, "tag_object", "LEDGER_TABLE", f"{MARK}-ledger"):
        fails(upload(pipeline, DOCUMENT.format("untagged")))
    with refused_events(pipeline):
        fails(upload(pipeline, DOCUMENT.format("unannounced")))
    with wrong_setting(pipeline, "record_failure", "CATALOG_BUS", f"{MARK}-bus"):
        fails(upload(pipeline, DOCUMENT.format("unrecorded"), b""))
    with wrong_setting(pipeline, "classify_object", "MALWARE_SCAN", "true"):
        key = DOCUMENT.format("infected")
        version = pipeline.upload(key, BODY, Tagging=f"{UPLOADERS_TAG}={MARK}")
        fails(pipeline.execution_of(key, version))
        for verdict in ("THREATS_FOUND", "UNSUPPORTED"):
            fails(pipeline.start(verdict_of(pipeline, key, version, verdict)))
    pipeline.aws.client("events").put_events(
        Entries=[
            {
                "EventBusName": pipeline.aws.outputs["CatalogBusName"],
                "Source": "carefile.catalog",
                "DetailType": "Object Cataloged",
                "Detail": json.dumps({MARK: TEXT, "source_id": ID, "execution": f"{MARK} {MARK}"}),
            }
        ]
    )
    failures = len(failed)
    eventually(lambda: len([line for line in log_lines(pipeline) if '"failure recorded"' in line]) >= 8)
    eventually(lambda: any("ContractViolation" in line for line in log_lines(pipeline)))
    assert failures == len(failed)
    return pipeline, failed


def log_lines(pipeline: Pipeline) -> list[str]:
    logs = pipeline.aws.client("logs")
    groups = [
        group["logGroupName"]
        for page in logs.get_paginator("describe_log_groups").paginate()
        for group in page["logGroups"]
    ]
    return [
        event["message"]
        for group in groups
        for page in logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        for event in page["events"]
    ]


def machines(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    for page in pipeline.aws.client("stepfunctions").get_paginator("list_state_machines").paginate():
        # Step Functions lists no executions of an Express machine.
        yield from (machine for machine in page["stateMachines"] if machine["type"] == "STANDARD")


def visible(pipeline: Pipeline, failed: dict[str, str]) -> Iterator[tuple[str, object]]:
    """Everything that is seen without the right to read records, with where it is seen."""
    client = pipeline.aws.client
    yield "logs", log_lines(pipeline)
    yield "metrics", client("cloudwatch").list_metrics()["Metrics"]
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    assert alarms
    yield "alarms", alarms
    for machine in machines(pipeline):
        for page in (
            client("stepfunctions")
            .get_paginator("list_executions")
            .paginate(stateMachineArn=machine["stateMachineArn"])
        ):
            yield "executions", page["executions"]
    for arn in failed:
        told = client("stepfunctions").describe_execution(executionArn=arn)
        yield "causes", {name: told[name] for name in ("name", "error", "cause")}
        for event in pipeline.aws.history(arn):
            details = [value for name, value in event.items() if name.endswith("FailedEventDetails")]
            yield "history", [{"error": d.get("error"), "cause": d.get("cause")} for d in details]
    for bucket in (pipeline.landing, pipeline.processed):
        for stored in client("s3").list_objects_v2(Bucket=bucket).get("Contents", []):
            tags = pipeline.tags(bucket, stored["Key"])
            # What the uploader wrote is the uploader's.
            yield "tags", {name: value for name, value in tags.items() if name != UPLOADERS_TAG}
    for topic in client("sns").list_topics()["Topics"]:
        yield "topics", client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
    for url in client("sqs").list_queues().get("QueueUrls", []):
        if url.endswith("-heard"):
            continue
        yield "queues", client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        received = client("sqs").receive_message(
            QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], AttributeNames=["All"]
        )
        for message in received.get("Messages", []):
            yield "dead letters", [message["Attributes"], message.get("MessageAttributes")]


def traces(pipeline: Pipeline) -> set[str]:
    """The mark, in each form in which it might be hidden, and what can be computed of a key that one can guess."""
    keys = [DOCUMENT.format("a lab of"), SESSION.format("session.json")]
    each = {
        MARK,
        MARK.lower(),
        MARK.upper(),
        *MARK.split("-"),
        quote(NAME, safe=""),
        *(quote(k) for k in keys),
    }
    encoded = {base64.b64encode(text.encode()).decode().rstrip("=") for text in (MARK, ID)}
    return each | encoded | {Source(pipeline.landing, key).source_id for key in keys}


def test_what_people_see_who_may_not_read_records_holds_nothing_of_a_patient(
    after_everything_failed: tuple[Pipeline, dict[str, str]],
) -> None:
    pipeline, failed = after_everything_failed
    assert set(failed.values()) >= {
        "RejectedObject",
        "RejectedEvent",
        "StorageDenied",
        "InternalError",
        "EventBridge.AccessDeniedException",
        "NotScanned",
        "ThreatFound",
    }
    seen: dict[str, str] = {}
    for place, content in visible(pipeline, failed):
        seen[place] = seen.get(place, "") + json.dumps(content, default=str, ensure_ascii=False)
    for place, text in seen.items():
        for trace in traces(pipeline):
            assert trace not in text, f"{place}: …{text[max(0, text.index(trace) - 300) :][:600]}…"
    assert seen["logs"].count('\\"message\\":\\"failed\\"') >= 8
    assert '\\"Failures\\"' in seen["logs"]
    assert {"causes", "history", "tags", "topics", "queues"} <= set(seen)


def test_the_mark_is_where_it_belongs(after_everything_failed: tuple[Pipeline, dict[str, str]]) -> None:
    """Were it not there, nothing could be said of the other places."""
    pipeline, failed = after_everything_failed
    executions = [pipeline.aws.client("stepfunctions").describe_execution(executionArn=arn) for arn in failed]
    assert sum(MARK in execution["input"] for execution in executions) >= 8
    assert any(MARK in key for key in pipeline.keys("processed/"))
    assert any(MARK in tag for tag in pipeline.tags(pipeline.landing, DOCUMENT.format("a lab of")).values())


def test_one_name_leads_from_the_upload_through_every_log_to_the_catalog(pipeline: Pipeline) -> None:
    key = "documents/Nora_Gil_4/followed.txt"
    execution = pipeline.execution_of(key, pipeline.upload(key, b"follow me"))
    (event,) = pipeline.events_of(key)
    entry = pipeline.catalog_entry(event["source_id"])
    assert entry["execution"]["S"] == event["execution"] == execution["executionArn"]
    name = event["execution"].rpartition(":")[2]

    def services() -> set[str] | None:
        lines = [json.loads(line) for line in log_lines(pipeline) if line.startswith("{")]
        found = {line["service"] for line in lines if line.get("correlation_id") == name}
        return found if "carefile-index-catalog" in found else None

    # At the level INFO an intake that goes well says how it ended, and that the catalog followed.
    assert eventually(services) == {"carefile-normalise-document", "carefile-index-catalog"}
    folder = event["location"]["prefix"]
    for stored in pipeline.keys(folder):
        metadata = pipeline.s3.head_object(Bucket=pipeline.processed, Key=stored)["Metadata"]
        assert name in metadata.values()
