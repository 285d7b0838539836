"""What wakes somebody: each alarm with a threshold that means something and the runbook's section that helps.

No alarm counts single failures of intakes: they wait for an operator, visible and re-drivable. What matters is how many
of all fail, and for how long an upload has been waiting. A threat is the exception.
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
FAILURES_LEAST = 20  # ended executions in five minutes, below which a ratio says nothing
SLOW_MINUTES = 15
_AT_LEAST = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD
_BELOW = cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD


@dataclass(frozen=True, kw_only=True)
class AlarmSpec:
    """One alarm. `section` is the heading's anchor in the runbook; `silence_alarms`: no data is a finding, too."""

    id: str
    metric: cloudwatch.IMetric
    says: str
    section: str
    threshold: float = 1
    periods: int = 1
    comparison: cloudwatch.ComparisonOperator = _AT_LEAST
    silence_alarms: bool = False


@dataclass(frozen=True, kw_only=True)
class Work:
    """A machine of which every execution was asked for by somebody, so that each one that fails is an alarm."""

    name: str
    machine: sfn.StateMachine
    says: str
    section: str


@dataclass(frozen=True, kw_only=True)
class Watched:
    """What alarms and dashboard look at. `functions` are those of an intake."""

    machine: sfn.StateMachine
    express: sfn.StateMachine | None
    works: Sequence[Work]
    functions: Sequence[lambda_.Function]
    event_functions: Sequence[lambda_.Function]
    dead_letters: Sequence[sqs.IQueue]


def alarms(config: StageConfig, watched: Watched) -> Iterator[AlarmSpec]:
    """The alarms of a stage."""
    yield AlarmSpec(
        id="FailureRatio",
        metric=metrics.failure_ratio(watched.machine, watched.express, least=FAILURES_LEAST),
        says=f"{FAILURE_PERCENT} or more of 100 intakes fail.",
        section="many-intakes-fail",
        threshold=FAILURE_PERCENT,
        periods=2,
    )
    yield AlarmSpec(
        id="OldestUnfiled",
        metric=metrics.ours(config.stage, "OldestUnfiled", MAXIMUM),
        says=f"An upload has not been filed for {config.unfiled_alarm_minutes} minutes, or nobody measures it.",
        section="an-upload-waits-too-long",
        threshold=config.unfiled_alarm_minutes * 60,
        periods=3,
        silence_alarms=True,
    )
    yield AlarmSpec(
        id="SlowIntakes",
        metric=metrics.ours(config.stage, "UploadToCatalog", "p95"),
        says=f"Of 20 uploads one takes longer than {SLOW_MINUTES} minutes to the catalog.",
        section="intakes-are-slow",
        threshold=SLOW_MINUTES * 60_000,
        periods=3,
    )
    yield AlarmSpec(
        id="SessionsRefused",
        metric=metrics.ours(config.stage, "SessionsRefused", SUM),
        says="A session has more objects than its catalog entry can hold; its numbers stand still.",
        section="a-session-is-too-large-for-its-entry",
    )
    if config.malware_scan:
        yield AlarmSpec(
            id="ThreatFound",
            metric=metrics.failures(config.stage, "ThreatFound"),
            says="Malware protection found a threat in an upload; it is quarantined.",
            section="threatfound",
        )
    if config.silence_alarm_hours:
        entry = watched.express or watched.machine
        yield AlarmSpec(
            id="NoIntakes",
            metric=metrics.of_machine(entry, "ExecutionsStarted").with_(
                period=Duration.hours(1), statistic=SUM
            ),
            says=f"No upload arrived for {config.silence_alarm_hours} hours.",
            section="no-uploads-arrive",
            periods=config.silence_alarm_hours,
            comparison=_BELOW,
            silence_alarms=True,
        )
    if watched.express:
        for name in ("ExecutionsFailed", "ExecutionsTimedOut"):
            # No event tells of an Express execution that failed, and nothing but its promotion may fail in one.
            yield AlarmSpec(
                id=f"Express{name.removeprefix('Executions')}",
                metric=metrics.of_machine(watched.express, name),
                says="Uploads were neither filed nor promoted.",
                section="uploads-that-were-neither-filed-nor-promoted",
            )
    for work in watched.works:
        yield AlarmSpec(
            id=f"{work.name}Failed",
            metric=metrics.ended_badly(work.machine, work.name),
            says=work.says,
            section=work.section,
        )
    for queue in watched.dead_letters:
        yield AlarmSpec(
            id=f"{queue.node.id}DeadLetters",
            metric=metrics.of_queue(queue, "ApproximateNumberOfMessagesVisible"),
            says="Events that reached nobody wait in the queue.",
            section="dead-letters",
        )
    for function in watched.event_functions:
        name = state_name(function)
        # A single error is retried; what is left of it becomes a dead letter, which has its alarm.
        yield AlarmSpec(
            id=f"{name}Errors",
            metric=metrics.of_function(function, "Errors"),
            says=f"{name} fails again and again.",
            section="a-function-fails-on-events",
            periods=3,
        )


def state_name(function: lambda_.IFunction) -> str:
    """The name of the state, or of the work, that the function stands for."""
    scope = function.node.scope
    assert scope is not None  # noqa: S101 - a function always stands in its CarefileFunction
    return scope.node.id
