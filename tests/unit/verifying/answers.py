"""How AWS answers the checks of `carefile verify`: so that a claim holds, and so that it does not."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from botocore.response import StreamingBody

from tests.unit.verifying.modelled import (
    ACCOUNT,
    LANDING,
    NOT_STARTED,
    STACK,
    TOKEN,
    Aws,
    arn,
    machine,
    refused,
)

Set = Callable[[Aws], None]


def holds(_: Aws) -> None:
    """Uploads are filed, and that is all it takes."""


def fails_with(error: str) -> Set:
    def set_(aws: Aws) -> None:
        aws.intake = lambda *_: error

    return set_


def never_ends(aws: Aws) -> None:
    aws.answers["GetObjectTagging"] = {"TagSet": []}


def all_of(*sets: Set) -> Set:
    def set_(aws: Aws) -> None:
        for one in sets:
            one(aws)

    return set_


def answers(**given: Any) -> Set:
    def set_(aws: Aws) -> None:
        aws.answers |= given

    return set_


# Buckets


def write_once(*, enforced: bool) -> Set:
    statement = {"Sid": "RefuseOverwrites", "Resource": [f"arn:aws:s3:::{LANDING}/uploads/portal/*"]}
    policy = {"Policy": json.dumps({"Statement": [{"Sid": "Other"}, statement]})}

    def set_(aws: Aws) -> None:
        aws.answers["GetBucketPolicy"] = policy
        if enforced:
            aws.answers["PutObject"] = refused("AccessDenied", 403)

    return set_


def slowly(aws: Aws) -> None:
    aws.takes_seconds = 400


# Step Functions


def state_tested(*results: dict[str, Any]) -> Set:
    """TestState, whose results are these, one by one."""
    left = list(results)
    return answers(TestState=lambda _: left.pop(0) if len(left) > 1 else left[0])


def denied(aws: Aws) -> bool:
    """Whether a role is denied something now."""
    given = [name for name, _ in aws.asked if name in ("PutRolePolicy", "DeleteRolePolicy")]
    return bool(given) and given[-1] == "PutRolePolicy"


def promoting(*results: dict[str, Any], name: str = "promoted") -> Set:
    def set_(aws: Aws) -> None:
        aws.failed_as, aws.intake = name, lambda *_: "StorageDenied" if denied(aws) else None
        state_tested(*results)(aws)

    return set_


PROMOTED, TWICE = {"status": "SUCCEEDED", "output": "{}"}, "StepFunctions.ExecutionAlreadyExistsException"


def with_history(*kinds: str) -> Set:
    """An intake that fails while its role is denied something, and its redrive with this history after it."""

    def entered(number: int, state: str) -> dict[str, Any]:
        event = {"timestamp": datetime.now(UTC), "type": "TaskStateEntered", "id": number}
        return event | {"stateEnteredEventDetails": {"name": state}}

    def set_(aws: Aws) -> None:
        aws.intake = lambda *_: "StorageDenied" if denied(aws) else None

        def history(_: Any) -> dict[str, Any]:
            states = [
                "ClassifyObject",
                "NormaliseSession",
                *(kinds if aws.requests("RedriveExecution") else ()),
            ]
            events = [
                entered(number, state)
                if state[0] != "-"
                else {"timestamp": datetime.now(UTC), "type": state[1:], "id": number}
                for number, state in enumerate(states, start=1)
            ]
            return {"events": events}

        def redrive(asked: Any) -> dict[str, Any]:
            aws.executions[asked["executionArn"]] |= {"status": "SUCCEEDED", "output": "{}"}
            return {"redriveDate": datetime.now(UTC)}

        aws.answers |= {"GetExecutionHistory": history, "RedriveExecution": redrive}

    return set_


# Buses


def bus_rejects(error: str | None) -> Set:
    def set_(aws: Aws) -> None:
        aws.answers["DescribeEventBus"] = {"Name": "catalog", "Arn": arn("events", "event-bus/catalog")}
        aws.intake = lambda *_: error if aws.requests("PutPermission") else None

    return set_


def no_bus(**answer: Any) -> Set:
    return answers(PutEvents=answer)


def undelivered(*, arrives: bool) -> Set:
    """EventBridge with a role that is denied the start of executions."""

    def set_(aws: Aws) -> None:
        target = {
            "Id": "t",
            "Arn": machine("Pipeline"),
            "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/{STACK}/rule",
        }
        key = f"documents/{TOKEN}/{TOKEN} undelivered.txt"
        event = {"source": "aws.s3", "detail-type": "Object Created"}
        event |= {"detail": {"bucket": {"name": LANDING}, "object": {"key": key}}}
        message = {"MessageId": "m", "ReceiptHandle": "r", "Body": json.dumps(event)}
        message |= {"Attributes": {"SentTimestamp": "1764032400000"}}
        held = list[bool]()
        aws.intake = lambda *_: NOT_STARTED if denied(aws) else None

        def receive(_: Any) -> dict[str, Any]:
            held.append(True)
            return {"Messages": [message] if arrives and len(held) % 2 else []}

        def submitted(asked: Any) -> dict[str, Any]:
            (entry,) = asked["Entries"]
            aws._taken_in(json.loads(entry["Detail"])["key"], "v9", b"hello")
            started = list(aws.executions.values())[-1]
            started["input"] = json.dumps(
                {"detail-type": entry["DetailType"], "detail": json.loads(entry["Detail"])}
            )
            return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}

        aws.answers |= {
            "DescribeRule": {"Name": "rule", "EventPattern": "{}"},
            "ListTargetsByRule": {"Targets": [target]},
            "ReceiveMessage": receive,
            "PutEvents": submitted,
            "DescribeLogStreams": {"logStreams": [{"logStreamName": "one"}]},
        }

    return set_


def archived(state: str, schemas: int = 3) -> Set:
    return answers(
        DescribeArchive={"ArchiveName": "a", "State": state},
        ListSchemas={"Schemas": [{"SchemaName": str(number)} for number in range(schemas)]},
    )


# Backfills


def backfilled(status: str = "SUCCEEDED", **counts: int) -> Set:
    def set_(aws: Aws) -> None:
        run = f"{machine('Backfill').replace(':stateMachine:', ':execution:')}:r"
        map_run = arn("states", "mapRun:Backfill/Objects:1")
        now = datetime.now(UTC)

        def start(asked: Any) -> dict[str, Any]:
            output = (
                {"output": json.dumps({"objects": counts})} if status == "SUCCEEDED" else {"error": "Failed"}
            )
            aws.executions[run] = {
                "executionArn": run,
                "stateMachineArn": machine("Backfill"),
                "name": "r",
                "status": status,
                "startDate": now,
                "stopDate": now,
                "input": asked["input"],
                **output,
            }
            return {"executionArn": run, "startDate": now}

        names = (
            "pending",
            "running",
            "succeeded",
            "failed",
            "timedOut",
            "aborted",
            "total",
            "resultsWritten",
        )
        item_counts = dict.fromkeys(names, 0) | counts
        listed = {
            "executionArn": run,
            "mapRunArn": map_run,
            "stateMachineArn": machine("Backfill"),
            "startDate": now,
        }
        aws.answers |= {
            "StartExecution": start,
            "ListMapRuns": {"mapRuns": [listed]},
            "DescribeMapRun": {
                "mapRunArn": map_run,
                "executionArn": run,
                "status": "SUCCEEDED",
                "startDate": now,
                "maxConcurrency": 5,
                "toleratedFailurePercentage": 0.0,
                "toleratedFailureCount": 0,
                "itemCounts": item_counts,
                "executionCounts": item_counts,
            },
        }

    return set_


def stored(record: dict[str, Any]) -> Set:
    def read(_: Any) -> dict[str, Any]:
        text = json.dumps(record).encode()
        return {"Body": StreamingBody(io.BytesIO(text), len(text))}

    return answers(GetObject=read)


# Malware protection


def scanning(aws: Aws) -> None:
    """GuardDuty finds the test file, and the bucket's policy closes what it found."""
    aws.intake = lambda _, text: "ThreatFound" if b"EICAR" in text else None if text else "RejectedObject"

    def put(asked: Any) -> Any:
        if "GuardDutyMalwareScanStatus" in asked.get("Tagging", ""):
            return refused("AccessDenied", 403)(asked)
        return aws._put_object(asked)

    aws.answers |= {
        "PutObject": put,
        "GetObject": refused("AccessDenied", 403),
        "HeadObject": refused("403", 403),
        "PutObjectTagging": refused("AccessDenied", 403),
        "GetMalwareProtectionPlan": {"Status": "ACTIVE"},
    }


# Decisions


def guarded(*, enforced: bool) -> Set:
    denial = refused("AccessDeniedException") if enforced else refused("ConditionalCheckFailedException")

    def change(asked: Any) -> Any:
        return denial(asked) if "#hash" in asked.get("ExpressionAttributeNames", {}) else {}

    return answers(
        PutItem=denial, UpdateItem=change, DeleteItem=lambda a: denial(a) if len(a["Key"]) > 1 else {}
    )


# Watching


def metrics(count: float, *lines: str) -> Set:
    return answers(
        GetMetricData={"MetricDataResults": [{"Id": "intakes", "Values": [count], "StatusCode": "Complete"}]},
        # The first page may be empty.
        FilterLogEvents=lambda asked: (
            {"events": [{"message": line} for line in lines]}
            if "nextToken" in asked
            else {"events": [], "nextToken": "2"}
        ),
    )


def sampled(*rules: str, requests: int = 7) -> Set:
    each = [{"SamplingRule": {"RuleName": rule, **SAMPLING}} for rule in rules]
    counts = [{"RuleName": rule, "RequestCount": requests} for rule in rules]
    return answers(
        GetSamplingRules={"SamplingRuleRecords": each},
        GetSamplingStatisticSummaries={"SamplingStatisticSummaries": counts},
    )


SAMPLING: dict[str, Any] = {
    "ResourceARN": "*",
    "Priority": 1,
    "FixedRate": 0.1,
    "ReservoirSize": 1,
    "ServiceName": "*",
    "ServiceType": "*",
    "Host": "*",
    "HTTPMethod": "*",
    "URLPath": "*",
    "Version": 1,
}


def dashboard(searched: str = "Complete", queried: str = "Complete") -> Set:
    widget = {
        "properties": {"metrics": [[{"expression": "SEARCH('x')"}], [{"expression": "SUM(e1)"}], ["a", "b"]]}
    }
    return answers(
        GetDashboard={"DashboardBody": json.dumps({"widgets": [widget, {"properties": {}}]})},
        GetMetricData={"MetricDataResults": [{"Id": "q0", "Values": [], "StatusCode": searched}]},
        DescribeQueryDefinitions={
            "queryDefinitions": [
                {"queryDefinitionId": "q", "queryString": "fields x", "logGroupNames": ["g"]}
            ]
        },
        StartQuery={"queryId": "1"},
        GetQueryResults={"status": queried},
    )


def infected(aws: Aws, error: str) -> None:
    aws.intake = lambda _, text: error if b"EICAR" in text else None


def landed_versions(aws: Aws) -> Callable[[Any], dict[str, Any]]:
    """The versions of the uploads, as S3 lists them until they are deleted."""

    def listed(asked: Any) -> dict[str, Any]:
        gone = {
            one["Key"] for request in aws.requests("DeleteObjects") for one in request["Delete"]["Objects"]
        }
        there = [(key, version) for key, version in aws.tags if key == asked["Prefix"] and key not in gone]
        now = datetime.now(UTC)
        each = [
            {"Key": key, "VersionId": version, "LastModified": now, "IsLatest": True}
            for key, version in there
        ]
        return {"Versions": each}

    return listed
