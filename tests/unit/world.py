"""A small AWS in this process, with the six functions wired to it: what the unit tests act on.

The functions are called by their handlers, in the order of the machine, with what the machine would hand them.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from carefile.core.messages import intake_request
from carefile.core.messages.events import Event
from carefile.core.records.patients import KEY, PART
from lambdas import (
    adopt_object,
    classify_object,
    index_catalog,
    normalise_document,
    normalise_session,
    record_failure,
    tag_object,
)
from lambdas.adapters import aws
from lambdas.adapters.executions import Execution
from lambdas.intake import wiring
from lambdas.intake.convergence import Intake

LANDING = "landing"
PROCESSED = "processed-bucket"
REPORTS = "reports"
MACHINE = "arn:aws:states:us-east-1:123456789012:execution:object-pipeline"
Json = dict[str, Any]


def execution_arn(name: str) -> str:
    return f"{MACHINE}:{name}"


def created_event(key: str, version_id: str | None = None, bucket: str = LANDING) -> Json:
    """The event that S3 sends, with all its members."""
    named = {"version-id": version_id} if version_id else {}
    return {
        "version": "0",
        "id": "6fb1b7f1-9a2e-4a4e-9d2c-2f4a7f0e0a11",
        "source": "aws.s3",
        "detail-type": "Object Created",
        "account": "123456789012",
        "time": "2026-11-20T10:00:00Z",
        "region": "us-east-1",
        "resources": [f"arn:aws:s3:::{bucket}"],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket},
            "object": {
                "key": key,
                "size": 5,
                "etag": "5d41402abc4b2a76b9719d911017c592",
                "sequencer": "0062E",
            }
            | named,
            "request-id": "N4N7GDK58NMKJ12R",
            "requester": "123456789012",
            "source-ip-address": "1.2.3.4",
            "reason": "PutObject",
        },
    }


def scan_event(key: str, version_id: str | None, verdict: str = "NO_THREATS_FOUND", **members: Any) -> Json:
    """The event that GuardDuty sends when it has scanned an object, with all its members."""
    completed = verdict in ("NO_THREATS_FOUND", "THREATS_FOUND")
    threats = [{"name": "EICAR-Test-File (not a virus)"}] if verdict == "THREATS_FOUND" else None
    return {
        "version": "0",
        "id": "72c7d362-737a-6dce-fc78-9e27a0171419",
        "detail-type": "GuardDuty Malware Protection Object Scan Result",
        "source": "aws.guardduty",
        "account": "123456789012",
        "time": "2026-11-20T10:00:05Z",
        "region": "us-east-1",
        "resources": ["arn:aws:guardduty:us-east-1:123456789012:malware-protection-plan/b4c7f464ab3a"],
        "detail": {
            "schemaVersion": "1.0",
            "scanStatus": "COMPLETED" if completed else "SKIPPED",
            "resourceType": "S3_OBJECT",
            "s3ObjectDetails": {
                "bucketName": LANDING,
                "objectKey": key,
                "eTag": "5d41402abc4b2a76b9719d911017c592",
                "versionId": version_id,
                "s3Throttled": False,
            },
            "scanResultDetails": {"scanResultStatus": verdict, "threats": threats},
        },
    } | members


def submitted_event(key: str, hints: Json | None = None, **members: Any) -> Json:
    detail = {"bucket": LANDING, "key": key, **members} | ({"hints": hints} if hints else {})
    return {"source": "carefile.intake", "detail-type": "Object Submitted", "detail": detail}


def stopped(status: str = "FAILED", data: object = None, **members: Any) -> Execution:
    """An execution as Step Functions describes it; by default one that was refused access."""
    told = {
        "output": {},
        "error": "StorageDenied",
        "cause": json.dumps(
            {
                "errorMessage": "AccessDenied from CopyObject: no",
                "errorType": "StorageDenied",
                "stackTrace": [],
            }
        ),
        "stopped": datetime(2026, 11, 20, 10, 0, tzinfo=UTC),
    }
    return Execution(status=status, input=data, **(told | members))


def indexed(name: str, **keys: str) -> Json:
    """An index of a table, as it is asked for."""
    schema = [{"AttributeName": attribute, "KeyType": kind} for kind, attribute in keys.items()]
    return {"IndexName": name, "KeySchema": schema, "Projection": {"ProjectionType": "ALL"}}


@dataclass
class ScriptedExecutions:
    """Step Functions as RecordFailure asks it: each answer once, the last one for ever."""

    answers: list[Execution] = field(default_factory=lambda: [stopped()])

    def describe(self, arn: str) -> Execution:
        assert arn.startswith(MACHINE)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@dataclass
class CollectedEvents:
    """The catalog bus, as far as RecordFailure writes to it."""

    published: list[Event] = field(default_factory=list)

    def publish(self, event: Event) -> None:
        self.published.append(event)


class World:
    """Buckets, tables and functions. `versioned=False` makes a landing bucket as a user may bring one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, versioned: bool = True) -> None:
        self.s3 = aws.s3()
        self.dynamodb = aws.dynamodb()
        self.monkeypatch = monkeypatch
        # The tests write down when a decision was sent, and what they upload has the moment at which they run.
        monkeypatch.setattr(intake_request, "_CLOCKS", timedelta(days=36_500))
        for bucket in (LANDING, PROCESSED):
            self.s3.create_bucket(Bucket=bucket)
            if versioned or bucket == PROCESSED:
                self.s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        self.s3.create_bucket(Bucket=REPORTS)
        self.s3.put_bucket_versioning(Bucket=REPORTS, VersioningConfiguration={"Status": "Enabled"})
        self.dynamodb.create_table(
            TableName="ledger",
            KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "source_id", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        self.dynamodb.create_table(
            TableName="catalog",
            KeySchema=[{"AttributeName": "source_id", "KeyType": "HASH"}],
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"}
                for name in ("source_id", "content_digest", "patient_ref_key", "listed_at")
            ],
            GlobalSecondaryIndexes=[
                indexed("by-content", HASH="content_digest"),
                indexed("by-patient", HASH="patient_ref_key", RANGE="listed_at"),
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        self.dynamodb.create_table(
            TableName="patients",
            KeySchema=[
                {"AttributeName": KEY, "KeyType": "HASH"},
                {"AttributeName": PART, "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (KEY, PART)],
            BillingMode="PAY_PER_REQUEST",
        )
        aws.secrets().create_secret(Name="pseudonym-key", SecretString="k" * 32)
        self.executions, self.bus = ScriptedExecutions(), CollectedEvents()
        self.wire()

    def wire(self) -> None:
        """What a cold start forgets: who owns which folder. The clients live on."""
        aws.pseudonym_key.cache_clear()
        self.intake: Intake = wiring.intake()
        failures = dataclasses.replace(
            wiring.failures(),
            executions=self.executions,  # type: ignore[arg-type]
            publisher=self.bus,  # type: ignore[arg-type]
        )
        patch = self.monkeypatch.setattr
        patch(classify_object, "admission", wiring.admission())
        patch(tag_object, "marks", wiring.marks())
        patch(normalise_document, "intake", self.intake)
        patch(normalise_session, "intake", self.intake)
        patch(record_failure, "failures", failures)
        patch(adopt_object, "adoption", wiring.adoption())

    # What a clinic does

    def upload(self, key: str, body: bytes = b"hello", **members: Any) -> str | None:
        """Put an object into the landing bucket. Returns its version id."""
        return self.s3.put_object(Bucket=LANDING, Key=key, Body=body, **members).get("VersionId")

    def delete(self, key: str) -> None:
        self.s3.delete_object(Bucket=LANDING, Key=key)

    # What the machine does

    def classify(self, data: object, name: str = "e1", started: str = "2026-11-20T12:00:00.000Z") -> Json:
        event = {"input": data, "execution": execution_arn(name), "started": started}
        return classify_object.handler(event, None)

    def normalise(self, classified: Json, name: str = "e1") -> Json:
        state = {"document": normalise_document, "session": normalise_session}
        handler = state[classified["classification"]["kind"]].handler
        return handler({"upload": classified["upload"], "execution": execution_arn(name)}, None)

    def tag(self, normalised: Json, name: str = "e1") -> Json:
        found = normalised.get("classification", {})
        event = {
            "upload": normalised["upload"],
            "disposition": normalised["disposition"],
            "kind": found.get("kind", "none"),
            "patient": found.get("patient", {}),
            "execution": execution_arn(name),
        }
        return tag_object.handler(event, None)

    def index(self, detail: Json) -> bool:
        return index_catalog.handler({"detail": detail}, None)["indexed"]

    def run(self, data: object, name: str = "e1") -> Json:
        """A whole execution, the catalog's indexer included. Returns what the Normalise state put out."""
        normalised = self.normalise(self.classify(data, name), name)
        self.tag(normalised, name)
        for event in normalised["events"]:
            if event["detail_type"] == "Object Cataloged":
                self.index(event["detail"])
            elif event["detail"].get("disposition") == "unfiled":
                told = {"detail-type": event["detail_type"], "detail": event["detail"]}
                index_catalog.handler(told, None)
        return normalised

    def file(self, key: str, body: bytes = b"hello", *, name: str = "e1", **members: Any) -> Json:
        """Upload an object and run the execution that its event starts."""
        return self.run(created_event(key, self.upload(key, body, **members)), name)

    def record_failure(self, *answers: Execution) -> bool:
        """Tell RecordFailure of an execution that Step Functions describes so."""
        self.executions.answers = list(answers)
        detail = {"executionArn": execution_arn("e1"), "status": "FAILED"}
        return record_failure.handler({"detail": detail}, None)["recorded"]

    # What is there then

    def filed(self, prefix: str = "") -> list[str]:
        """All keys of the processed bucket that are not deleted."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=PROCESSED, Prefix=prefix)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def body(self, key: str, bucket: str = PROCESSED) -> bytes:
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def json(self, key: str) -> Json:
        return json.loads(self.body(key))

    def head(self, key: str) -> Json:
        return dict(self.s3.head_object(Bucket=PROCESSED, Key=key))

    def tags(self, key: str, bucket: str = PROCESSED, **version: str) -> dict[str, str]:
        found = self.s3.get_object_tagging(Bucket=bucket, Key=key, **version)
        return {tag["Key"]: tag["Value"] for tag in found["TagSet"]}

    def catalog(self) -> list[Json]:
        return self.dynamodb.scan(TableName="catalog")["Items"]


def cataloged(result: Json) -> Json:
    """The detail of the one event `Object Cataloged` in what a Normalise state put out."""
    (detail,) = [e["detail"] for e in result["events"] if e["detail_type"] == "Object Cataloged"]
    return detail


def types(result: Json) -> list[str]:
    return [event["detail_type"] for event in result["events"]]


def prefix_of(result: Json) -> str:
    return cataloged(result)["location"]["prefix"]
