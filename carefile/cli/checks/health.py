"""The checks of a deployment: each examines one thing and reports its state and what to do about it.

A check that lacks a permission, or that the embedded AWS does not support, reports `unknown`: neither ok nor failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import chain, islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.again.dead_letters import DeadLetters
from carefile.cli.again.refiling import Again
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.executions import ENDED_BADLY, Executions
from carefile.cli.checks.check import Check, State, result
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.core.records.catalog import patient_in

_FEWEST_CONCURRENT = 100
_LONG = timedelta(hours=1)
_MANY = 1000
MANY_PATIENTS = 10_000
MANY_ENTRIES = 100_000  # of the catalog
_IDS_SHOWN = 20


Look = Callable[[Connection], Iterator[Check]]


def checks(connection: Connection) -> Iterator[Check]:
    """Run every check in turn and yield the results."""
    for name, look in _CHECKS:
        try:
            yield from look(connection)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code") or "no response"
            yield Check(name, State.UNKNOWN, f"could not be checked: {code} from {error.operation_name}")
        except BotoCoreError as error:
            yield Check(name, State.UNKNOWN, f"could not be checked: {type(error).__name__}")
        except Problem as problem:
            yield Check(name, State.UNKNOWN, f"could not be checked: {problem}")


def _stack(connection: Connection) -> Iterator[Check]:
    found = connection.client("cloudformation").describe_stacks(StackName=connection.stack)["Stacks"][0]
    status = found["StackStatus"]
    good = status.endswith("_COMPLETE") and "ROLLBACK" not in status
    yield result(
        "Stack",
        good,
        status,
        status,
        "check its events in CloudFormation, then deploy again",
        State.WARNING,
    )


def _machine(connection: Connection) -> Iterator[Check]:
    found = connection.client("stepfunctions").describe_state_machine(stateMachineArn=connection.machine)
    status = found["status"]
    yield result("State machine", status == "ACTIVE", "active", f"it is {status}", "deploy again")


def _buckets(connection: Connection) -> Iterator[Check]:
    s3 = connection.client("s3")
    notified = s3.get_bucket_notification_configuration(Bucket=connection.landing)
    yield result(
        "Landing notifications",
        "EventBridgeConfiguration" in notified,
        "sent to EventBridge",
        "not sent to EventBridge: uploads start nothing",
        "turn on EventBridge in the bucket's properties, then run `carefile reconcile --repair --yes`",
    )
    for name, bucket in (
        ("Landing versions", connection.landing),
        ("Processed versions", connection.processed),
    ):
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status", "never enabled")
        yield result(
            name,
            status == "Enabled",
            "versioning is enabled",
            f"versioning is {status.lower()}: overwritten objects are lost",
            "enable the bucket's versioning",
            State.WARNING,
        )


def _rules(connection: Connection) -> Iterator[Check]:
    for logical, physical in connection.resources("AWS::Events::Rule"):
        name = next((word for word in _RULES if word in logical), logical)
        found = _rule(connection, physical)
        if found is None:
            yield Check(f"Rule {name}", State.FAILED, "missing", "deploy again")
            continue
        bus = {"EventBusName": found["EventBusName"]} if found.get("EventBusName") else {}
        targets = connection.client("events").list_targets_by_rule(Rule=found["Name"], **bus)["Targets"]
        if found["State"] != "ENABLED" and not found["State"].startswith("ENABLED_"):
            on_bus = f" --event-bus-name {bus['EventBusName']}" if bus else ""
            to_do = f"aws events enable-rule --name {found['Name']}{on_bus}; then run `carefile reconcile`"
            yield Check(f"Rule {name}", State.FAILED, "disabled: its events are lost", to_do)
        else:
            # A missed schedule needs no dead-letter queue: the next one makes up for it.
            timed = "ScheduleExpression" in found
            kept = targets and (timed or all("DeadLetterConfig" in target for target in targets))
            says = "enabled, on a schedule" if timed else "enabled, with a dead-letter queue"
            wrong = "it has no target" if timed else "it has no target, or no dead-letter queue"
            yield result(f"Rule {name}", bool(kept), says, wrong, "deploy again")


_RULES = (
    "UploadRule",
    "SubmissionRule",
    "CatalogRule",
    "FailureRule",
    "AssignmentRule",
    "RegistrationRule",
    "MergeRule",
    "MeasureBacklogRule",
)


def _rule(connection: Connection, physical: str) -> dict[str, Any] | None:
    """Find a rule. CloudFormation names one on a custom bus `bus|rule`; without a bus, all three are searched."""
    bus, _, name = physical.rpartition("|")
    for candidate in [bus] if bus else ["default", connection.intake_bus, connection.catalog_bus]:
        try:
            found: dict[str, Any] = connection.client("events").describe_rule(
                Name=name, EventBusName=candidate
            )
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
                raise
        else:
            return found
    return None


def _functions(connection: Connection) -> Iterator[Check]:
    bad = []
    for _, physical in connection.resources("AWS::Lambda::Function"):
        found = connection.client("lambda").get_function_configuration(FunctionName=physical)
        sound = found.get("State", "Active") in ("Active", "Inactive")
        if not sound or found.get("LastUpdateStatus") == "Failed":
            bad.append(f"{physical} ({found.get('StateReason') or found.get('State')})")
    yield result("Functions", not bad, "all ready", f"not ready: {', '.join(bad)}", "deploy again")


def _keys(connection: Connection) -> Iterator[Check]:
    for logical, physical in connection.resources("AWS::KMS::Key"):
        name = "Key of the records" if "Records" in logical else "Key of logs and alarms"
        state = connection.client("kms").describe_key(KeyId=physical)["KeyMetadata"]["KeyState"]
        yield result(
            name,
            state == "Enabled",
            "enabled",
            f"it is {state}: nothing encrypted with it can be read or written",
            "enable the key in KMS, or cancel its deletion; then run `carefile redrive --error StorageDenied --yes`",
        )


def _tables(connection: Connection) -> Iterator[Check]:
    bad = []
    for _, physical in connection.resources("AWS::DynamoDB::Table"):
        status = connection.client("dynamodb").describe_table(TableName=physical)["Table"]["TableStatus"]
        if status not in ("ACTIVE", "UPDATING"):
            bad.append(f"{physical} is {status}")
    yield result("Tables", not bad, "active", ", ".join(bad), "check the tables in DynamoDB")


def _directory(connection: Connection) -> Iterator[Check]:
    """The patient directory: an empty one that is in use makes everybody unknown. Counting stops at MANY_PATIENTS."""
    if not connection.has_directory:
        return
    pages = connection.client("dynamodb").get_paginator("scan")
    found = pages.paginate(
        TableName=connection.output("PatientsTableName"),
        FilterExpression="attribute_exists(patient_id)",
        Select="COUNT",
    )
    count = 0
    for page in found:
        count += page["Count"]
        if count >= MANY_PATIENTS:
            break
    number = f"{MANY_PATIENTS} or more" if count >= MANY_PATIENTS else str(count)
    in_use = connection.patients_are_listed
    yield result(
        "Patient directory",
        bool(count) or not in_use,
        f"{number} patients; {'in use' if in_use else 'not in use (patients: open)'}",
        "it is in use and lists nobody: everything is filed as unknown",
        "carefile patients import FILE --yes; then `carefile patients refile --yes`",
    )
    merges, since = connection.output("MergePatientsStateMachineArn"), datetime.now(UTC) - timedelta(days=1)
    failed = sum(
        item["stopDate"] >= since
        for status in ENDED_BADLY
        for item in connection.client("stepfunctions").list_executions(
            stateMachineArn=merges, statusFilter=status, maxResults=100
        )["executions"]
    )
    yield result(
        "Merges in the last 24 hours",
        not failed,
        "none failed",
        f"{failed} failed: a patient may be moved in part",
        "see docs/runbook.md#merges",
        State.WARNING,
    )


def _unlisted(connection: Connection) -> Iterator[Check]:
    """Whom the directory does not list and under whom something is filed, from before it was in use, by MANY_ENTRIES of
    the catalog at most; and what is filed under nobody whose patient it knows now."""
    if not connection.patients_are_listed:
        return
    entries = islice(chain.from_iterable(Entries(connection).pages()), MANY_ENTRIES + 1)
    seen, patients = 0, set[str]()
    for item in entries:
        seen += 1
        patients |= {patient} if (patient := patient_in(item)) else set()
    listed, _ = Patients(connection).get_many(sorted(patients))
    left = sorted(patients - listed.keys())
    looked = f" (of the first {MANY_ENTRIES} entries of the catalog)" if seen > MANY_ENTRIES else ""
    more = f" and {len(left) - _IDS_SHOWN} more" if len(left) > _IDS_SHOWN else ""
    yield result(
        "Filed under ids that are not listed",
        not left,
        f"none{looked}",
        f"{', '.join(left[:_IDS_SHOWN])}{more}{looked}",
        "import these patients, or give what is filed under them to whom it belongs: carefile assign",
        State.WARNING,
    )
    waiting = sum(1 for _ in Again(connection, rules_of(connection)).now_known(_MANY))
    yield result(
        "Unknown objects whose patient is known now",
        not waiting,
        "none",
        f"{waiting} of the newest {_MANY}, by an import or a merge since",
        "carefile patients refile --yes",
        State.WARNING,
    )


def _dead_letters(connection: Connection) -> Iterator[Check]:
    letters = DeadLetters(connection)
    for queue in letters.queues:
        count = letters.waiting(queue)
        yield result(f"Dead letters: {queue}", count == 0, "none", f"{count} waiting", "carefile dlq")


def _executions(connection: Connection) -> Iterator[Check]:
    executions, now = Executions(connection), datetime.now(UTC)
    failed = sum(1 for _ in islice(executions.ended_badly(now - timedelta(days=1)), _MANY))
    number = f"{_MANY} or more" if failed == _MANY else str(failed)
    yield result(
        "Failed in the last 24 hours",
        not failed,
        "none",
        f"{number} executions",
        "carefile runs --failed --since 1d",
        State.WARNING,
    )
    running = islice(executions.changed_since(status="RUNNING"), _MANY)
    long = sum(1 for item in running if now - item.changed > _LONG)
    yield result(
        "Long-running executions",
        not long,
        "none",
        f"{long} running for more than an hour",
        "carefile runs --running",
        State.WARNING,
    )


def _alarms(connection: Connection) -> Iterator[Check]:
    names = [physical for _, physical in connection.resources("AWS::CloudWatch::Alarm")]
    found = connection.client("cloudwatch").describe_alarms(AlarmNames=names, MaxRecords=100)["MetricAlarms"]
    ringing = [item["AlarmName"] for item in found if item["StateValue"] == "ALARM"]
    yield result(
        "Alarms",
        not ringing,
        "none in alarm",
        f"in alarm: {', '.join(ringing)}",
        "see docs/runbook.md",
        State.WARNING,
    )


def _concurrency(connection: Connection) -> Iterator[Check]:
    limit = connection.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    yield result(
        "Lambda concurrency",
        limit >= _FEWEST_CONCURRENT,
        f"{limit} for this account",
        f"only {limit} for this account: bulk uploads will be slowed by retries",
        "request an increase in Service Quotas",
        State.WARNING,
    )


def _quotas(connection: Connection) -> Iterator[Check]:
    pages = (
        connection.client("service-quotas")
        .get_paginator("list_service_quotas")
        .paginate(ServiceCode="states")
    )
    found = {
        item["QuotaName"]: item["Value"]
        for page in pages
        for item in page["Quotas"]
        if "StartExecution" in item["QuotaName"] or "RedriveExecution" in item["QuotaName"]
    }
    says = ", ".join(f"{name}: {value:g}" for name, value in sorted(found.items()))
    yield Check("Step Functions quotas", State.OK if found else State.UNKNOWN, says or "none found")


_CHECKS: tuple[tuple[str, Look], ...] = (
    ("Stack", _stack),
    ("State machine", _machine),
    ("Buckets", _buckets),
    ("Rules", _rules),
    ("Functions", _functions),
    ("Keys", _keys),
    ("Tables", _tables),
    ("Patient directory", _directory),
    ("Filed under ids that are not listed", _unlisted),
    ("Dead letters", _dead_letters),
    ("Executions", _executions),
    ("Alarms", _alarms),
    ("Lambda concurrency", _concurrency),
    ("Step Functions quotas", _quotas),
)
