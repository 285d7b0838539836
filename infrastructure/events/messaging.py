"""Buses, rules and dead letters: how events reach the pipeline and leave it.

Invariants: no rule matches what the pipeline writes; no event is lost silently. EventBridge retries a target 185 times
over 24 hours, then sends the event to the target's queue. A function that fails on an event sends it to the same queue.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as event_sources
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure.events.draft_4 import CATALOG_SOURCE, INTAKE_SOURCE
from infrastructure.events.leftovers import excluded_keys
from infrastructure.functions.operations import ServiceRole
from infrastructure.protection import execution_permissions
from infrastructure.protection.accepted import accept
from infrastructure.protection.bus_policies import (
    INTAKE_TYPES,
    restrict_announcements,
    restrict_submissions,
)
from infrastructure.protection.encryption import removal_policy
from infrastructure.protection.malware import VALIDATION_OBJECT
from infrastructure.settings.config import PROJECT_ROOT, StageConfig

MAX_EVENT_AGE = Duration.hours(24)
RETRY_ATTEMPTS = 185
_STREAM_RETRIES = 8
# An entry may become, or stop being, one of a session's objects.
_IMAGES = ("NewImage", "OldImage")


class Buses(Construct):
    """`intake` carries requests to the pipeline, `catalog` its announcements."""

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.intake = events.EventBus(
            self,
            "IntakeBus",
            event_bus_name=f"carefile-{config.stage}-intake",
            description="Requests of people and systems: " + ", ".join(INTAKE_TYPES),
            kms_key=key,
        )
        self.catalog = events.EventBus(
            self,
            "CatalogBus",
            event_bus_name=f"carefile-{config.stage}-catalog",
            description="Announcements of the pipeline: objects cataloged, retired, withdrawn, failed",
            kms_key=key,
        )
        restrict_submissions(self.intake, f"carefile-{config.stage}-intake", config.intake_publishers)
        restrict_announcements(self.catalog, f"carefile-{config.stage}-catalog", config.stack_name)


class DeadLetters(Construct):
    """One queue per consumer of events, so that an operator sees at once which one is stuck."""

    def __init__(self, scope: Construct, id: str, *, config: StageConfig, key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.intakes = self._queue("Intakes", config, key)
        self.catalog_events = self._queue("CatalogEvents", config, key)
        self.session_changes = self._queue("SessionChanges", config, key)
        self.failures = self._queue("Failures", config, key)
        self.assignments = self._queue("Assignments", config, key)
        self.registrations = self._queue("Registrations", config, key)
        self.merges = self._queue("Merges", config, key)
        self.readings = self._queue("Readings", config, key) if config.reads_scans else None

    @property
    def all(self) -> Sequence[sqs.IQueue]:
        always = (
            self.intakes,
            self.catalog_events,
            self.session_changes,
            self.failures,
            self.assignments,
            self.registrations,
            self.merges,
        )
        return (*always, self.readings) if self.readings else always

    def _queue(self, id: str, config: StageConfig, key: kms.IKey) -> sqs.Queue:
        queue = sqs.Queue(
            self,
            id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            removal_policy=removal_policy(config),
        )
        accept(
            queue,
            ["AwsSolutions-SQS3"],
            "This is itself a dead-letter queue of EventBridge and Lambda. Only an operator receives from it and "
            "deletes each message once it is handled, so there is nothing to pass on to a second queue.",
        )
        return queue


class IntakeRules(Construct):
    """The rules that start executions, with the whole event as input.

    An execution starts on an upload (with malware scanning, on its verdict) or on `Object Submitted`. Uploads go to
    `express` if the stage has that lane. A submission is a deliberate request and always visible in the console.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        landing: s3.IBucket,
        intake_bus: events.IEventBus,
        machine: sfn.IStateMachine,
        express: sfn.IStateMachine | None,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        upload = events.Rule(
            self,
            "UploadRule",
            description="An object arrived in the landing bucket",
            event_pattern=_verdicts(config, landing) if config.malware_scan else _uploads(config, landing),
        )
        submission = events.Rule(
            self,
            "SubmissionRule",
            description="The intake of an object was requested",
            event_bus=intake_bus,
            event_pattern=events.EventPattern(source=[INTAKE_SOURCE], detail_type=["Object Submitted"]),
        )
        if express:
            start_executions(
                self, machine=express, dead_letters=dead_letters, rules=(upload,), role="ExpressRole"
            )
        rules = (submission,) if express else (upload, submission)
        start_executions(self, machine=machine, dead_letters=dead_letters, rules=rules)


def _uploads(config: StageConfig, landing: s3.IBucket) -> events.EventPattern:
    return events.EventPattern(
        source=["aws.s3"],
        detail_type=["Object Created"],
        detail={"bucket": {"name": [landing.bucket_name]}, "object": {"key": _keys_except(config)}},
    )


def _verdicts(config: StageConfig, landing: s3.IBucket) -> events.EventPattern:
    return events.EventPattern(
        account=[Aws.ACCOUNT_ID],
        source=["aws.guardduty"],
        detail_type=["GuardDuty Malware Protection Object Scan Result"],
        detail={
            "s3ObjectDetails": {
                "bucketName": [landing.bucket_name],
                "objectKey": _keys_except(config, VALIDATION_OBJECT),
            }
        },
    )


def _keys_except(config: StageConfig, *others: str) -> list[object]:
    """Match all keys except filed objects (both buckets may be one), folder markers and leftovers of tools."""
    excluded = [f"{config.session_prefix}*", "*/", *others, *excluded_keys(PROJECT_ROOT / config.rules_file)]
    return [{"anything-but": {"wildcard": excluded}}]


def start_executions(
    scope: Construct,
    *,
    machine: sfn.IStateMachine,
    dead_letters: sqs.IQueue,
    rules: Sequence[events.Rule],
    role: str = "Role",
) -> None:
    """Let these rules start executions of the machine with one role, the whole event as input."""
    allowed = ServiceRole(
        scope,
        role,
        principal=iam.ServicePrincipal(
            "events.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
        ),
        statements=execution_permissions.start_executions(machine.state_machine_arn),
    )
    for rule in rules:
        rule.add_target(
            targets.SfnStateMachine(
                machine,
                role=allowed.fixed,
                dead_letter_queue=dead_letters,
                max_event_age=MAX_EVENT_AGE,
                retry_attempts=RETRY_ATTEMPTS,
            )
        )
        allowed.must_be_ready_for(rule)


class StartingRule(Construct):
    """A rule that starts a state machine on one kind of event."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        name: str,
        description: str,
        bus: events.IEventBus,
        pattern: events.EventPattern,
        machine: sfn.IStateMachine,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        rule = events.Rule(self, name, description=description, event_bus=bus, event_pattern=pattern)
        start_executions(self, machine=machine, dead_letters=dead_letters, rules=(rule,))


# The patterns of events that start a machine of their own.
IDENTIFIED = events.EventPattern(source=[INTAKE_SOURCE], detail_type=["Patient Identified"])
MERGED = events.EventPattern(source=[INTAKE_SOURCE], detail_type=["Patients Merged"])
TO_BE_READ = events.EventPattern(
    source=[CATALOG_SOURCE],
    detail_type=["Object Cataloged"],
    detail={"reading": {"status": ["pending"]}},
)


class CatalogRules(Construct):
    """The rules that follow an execution: index cataloged objects, record failures."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        catalog_bus: events.IEventBus,
        machine: sfn.IStateMachine,
        indexer: lambda_.IFunction,
        failure_recorder: lambda_.IFunction,
        dead_letters: DeadLetters,
    ) -> None:
        super().__init__(scope, id)
        events.Rule(
            self,
            "CatalogRule",
            description="An object was cataloged: index it",
            event_bus=catalog_bus,
            event_pattern=events.EventPattern(source=[CATALOG_SOURCE], detail_type=["Object Cataloged"]),
            targets=[_invoke(indexer, dead_letters.catalog_events)],
        )
        events.Rule(
            self,
            "UnfiledRule",
            description="An object was taken out of the layout: take it out of the catalog",
            event_bus=catalog_bus,
            event_pattern=events.EventPattern(
                source=[CATALOG_SOURCE], detail_type=["Object Retired"], detail={"disposition": ["unfiled"]}
            ),
            targets=[_invoke(indexer, dead_letters.catalog_events)],
        )
        events.Rule(
            self,
            "FailureRule",
            description="An execution failed: mark its object and announce it",
            event_pattern=events.EventPattern(
                source=["aws.states"],
                detail_type=["Step Functions Execution Status Change"],
                detail={
                    "stateMachineArn": [machine.state_machine_arn],
                    "status": ["FAILED", "TIMED_OUT", "ABORTED"],
                },
            ),
            targets=[_invoke(failure_recorder, dead_letters.failures)],
        )


class SessionFollower(Construct):
    """Feeds batches of the catalog table's stream to the session indexer, retried until processed.

    Sessions are written in bursts, so a short batching window merges many changes. A shard may bring a thousand changes
    a second, more than one invocation at a time can follow. Several followers share it by object: the changes of one
    stay in their order, and a session's entry is the same whatever the order of its objects.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: dynamodb.Table,
        indexer: lambda_.IFunction,
        dead_letters: sqs.IQueue,
        followers: int,
    ) -> None:
        super().__init__(scope, id)
        of_a_session = {"kind": {"S": ["session"]}}
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=indexer,
            event_source_arn=table.table_stream_arn,
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=500,
            max_batching_window=Duration.seconds(10),
            parallelization_factor=followers,
            filters=[{"pattern": json.dumps({"dynamodb": {image: of_a_session}})} for image in _IMAGES],
            bisect_batch_on_error=True,
            report_batch_item_failures=True,
            # The shard is blocked meanwhile. Changes that can never be written do not fail; other errors pass soon.
            retry_attempts=_STREAM_RETRIES,
            on_failure=event_sources.SqsDlq(dead_letters),
        )


def _invoke(function: lambda_.IFunction, dead_letters: sqs.IQueue) -> targets.LambdaFunction:
    return targets.LambdaFunction(
        function,
        dead_letter_queue=dead_letters,
        max_event_age=MAX_EVENT_AGE,
        retry_attempts=RETRY_ATTEMPTS,
    )
