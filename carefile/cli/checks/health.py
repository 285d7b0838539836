"""The checks of a deployment: each looks at one thing and says in words how it is and what to do about it.

A check that may not look, or that the embedded AWS has no answer to, says so and counts neither as well nor as ill.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.again.dead_letters import DeadLetters
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import Executions
from carefile.cli.checks.check import Check, State, judged

_FEWEST_CONCURRENT = 100
_LONG = timedelta(hours=1)
_MANY = 1000


Look = Callable[[Connection], Iterator[Check]]


def checks(connection: Connection) -> Iterator[Check]:
    """Every check's result, one after the other."""
    for name, look in _CHECKS:
        try:
            yield from look(connection)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code") or "no answer"
            yield Check(name, State.UNKNOWN, f"could not be looked at: {code} from {error.operation_name}")
        except BotoCoreError as error:
            yield Check(name, State.UNKNOWN, f"could not be looked at: {type(error).__name__}")


def _stack(connection: Connection) -> Iterator[Check]:
    found = connection.client("cloudformation").describe_stacks(StackName=connection.stack)["Stacks"][0]
    status = found["StackStatus"]
    good = status.endswith("_COMPLETE") and "ROLLBACK" not in status
    yield judged(
        "Stack",
        good,
        status,
        status,
        "look at its events in CloudFormation, then deploy again",
        State.WARNING,
    )


def _machine(connection: Connection) -> Iterator[Check]:
    found = connection.client("stepfunctions").describe_state_machine(stateMachineArn=connection.machine)
    status = found["status"]
    yield judged("State machine", status == "ACTIVE", "active", f"it is {status}", "deploy again")


def _buckets(connection: Connection) -> Iterator[Check]:
    s3 = connection.client("s3")
    notified = s3.get_bucket_notification_configuration(Bucket=connection.landing)
    yield judged(
        "Landing notifications",
        "EventBridgeConfiguration" in notified,
        "sent to EventBridge",
        "not sent to EventBridge: uploads start nothing",
        "turn on EventBridge in the bucket's properties, then `carefile reconcile --repair --yes`",
    )
    for name, bucket in (
        ("Landing versions", connection.landing),
        ("Processed versions", connection.processed),
    ):
        status = s3.get_bucket_versioning(Bucket=bucket).get("Status", "never enabled")
        yield judged(
            name,
            status == "Enabled",
            "kept",
            f"versioning is {status.lower()}: an overwritten object is lost",
            "enable the bucket's versioning",
            State.WARNING,
        )


def _rules(connection: Connection) -> Iterator[Check]:
    for logical, physical in connection.resources("AWS::Events::Rule"):
        name = next((word for word in _RULES if word in logical), logical)
        found = _rule(connection, physical)
        if found is None:
            yield Check(f"Rule {name}", State.FAILED, "it is not there", "deploy again")
            continue
        bus = {"EventBusName": found["EventBusName"]} if found.get("EventBusName") else {}
        targets = connection.client("events").list_targets_by_rule(Rule=found["Name"], **bus)["Targets"]
        if found["State"] != "ENABLED" and not found["State"].startswith("ENABLED_"):
            on_bus = f" --event-bus-name {bus['EventBusName']}" if bus else ""
            to_do = f"aws events enable-rule --name {found['Name']}{on_bus}; then carefile reconcile"
            yield Check(f"Rule {name}", State.FAILED, "disabled: its events are lost", to_do)
        else:
            # What a schedule could not call is called at its next time.
            timed = "ScheduleExpression" in found
            kept = targets and (timed or all("DeadLetterConfig" in target for target in targets))
            says = "enabled, on a schedule" if timed else "enabled, and what cannot be delivered is kept"
            wrong = "it has no target" if timed else "it has no target, or no dead-letter queue"
            yield judged(f"Rule {name}", bool(kept), says, wrong, "deploy again")


_RULES = (
    "UploadRule",
    "SubmissionRule",
    "CatalogRule",
    "FailureRule",
    "AssignmentRule",
    "MeasureBacklogRule",
)


def _rule(connection: Connection, physical: str) -> dict[str, Any] | None:
    """CloudFormation names a rule on a bus of one's own `bus|rule`; where it does not, all three buses are asked."""
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
    ill = []
    for _, physical in connection.resources("AWS::Lambda::Function"):
        found = connection.client("lambda").get_function_configuration(FunctionName=physical)
        sound = found.get("State", "Active") in ("Active", "Inactive")
        if not sound or found.get("LastUpdateStatus") == "Failed":
            ill.append(f"{physical} ({found.get('StateReason') or found.get('State')})")
    yield judged("Functions", not ill, "all are ready", f"not ready: {', '.join(ill)}", "deploy again")


def _keys(connection: Connection) -> Iterator[Check]:
    for logical, physical in connection.resources("AWS::KMS::Key"):
        name = "Key of the records" if "Records" in logical else "Key of logs and alarms"
        state = connection.client("kms").describe_key(KeyId=physical)["KeyMetadata"]["KeyState"]
        yield judged(
            name,
            state == "Enabled",
            "enabled",
            f"it is {state}: nothing under it can be read or written",
            "enable the key, or cancel its deletion, in KMS; then `carefile redrive --error StorageDenied`",
        )


def _tables(connection: Connection) -> Iterator[Check]:
    ill = []
    for _, physical in connection.resources("AWS::DynamoDB::Table"):
        status = connection.client("dynamodb").describe_table(TableName=physical)["Table"]["TableStatus"]
        if status not in ("ACTIVE", "UPDATING"):
            ill.append(f"{physical} is {status}")
    yield judged("Tables", not ill, "active", ", ".join(ill), "look at them in DynamoDB")


def _dead_letters(connection: Connection) -> Iterator[Check]:
    letters = DeadLetters(connection)
    for queue in letters.queues:
        count = letters.waiting(queue)
        yield judged(f"Dead letters: {queue}", count == 0, "none", f"{count} waiting there", "carefile dlq")


def _executions(connection: Connection) -> Iterator[Check]:
    executions, now = Executions(connection), datetime.now(UTC)
    failed = sum(1 for _ in islice(executions.ended_badly(now - timedelta(days=1)), _MANY))
    number = f"{_MANY} or more" if failed == _MANY else str(failed)
    yield judged(
        "Failed in 24 hours",
        not failed,
        "none",
        f"{number} executions",
        "carefile runs --failed --since 1d",
        State.WARNING,
    )
    running = islice(executions.changed_since(status="RUNNING"), _MANY)
    long = sum(1 for item in running if now - item.changed > _LONG)
    yield judged(
        "Running long",
        not long,
        "none",
        f"{long} for more than an hour",
        "carefile runs --running",
        State.WARNING,
    )


def _alarms(connection: Connection) -> Iterator[Check]:
    names = [physical for _, physical in connection.resources("AWS::CloudWatch::Alarm")]
    found = connection.client("cloudwatch").describe_alarms(AlarmNames=names, MaxRecords=100)["MetricAlarms"]
    ringing = [item["AlarmName"] for item in found if item["StateValue"] == "ALARM"]
    yield judged(
        "Alarms",
        not ringing,
        "none rings",
        f"ringing: {', '.join(ringing)}",
        "docs/runbook.md",
        State.WARNING,
    )


def _concurrency(connection: Connection) -> Iterator[Check]:
    limit = connection.client("lambda").get_account_settings()["AccountLimit"]["ConcurrentExecutions"]
    yield judged(
        "Lambda concurrency",
        limit >= _FEWEST_CONCURRENT,
        f"{limit} at once in this account",
        f"only {limit} at once in this account: a bulk upload waits in retries",
        "ask for more in Service Quotas",
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
    yield Check("Step Functions quotas", State.OK if found else State.UNKNOWN, says or "none is named")


_CHECKS: tuple[tuple[str, Look], ...] = (
    ("Stack", _stack),
    ("State machine", _machine),
    ("Buckets", _buckets),
    ("Rules", _rules),
    ("Functions", _functions),
    ("Keys", _keys),
    ("Tables", _tables),
    ("Dead letters", _dead_letters),
    ("Executions", _executions),
    ("Alarms", _alarms),
    ("Lambda concurrency", _concurrency),
    ("Step Functions quotas", _quotas),
)
