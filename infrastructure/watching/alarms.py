"""The alarms, each with a meaningful threshold and the runbook section that helps.

No alarm counts single failed intakes, which wait for an operator, visible and redrivable. What matters is the share
that fails, and how long an upload has been waiting. A threat is the exception.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from infrastructure.settings.config import StageConfig
from infrastructure.watching import metrics
from infrastructure.watching.metrics import MAXIMUM, SUM

FAILURE_PERCENT = 5
FAILURES_LEAST = 20  # finished executions in five minutes; with fewer a ratio means nothing
SLOW_MINUTES = 15
PROMOTION_MINUTES = 60
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


@dataclass(frozen=True, kw_only=True)
class AlarmSpec:
    """One alarm. `section` is an anchor in the runbook; with `silence_alarms`, missing data raises it too."""

    id: str
    metric: cloudwatch.IMetric
    summary: str
    section: str
    threshold: float = 1
    periods: int = 1
    comparison: cloudwatch.ComparisonOperator = _AT_LEAST
    silence_alarms: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """A machine whose executions are all started by request, so that each failure raises an alarm."""

    name: str
    machine: sfn.StateMachine
    summary: str
    section: str


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What alarms and dashboard observe. `functions` are those of an intake."""

    machine: sfn.StateMachine
    express: sfn.StateMachine | None
    promotions: sqs.IQueue | None
    works: Sequence[Work]
    functions: Sequence[lambda_.Function]
    event_functions: Sequence[lambda_.Function]
    dead_letters: Sequence[sqs.IQueue]


def alarms(config: StageConfig, watched: Watched) -> Iterator[AlarmSpec]:
    """Yield the alarms of a stage."""
    yield AlarmSpec(
        id="FailureRatio",
        metric=metrics.failure_ratio(watched.machine, watched.express, least=FAILURES_LEAST),
        summary=f"At least {FAILURE_PERCENT}% of intakes fail.",
        section="many-intakes-fail",
        threshold=FAILURE_PERCENT,
        periods=2,
    )
    yield AlarmSpec(
        id="OldestUnfiled",
        metric=metrics.ours(config.stage, "OldestUnfiled", MAXIMUM),
        summary=f"An upload has been unfiled for {config.unfiled_alarm_minutes} minutes, or nothing is measured.",
        section="an-upload-waits-too-long",
        threshold=config.unfiled_alarm_minutes * 60,
        periods=3,
        silence_alarms=True,
    )
    yield AlarmSpec(
        id="SlowIntakes",
        metric=metrics.ours(config.stage, "UploadToCatalog", "p95"),
        summary=f"At least 5% of uploads take longer than {SLOW_MINUTES} minutes to reach the catalog.",
        section="intakes-are-slow",
        threshold=SLOW_MINUTES * 60_000,
        periods=3,
    )
    yield AlarmSpec(
        id="SessionsRefused",
        metric=metrics.ours(config.stage, "SessionsRefused", SUM),
        summary="A session has more objects than its catalog entry can hold; its numbers are no longer updated.",
        section="a-session-is-too-large-for-its-entry",
    )
    yield AlarmSpec(
        id="BytesOfTwoPatients",
        metric=metrics.ours(config.stage, "BytesOfTwoPatients", SUM),
        summary="The same document was filed under two patients; one of them may be the wrong one.",
        section="the-same-bytes-under-two-patients",
    )
    if config.malware_scan:
        yield AlarmSpec(
            id="ThreatFound",
            metric=metrics.failures(config.stage, "ThreatFound"),
            summary="Malware protection found a threat in an upload and quarantined it.",
            section="threatfound",
        )
    if config.silence_alarm_hours:
        entry = watched.express or watched.machine
        yield AlarmSpec(
            id="NoIntakes",
            metric=metrics.of_machine(entry, "ExecutionsStarted").with_(
                period=Duration.hours(1), statistic=SUM
            ),
            summary=f"No upload arrived for {config.silence_alarm_hours} hours.",
            section="no-uploads-arrive",
            periods=config.silence_alarm_hours,
            comparison=_BELOW,
            silence_alarms=True,
        )
    if watched.express:
        for name in ("ExecutionsFailed", "ExecutionsTimedOut"):
            # A failed Express execution emits no event, and it fails only if its promotion does.
            yield AlarmSpec(
                id=f"Express{name.removeprefix('Executions')}",
                metric=metrics.of_machine(watched.express, name),
                summary="Uploads were neither filed nor promoted.",
                section="uploads-that-were-neither-filed-nor-promoted",
            )
    if watched.promotions:
        yield AlarmSpec(
            id="PromotionsWait",
            metric=metrics.of_queue(watched.promotions, "ApproximateAgeOfOldestMessage"),
            summary=f"A promotion has been waiting for {PROMOTION_MINUTES} minutes.",
            section="promotions-wait",
            threshold=PROMOTION_MINUTES * 60,
        )
    for work in watched.works:
        yield AlarmSpec(
            id=f"{work.name}Failed",
            metric=metrics.unsuccessful_executions(work.machine, work.name),
            summary=work.summary,
            section=work.section,
        )
    for queue in watched.dead_letters:
        yield AlarmSpec(
            id=f"{queue.node.id}DeadLetters",
            metric=metrics.of_queue(queue, "ApproximateNumberOfMessagesVisible"),
            summary="Undeliverable events are waiting in the queue.",
            section="dead-letters",
        )
    for function in watched.event_functions:
        name = state_name(function)
        # Single errors are retried; what remains becomes a dead letter, which has its own alarm.
        yield AlarmSpec(
            id=f"{name}Errors",
            metric=metrics.of_function(function, "Errors"),
            summary=f"{name} fails repeatedly.",
            section="a-function-fails-on-events",
            periods=3,
        )


def state_name(function: lambda_.IFunction) -> str:
    """The name of the state or task that the function implements."""
    scope = function.node.scope
    assert scope is not None  # noqa: S101 - a function always stands in its CarefileFunction
    return scope.node.id
