"""AWS as its service models describe it: every request is checked against botocore's model of its operation, and so is
every answer that a test gives. Nothing reaches a network.

It plays one deployed stack: uploads are filed or fail as a test has it, and are found in catalog and executions. What
else a test wants answered it puts into `answers`; other requests are answered with nothing found.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import Any

import boto3
from botocore import xform_name
from botocore.exceptions import ClientError, ParamValidationError
from botocore.validate import validate_parameters

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.rate import Quotas
from carefile.core.model import Source
from carefile.core.records.catalog import KEY, Entry, Item
from infrastructure.machines import definitions
from tests.unit.world import created_event, scan_event

REGION, ACCOUNT = "eu-west-1", "111122223333"
TOKEN = "carefile-verify-0a1b2c3d"  # of the run that tests play
CATALOG = "Carefile-dev-Catalog-1A2B"
STACK, LANDING, PROCESSED, REPORTS = (
    "Carefile-dev",
    "the-landing-bucket",
    "the-processed-bucket",
    "the-reports",
)
Answer = Callable[[Mapping[str, Any]], Mapping[str, Any]] | Mapping[str, Any]
NOT_STARTED = "nothing was started"  # in place of the error of an intake
_LISTS = {  # what an operation that finds nothing answers, where the model demands more than nothing
    "ListExecutions": {"executions": []},
    "ListMapRuns": {"mapRuns": []},
    "GetExecutionHistory": {"events": []},
    "Query": {"Items": [], "Count": 0},
    "Scan": {"Items": [], "Count": 0},
    "GetObjectTagging": {"TagSet": []},
    "PutEvents": {"FailedEntryCount": 0, "Entries": []},
}


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def machine(name: str) -> str:
    return arn("states", f"stateMachine:{STACK}-{name}")


OUTPUTS = {
    "LandingBucketName": LANDING,
    "ProcessedBucketName": PROCESSED,
    "ReportsBucketName": REPORTS,
    "PipelineStateMachineArn": machine("Pipeline"),
    "BackfillStateMachineArn": machine("Backfill"),
    "MergePatientsStateMachineArn": machine("MergePatients"),
    "ReassignPatientStateMachineArn": machine("ReassignPatient"),
    "CatalogTableName": CATALOG,
    "LedgerTableName": "Carefile-dev-Ledger-1A2B",
    "PatientsTableName": "Carefile-dev-Patients-1A2B",
    "DecisionsTableName": "Carefile-dev-Decisions-1A2B",
    "CatalogBusName": "carefile-dev-catalog",
    "IntakeBusName": "carefile-dev-intake",
    "InboxPolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/inbox",
}
RESOURCES = {
    "AWS::Lambda::Function": ["ClassifyObject", "NormaliseSession", "TagObject", "IndexSessions"],
    "AWS::SQS::Queue": ["DeadLettersIntakes", "DeadLettersRegistrations"],
    "AWS::Events::Rule": ["UploadRule"],
    "AWS::Events::Archive": ["CatalogArchive"],
    "AWS::CloudWatch::Dashboard": ["Dashboard"],
    "AWS::GuardDuty::MalwareProtectionPlan": ["Plan"],
}


class Clock:
    """Time that passes only where somebody waits."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    @contextmanager
    def within(self, seconds: float) -> Iterator[Any]:
        clock, until = self, self.now + seconds

        class Deadline:
            @property
            def left(self) -> float:
                return until - clock.now

        yield Deadline()


def refused(code: str, status: int = 400, **headers: str) -> Callable[[Mapping[str, Any]], Mapping[str, Any]]:
    """The answer of a service that refuses a request."""

    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        metadata = {"HTTPStatusCode": status, "HTTPHeaders": named, "RetryAttempts": 0, "RequestId": "1"}
        response = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": metadata}
        raise ClientError(response, "refused")  # type: ignore[arg-type]

    return refuse


class Aws:
    """One stack on AWS. `intake` gives the error that the intake of an upload ends with, or None where it is filed."""

    def __init__(self, *, express: bool = False, **settings: str) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.actions: set[str] = set()  # in the form of IAM, but for a few that it names otherwise
        self.settings = {"STAGE": "dev", "LANDING_BUCKETS": LANDING, **settings}
        self.intake: Callable[[str, bytes], str | None] = lambda _, body: None if body else "RejectedObject"
        self.takes_seconds = 1.0
        self.tags: dict[tuple[str, str | None], list[dict[str, str]]] = {}
        self.entries: dict[str, Item] = {}
        self.patients: dict[str, Item] = {}
        self.executions: dict[str, dict[str, Any]] = {}
        self.bodies: dict[str, bytes] = {}
        self.failed_as = "e"
        outputs = {**OUTPUTS, **({"ExpressStateMachineArn": machine("Express")} if express else {})}
        _wire().aws = self
        self.connection = Connection(_wire().session, STACK, outputs)
        self.connection.quotas = Quotas.none()
        self.connection._clients = _wire().clients

    def requests(self, operation: str) -> list[Mapping[str, Any]]:
        return [arguments for name, arguments in self.asked if name == operation]

    def answer(self, operation: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((operation, arguments))
        if operation == "TestState" and "mock" not in arguments:
            state = json.loads(arguments["definition"])
            if "context" in arguments or state["Type"] in ("Map", "Parallel"):
                return refused("ValidationException")(arguments)
        given = (
            self.answers.get(operation)
            or getattr(self, f"_{xform_name(operation)}", None)
            or _LISTS.get(operation, {})
        )
        return given(arguments) if callable(given) else given

    # The stack

    def _list_stack_resources(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        return {
            "StackResourceSummaries": [
                {
                    "LogicalResourceId": f"{name}0A1B2C3D",
                    "PhysicalResourceId": f"https://sqs/{name}" if "SQS" in kind else f"{STACK}-{name}",
                    "ResourceType": kind,
                    "ResourceStatus": "CREATE_COMPLETE",
                    "LastUpdatedTimestamp": datetime.now(UTC),
                }
                for kind, names in RESOURCES.items()
                for name in names
            ]
        }

    def _get_function_configuration(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        name = asked["FunctionName"]
        return {
            "Role": f"arn:aws:iam::{ACCOUNT}:role/{STACK}/{name}-role",
            "Environment": {"Variables": self.settings},
            "LoggingConfig": {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": f"group-of-{name}"},
        }

    def _describe_state_machine(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        name = asked["stateMachineArn"].rpartition("-")[2]
        return {
            "stateMachineArn": asked["stateMachineArn"],
            "name": f"{STACK}-{name}",
            "definition": json.dumps(definition(name)),
            "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{name}",
            "type": "EXPRESS" if name == "Express" else "STANDARD",
            "creationDate": datetime.now(UTC),
            "loggingConfiguration": {
                "level": "ERROR",
                "destinations": [
                    {"cloudWatchLogsLogGroup": {"logGroupArn": arn("logs", "log-group:/carefile/dev:*")}}
                ],
            },
        }

    # Uploads

    def _put_object(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        body = asked.get("Body", b"")  # botocore makes a file of some
        return self._landed(asked["Bucket"], asked["Key"], body.read() if hasattr(body, "read") else body)

    def _create_multipart_upload(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"UploadId": "u"}

    def _upload_part(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"ETag": f'"{asked["PartNumber"]}"'}

    def _upload_part_copy(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"CopyPartResult": {"ETag": f'"{asked["PartNumber"]}"'}}

    def _complete_multipart_upload(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._landed(asked["Bucket"], asked["Key"], b"parts")

    def _landed(self, bucket: str, key: str, body: bytes) -> Mapping[str, Any]:
        version = f"v{len(self.tags) + 1}"
        if bucket == LANDING and not key.endswith(".partial"):
            self._taken_in(key, version, body)
        return {"VersionId": version, "ETag": '"e"'}

    def _taken_in(self, key: str, version: str, body: bytes) -> None:
        error, now = self.intake(key, body), datetime.now(UTC)
        if error == NOT_STARTED:
            return
        name = f"{self.failed_as}-{len(self.executions)}"
        execution = f"{machine('Pipeline').replace(':stateMachine:', ':execution:')}:{name}"
        event = (scan_event if self.settings.get("MALWARE_SCAN") else created_event)(key, version)
        where = event["detail"]
        (where.get("s3ObjectDetails") or where["bucket"]).update(
            {"bucketName": LANDING} if "s3ObjectDetails" in where else {"name": LANDING}
        )
        self.executions[execution] = {
            "executionArn": execution,
            "stateMachineArn": machine("Pipeline"),
            "name": name,
            "status": "FAILED" if error else "SUCCEEDED",
            "startDate": now,
            "stopDate": now + timedelta(seconds=1),
            "input": json.dumps(event),
            "redriveCount": 0,
            "redriveStatus": "REDRIVABLE" if error else "NOT_REDRIVABLE",
        } | ({"error": error, "cause": "no"} if error else {"output": "{}"})
        status = "failed" if error else "cataloged"
        self.tags[key, version] = [{"Key": "pipeline-status", "Value": status}]
        self.bodies[key] = body
        if not error:
            entry = entry_of(key, version, execution, now + timedelta(seconds=self.takes_seconds))
            self.entries[entry.source_id] = entry.to_item()

    def _get_object_tagging(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"TagSet": self.tags.get((asked["Key"], asked.get("VersionId")), [])}

    def _batch_get_item(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        ((table, wanted),) = asked["RequestItems"].items()
        if table == OUTPUTS["PatientsTableName"]:
            asked_for = (key["entry"]["S"] for key in wanted["Keys"])
            return {"Responses": {table: [self.patients[one] for one in asked_for if one in self.patients]}}
        keys = [key[KEY]["S"] for key in wanted["Keys"]]
        return {"Responses": {table: [self.entries[key] for key in keys if key in self.entries]}}

    def _list_executions(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        wanted = asked.get("statusFilter")
        hidden = {"input", "output", "error", "cause", "redriveStatus"}
        return {
            "executions": [
                {name: value for name, value in one.items() if name not in hidden}
                for one in reversed(self.executions.values())
                if one["stateMachineArn"] == asked["stateMachineArn"] and wanted in (None, one["status"])
            ]
        }

    def _describe_execution(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.executions[asked["executionArn"]]


def entry_of(key: str, version: str, execution: str, at: datetime) -> Entry:
    """The catalog's entry of an upload that was filed."""
    source, name = Source(LANDING, key), key.rpartition("/")[2].partition(".")[0]
    patient, folder = key.split("/")[1], f"processed/{key.split('/')[1]}_{name.replace(' ', '_')}/"
    return Entry(
        source_id=source.source_id,
        event_id="e",
        revision=1,
        patient=patient,
        reason=None,
        kind="document",
        session_id=None,
        landing_bucket=LANDING,
        landing_key=key,
        landing_version=version,
        modified=at.isoformat(),
        size=5,
        bucket=PROCESSED,
        prefix=folder,
        key=f"{folder}original.txt",
        execution=execution,
        cataloged_at=at.isoformat(),
    )


@cache
def definition(machine: str) -> dict[str, Any]:
    """A machine's definition as it is deployed."""
    compose = {"Express": definitions.express_lane, "Backfill": definitions.backfill}.get(machine)
    return compose() if compose else definitions.from_file("object_pipeline")


class _Wire:
    """One session for all tests, as clients take long to make. Its requests go to whichever stack is played."""

    def __init__(self) -> None:
        self.aws: Aws | None = None
        self.clients: dict[str, Any] = {}
        self.session = boto3.session.Session("id", "secret", region_name=REGION)
        self.session.events.register("before-parameter-build", _remember)
        self.session.events.register("before-call", self._answered)

    def _answered(self, model: Any, context: Mapping[str, Any], **_: Any) -> tuple[Any, dict[str, Any]]:
        assert self.aws is not None
        try:
            self.aws.actions.add(f"{model.service_model.signing_name}:{model.name}")
            answer = dict(self.aws.answer(model.name, context["asked"]))
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            return SimpleNamespace(status_code=status), dict(error.response)
        given = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        try:
            if model.output_shape is not None:
                validate_parameters(given, model.output_shape)
        except ParamValidationError as error:
            raise AssertionError(f"AWS does not answer {model.name} so: {error}") from None
        return SimpleNamespace(status_code=200), answer


def _remember(params: Mapping[str, Any], context: dict[str, Any], **_: Any) -> None:
    context["asked"] = dict(params)


@cache
def _wire() -> _Wire:
    return _Wire()
