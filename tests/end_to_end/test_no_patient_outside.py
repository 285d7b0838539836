"""Nothing of a patient is where it does not belong, whatever goes wrong.

Marked documents and sessions are filed, assigned, backfilled and adopted, and made to fail in every way. Then all is
read that people see who may not read records: logs, metrics, tags, names and causes of executions, alarms and what they
send, topics, attributes of messages. `make test` does so for a few failures, `.ci/run` and `make prove` for all.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import pytest

from carefile.core.errors import CarefileError
from carefile.core.filing.layout import Layout
from carefile.core.model import Patient, Source
from tests.embedded import eventually
from tests.end_to_end.breaking import (
    answering,
    function_of,
    not_in_its_package,
    refused_events,
    wrong_setting,
)
from tests.end_to_end.conftest import Pipeline, deployed, running_breakable
from tests.end_to_end.test_malware import verdict_of
from tests.readers.dicoms import EXAMPLE, dicom_of
from tests.readers.office import xlsx_of
from tests.readers.pdfs import pdf_of

pytestmark = pytest.mark.timeout(480)

MARK = "Zyxwvut-Qponmlk"
ID, NAME, TEXT = f"{MARK}_4711", f"{MARK} Doe", f"{MARK} has a secret"
DOCUMENT = f"documents/{ID}/{{}} {NAME}.json"
SESSION = f"sessions/{ID}/session_{MARK}/{{}}"
BODY = json.dumps({"patient_id": ID, "name": NAME, "text": TEXT}).encode()
UPLOADERS_TAG = "clinic"


READABLE = {
    "letter.pdf": pdf_of([f"Letter about {NAME}", TEXT], title=NAME),
    "scan.dcm": dicom_of(**{**EXAMPLE, "PatientID": ID, "PatientName": NAME, "StudyDescription": TEXT}),
    "values.xlsx": xlsx_of(TEXT),
}
# Errors of ours that are not made here. `test_masking.py` holds the texts of all of them against what they may say.
NOT_MADE = {
    "StillChanging": "it takes an uploader who writes in every round",
    "LeftBehind": "it takes an intake that fails in between; its text holds counts only (tests/unit/test_assigning.py)",
    "RejectedMerge": "patients are open here; its text holds no id (tests/asl/test_merge_patients.py)",
    "MergeConflict": "patients are open here; its text holds no id (tests/asl/test_merge_patients.py)",
    "PatientNotListed": "patients are open here; its text holds no id (tests/asl/test_merge_patients.py)",
    "RejectedPatient": "a feed's event is refused without an execution (tests/unit/test_registering.py)",
    "LedgerFull": "it takes a hundred places of one key; its text holds none (tests/unit/test_ledger_bounds.py)",
}


@dataclass
class Everything:
    """What was made to happen: the error of each execution that failed, and what was told about alarms."""

    pipeline: Pipeline
    failed: dict[str, str] = field(default_factory=dict)
    notified: list[str] = field(default_factory=list)

    def fails(self, execution: dict[str, Any]) -> None:
        assert execution["status"] == "FAILED", execution
        self.failed[execution["executionArn"]] = execution["error"]

    def upload(self, key: str, body: bytes = BODY) -> dict[str, Any]:
        """Everything about it is marked. The execution, once it has ended."""
        metadata = {"patient-id": ID, "note": f"{MARK} note"}
        version = self.pipeline.upload(key, body, Metadata=metadata, Tagging=f"{UPLOADERS_TAG}={MARK}")
        return self.pipeline.execution_of(key, version)

    def run(self, machine: str, data: object) -> dict[str, Any]:
        client = self.pipeline.aws.client("stepfunctions")
        arn = self.pipeline.aws.outputs[f"{machine}StateMachineArn"]
        return self.pipeline.aws.finished(
            client.start_execution(stateMachineArn=arn, input=json.dumps(data))["executionArn"]
        )


@pytest.fixture(scope="module")
def spoilt(lane: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pipeline]:
    """A pipeline that nothing else is tried on any more."""
    # What fails here is retried to the end: nobody waits for that longer than needed.
    with running_breakable(tmp_path_factory.mktemp("spoilt"), SFN_WAIT_SCALE="0.005") as aws:
        yield deployed(aws, lane)


@pytest.fixture(scope="module")
def everything(spoilt: Pipeline) -> Everything:
    happened = Everything(spoilt)
    for fail in (few_intakes, more_intakes, readers, assignments, maps, functions_of_events):
        fail(happened)
    notify(happened)
    errors = ('"failure recorded"', "ContractViolation", '"error":"StorageDenied"')
    eventually(lambda: all(any(error in line for line in log_lines(spoilt)) for error in errors))
    return happened


def few_intakes(happened: Everything) -> None:
    """Uploads and a request that go well, and some that fail: as refused, by AWS, and as nothing is announced."""
    pipeline, fails, upload = happened.pipeline, happened.fails, happened.upload
    for key in (DOCUMENT.format("a lab of"), SESSION.format("session.json")):
        assert upload(key)["status"] == "SUCCEEDED"
    request = request_of(pipeline)
    assert pipeline.start(request)["status"] == "SUCCEEDED"

    fails(upload(DOCUMENT.format("empty"), b""))
    fails(pipeline.start({**request, "hints": {"kind": MARK}}))
    with wrong_setting(pipeline, "normalise_document", "PROCESSED_BUCKET", f"{MARK}-bucket".lower()):
        fails(upload(DOCUMENT.format("stored nowhere")))
    with refused_events(pipeline):
        fails(upload(DOCUMENT.format("unannounced")))


def request_of(pipeline: Pipeline) -> dict[str, Any]:
    hints = {"patient_id": ID, "document_name": NAME}
    return {"bucket": pipeline.landing, "key": DOCUMENT.format("a lab of"), "hints": hints}


def more_intakes(happened: Everything) -> None:
    """Some that fail in each other way."""
    pipeline, fails, upload = happened.pipeline, happened.fails, happened.upload
    fails(pipeline.start({**request_of(pipeline), MARK: MARK}))
    fails(pipeline.start({"bucket": f"{MARK}-bucket".lower(), "key": ID}))
    fails(pipeline.start({"bucket": pipeline.landing, "key": f"not-there/{ID}"}))
    # boto3 refuses such a name with an exception that repeats it.
    with wrong_setting(pipeline, "normalise_session", "PROCESSED_BUCKET", f"{MARK} {NAME}!"):
        fails(upload(SESSION.format("defect.json")))
    with wrong_setting(pipeline, "tag_object", "LEDGER_TABLE", f"{MARK}-ledger"):
        fails(upload(DOCUMENT.format("untagged")))
    for status, code in ((400, "InvalidArgument"), (409, "OperationAborted")):
        with (
            answering(status, code, f"{code} of {NAME}: {TEXT}") as service,
            wrong_setting(pipeline, "tag_object", "AWS_ENDPOINT_URL_S3", service),
        ):
            fails(upload(DOCUMENT.format(code)))
    with not_in_its_package(pipeline, "normalise_document"):
        fails(upload(DOCUMENT.format("not started")))
    with wrong_setting(pipeline, "classify_object", "MALWARE_SCAN", "true"):
        key = DOCUMENT.format("infected")
        version = pipeline.upload(key, BODY, Tagging=f"{UPLOADERS_TAG}={MARK}")
        fails(pipeline.execution_of(key, version))
        for verdict in ("THREATS_FOUND", "UNSUPPORTED"):
            fails(pipeline.start(verdict_of(pipeline, key, version, verdict)))
    source = Source(pipeline.landing, f"documents/{ID}/contended.txt")
    for folder in Layout().document_folders(Patient(ID), "contended", source):
        pipeline.s3.put_object(Bucket=pipeline.processed, Key=f"{folder}_manifest.json", Body=BODY)
    fails(upload(source.key))


def readers(happened: Everything) -> None:
    """Documents of every sort of reader, whole and cut off in the middle."""
    for name, body in READABLE.items():
        for key, content in (
            (f"documents/{ID}/{name}", body),
            (f"documents/{ID}/cut {name}", body[: len(body) // 2]),
        ):
            assert happened.upload(key, content)["status"] == "SUCCEEDED"


def assignments(happened: Everything) -> None:
    pipeline = happened.pipeline
    happened.fails(happened.run("ReassignPatient", {"patient_id": ID, "session_id": f"session_{MARK}_none"}))
    taken = {"patient_id": f"{MARK}_other", "key": DOCUMENT.format("a lab of")}
    happened.fails(happened.run("ReassignPatient", taken))
    key = f"{MARK} nobody's.txt"
    version = pipeline.upload(key, TEXT.encode())
    assert pipeline.execution_of(key, version)["status"] == "SUCCEEDED"
    pipeline.s3.delete_object(Bucket=pipeline.landing, Key=key, VersionId=version)
    happened.fails(happened.run("ReassignPatient", {"patient_id": ID, "key": key}))


def maps(happened: Everything) -> None:
    """A backfill and an adoption: items that go well, items that fail."""
    pipeline = happened.pipeline
    place = {
        "bucket": pipeline.landing,
        "prefix": f"documents/{ID}/letter",
        "tolerated_failure_percentage": 0,
    }
    assert happened.run("Backfill", place)["status"] == "SUCCEEDED"
    happened.fails(happened.run("Backfill", {**place, "prefix": DOCUMENT.format("empty")}))
    pipeline.s3.put_object(Bucket=pipeline.processed, Key=f"processed/{ID}_by_hand/{NAME}.txt", Body=BODY)
    written = {"prefix": f"processed/{ID}_by_hand/", "tolerated_failure_percentage": 0}
    with wrong_setting(pipeline, "adopt_object", "LEDGER_TABLE", f"{MARK}-ledger"):
        happened.fails(happened.run("Adoption", written))


def functions_of_events(happened: Everything) -> None:
    """What failed goes to the queue of dead letters."""
    pipeline, client = happened.pipeline, happened.pipeline.aws.client
    arn = next(iter(happened.failed))
    about = {"executionArn": arn, "stateMachineArn": pipeline.machine, "status": "FAILED"}
    with wrong_setting(pipeline, "record_failure", "CATALOG_BUS", f"{MARK}-bus"):
        # The embedded EventBridge does not retry a function; an asynchronous call of it is retried as on AWS.
        client("lambda").invoke(
            FunctionName=function_of(pipeline, "record_failure")["FunctionName"],
            InvocationType="Event",
            Payload=json.dumps({"detail": about}),
        )
        eventually(lambda: list(dead_letters(pipeline)), seconds=60)
    detail = {MARK: TEXT, "source_id": ID, "execution": f"{MARK} {MARK}"}
    entry = {"Source": "carefile.catalog", "DetailType": "Object Cataloged", "Detail": json.dumps(detail)}
    client("events").put_events(Entries=[{**entry, "EventBusName": pipeline.aws.outputs["CatalogBusName"]}])


def notify(happened: Everything) -> None:
    """Let every alarm go off, and read what its topic sends."""
    client = happened.pipeline.aws.client
    anybody = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    url = client("sqs").create_queue(QueueName="alarms-heard", Attributes={"Policy": policy})["QueueUrl"]
    arn = client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"][
        "QueueArn"
    ]
    for topic in client("sns").list_topics()["Topics"]:
        client("sns").subscribe(TopicArn=topic["TopicArn"], Protocol="sqs", Endpoint=arn)
    alarms = client("cloudwatch").describe_alarms()["MetricAlarms"]
    for alarm in alarms:
        client("cloudwatch").set_alarm_state(
            AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="to be read"
        )

    def sent() -> bool:
        found = client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", [])
        happened.notified += [message["Body"] for message in found]
        return len(happened.notified) >= len(alarms) > 0

    eventually(sent)


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


def failures_recorded(pipeline: Pipeline) -> int:
    return sum('"failure recorded"' in line for line in log_lines(pipeline))


def machines(pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    for page in pipeline.aws.client("stepfunctions").get_paginator("list_state_machines").paginate():
        # Step Functions lists no executions of an Express machine.
        yield from (machine for machine in page["stateMachines"] if machine["type"] == "STANDARD")


def queues(pipeline: Pipeline) -> list[str]:
    urls = pipeline.aws.client("sqs").list_queues().get("QueueUrls", [])
    return [url for url in urls if not url.endswith("-heard")]


def dead_letters(pipeline: Pipeline) -> Iterator[object]:
    """Of each dead letter what is seen beside its body, which holds an event."""
    for url in queues(pipeline):
        received = pipeline.aws.client("sqs").receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageAttributeNames=["All"],
            AttributeNames=["All"],
            VisibilityTimeout=0,
        )
        for message in received.get("Messages", []):
            yield [message["Attributes"], message.get("MessageAttributes")]


def metrics(lines: list[str]) -> Iterator[object]:
    """What CloudWatch makes of the log's embedded metrics: names, dimensions and values."""
    for line in lines:
        if '"_aws"' in line:
            written = json.loads(line)
            for directive in written["_aws"]["CloudWatchMetrics"]:
                dimensions = {name for names in directive["Dimensions"] for name in names}
                yield [directive, {name: written[name] for name in dimensions}]


def visible(happened: Everything) -> Iterator[tuple[str, object]]:
    """Everything that is seen without the right to read records, with where it is seen."""
    pipeline = happened.pipeline
    client = pipeline.aws.client
    lines = log_lines(pipeline)
    for line in lines:
        yield "logs", line
    for metric in metrics(lines):
        yield "metrics", metric
    for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]:
        yield "alarms", alarm
    for text in happened.notified:
        yield "notifications", text
    for machine in machines(pipeline):
        pages = client("stepfunctions").get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=machine["stateMachineArn"]):
            for execution in page["executions"]:
                yield "executions", execution
    for arn in happened.failed:
        told = client("stepfunctions").describe_execution(executionArn=arn)
        yield "causes", {name: told.get(name) for name in ("name", "error", "cause")}
        for event in pipeline.aws.history(arn):
            for details in (value for name, value in event.items() if name.endswith("FailedEventDetails")):
                yield "history", {"error": details.get("error"), "cause": details.get("cause")}
    for bucket in (pipeline.landing, pipeline.processed):
        for stored in client("s3").list_objects_v2(Bucket=bucket).get("Contents", []):
            tags = pipeline.tags(bucket, stored["Key"])
            # What the uploader wrote is the uploader's.
            if ours := {name: value for name, value in tags.items() if name != UPLOADERS_TAG}:
                yield "tags", ours
    for topic in client("sns").list_topics()["Topics"]:
        yield "topics", client("sns").get_topic_attributes(TopicArn=topic["TopicArn"])["Attributes"]
    for url in queues(pipeline):
        yield "queues", client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    for letter in dead_letters(pipeline):
        yield "dead letters", letter


# As many of each are there at least, or nothing would have been looked at.
LEAST = {
    "alarms": 8,
    "causes": 15,
    "dead letters": 1,
    "executions": 20,
    "history": 15,
    "logs": 100,
    "metrics": 40,
    "notifications": 8,
    "queues": 5,
    "tags": 15,
    "topics": 1,
}


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


def without_a_trace(happened: Everything) -> dict[str, int]:
    """How much was looked at in each place, none of it with a trace of the patient."""
    seen: dict[str, int] = {}
    of_the_patient = traces(happened.pipeline)
    for place, content in visible(happened):
        text = json.dumps(content, default=str, ensure_ascii=False)
        found = [trace for trace in of_the_patient if trace in text]
        assert not found, f"{place}: {found} in {text[:2000]}"
        seen[place] = seen.get(place, 0) + 1
    return seen


@pytest.mark.submission
def test_what_people_see_who_may_not_read_records_holds_nothing_of_a_patient(everything: Everything) -> None:
    seen = without_a_trace(everything)
    assert {place: count >= LEAST[place] for place, count in seen.items()} == dict.fromkeys(LEAST, True)


def test_what_people_see_of_a_few_failures_holds_nothing_of_a_patient(breakable: Pipeline) -> None:
    happened, before = Everything(breakable), failures_recorded(breakable)
    few_intakes(happened)
    eventually(lambda: failures_recorded(breakable) >= before + len(happened.failed))
    seen = without_a_trace(happened)
    assert seen.keys() >= {"causes", "executions", "history", "logs", "metrics", "queues", "tags"}
    assert seen["causes"] == len(happened.failed) == 4
    assert any(MARK in key for key in breakable.keys("processed/"))


@pytest.mark.submission
def test_every_kind_of_failure_was_made(everything: Everything) -> None:
    made = set(everything.failed.values())
    of_aws = {"EventBridge.AccessDeniedException", "States.ExceedToleratedFailureThreshold"}
    assert made >= of_aws
    ours = {kind.__name__ for kind in CarefileError.__subclasses__()}
    assert made - of_aws - ours, "a function that cannot be started fails under a name of Lambda's"
    in_logs = {
        name for name in ours if any(f'"error":"{name}"' in line for line in log_lines(everything.pipeline))
    }
    assert ours - made - in_logs == set(NOT_MADE), made


@pytest.mark.submission
def test_the_mark_is_where_it_belongs(everything: Everything) -> None:
    """Were it not there, nothing could be said of the other places."""
    pipeline = everything.pipeline
    describe = pipeline.aws.client("stepfunctions").describe_execution
    inputs = [describe(executionArn=arn)["input"] for arn in everything.failed]
    assert sum(MARK in text for text in inputs) >= 15
    assert any(MARK in key for key in pipeline.keys("processed/"))
    for name in ("letter", "scan", "values"):
        extracted = pipeline.read(f"processed/{ID}_{name}/extracted_data.json").decode()
        assert MARK in json.dumps(json.loads(extracted)["content"] if name != "scan" else extracted), name
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
