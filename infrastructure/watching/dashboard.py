"""The dashboard, from top to bottom: alarms, traffic, patients, failures, latency, and limits."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.settings.config import StageConfig
from infrastructure.watching import metrics
from infrastructure.watching.alarms import Watched, state_name
from infrastructure.watching.metrics import MAXIMUM, SUM

_BY_KIND = ("disposition", "kind")
_PERCENTILES = ("p50", "p95", "p99")
_FOUR_WEEKS = "-P28D"
_ENDS = (
    "ExecutionsStarted",
    "ExecutionsSucceeded",
    "ExecutionsFailed",
    "ExecutionsTimedOut",
    "ExecutionsAborted",
)


def dashboard(
    scope: Construct,
    *,
    config: StageConfig,
    watched: Watched,
    alarms: Sequence[cloudwatch.IAlarm],
    tables: Sequence[dynamodb.ITable],
    rules: Sequence[events.IRule],
    functions: Sequence[lambda_.IFunction],
) -> cloudwatch.Dashboard:
    """Create the stage's dashboard, which shows the last three hours, and of patients four weeks."""
    stage, machine, express = config.stage, watched.machine, watched.express
    board = cloudwatch.Dashboard(scope, "Dashboard", dashboard_name=f"Carefile-{stage}")
    latency = [metrics.ours(stage, "UploadToCatalog", each, label=each) for each in _PERCENTILES]
    oldest = metrics.ours(stage, "OldestUnfiled", MAXIMUM, label="seconds")
    waiting = [
        metrics.of_queue(queue, "ApproximateNumberOfMessagesVisible", label=queue.node.id)
        for queue in watched.dead_letters
    ]
    board.add_widgets(
        cloudwatch.TextWidget(
            markdown=f"**Carefile {stage}** · A red alarm's description names a section of {config.runbook_url}",
            width=24,
            height=1,
        )
    )
    board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=3))
    board.add_widgets(
        _number("Intakes", [metrics.total(stage, "Intakes", _BY_KIND, label="intakes")]),
        _number("Failed, percent", [metrics.failure_ratio(machine, express, least=1)]),
        _number("Oldest unfiled upload", [oldest]),
        _number("Upload to catalog, p95", [latency[1]]),
        _number("Dead letters", [*waiting]),
        _number(
            "Cost of 1,000 objects, states and functions",
            [metrics.cost(stage, machine, express, watched.functions)],
        ),
    )
    board.add_widgets(
        _graph("Intakes by disposition and kind", [metrics.each(stage, "Intakes", _BY_KIND)], stacked=True),
        _graph(
            "Percent of intakes with an unknown patient, with conflicting sources, or with an id that is not listed",
            [
                metrics.share(stage, "UnknownPatients", "Intakes", _BY_KIND, label="unknown"),
                metrics.share(stage, "ConflictingPatients", "Intakes", _BY_KIND, label="conflict"),
                metrics.share(stage, "UnlistedPatients", "Intakes", _BY_KIND, label="unlisted"),
            ],
        ),
    )
    board.add_widgets(
        _graph(
            "Patients listed, as DynamoDB counts them every six hours",
            [metrics.ours(stage, "PatientsListed", MAXIMUM, label="listed", period=metrics.DAY)],
            start=_FOUR_WEEKS,
        ),
        _graph(
            "Intakes a day with an id that is not listed",
            [metrics.total(stage, "UnlistedPatients", _BY_KIND, label="unlisted", period=metrics.DAY)],
            start=_FOUR_WEEKS,
        ),
    )
    board.add_widgets(
        _graph("Failures by error", [metrics.each(stage, "Failures", ("error",))], stacked=True),
        _graph(
            "Executions",
            [
                *(metrics.of_machine(machine, name) for name in _ENDS),
                *(metrics.of_machine(express, name) for name in _ENDS[:4] if express),
                *(metrics.unsuccessful_executions(work.machine, work.name) for work in watched.works),
            ],
        ),
    )
    board.add_widgets(
        _graph("Upload to catalog, milliseconds", latency),
        _graph(
            "Backlog: age of the oldest upload and promotion in seconds, running intakes",
            [
                oldest,
                *(
                    metrics.of_queue(queue, "ApproximateAgeOfOldestMessage", label="promotions")
                    for queue in (watched.promotions,)
                    if queue
                ),
            ],
            right=[metrics.ours(stage, "RunningIntakes", MAXIMUM, label="running")],
        ),
    )
    board.add_widgets(
        _graph(
            "Dead letters, sessions whose entry cannot be written, documents filed under two patients",
            [
                *waiting,
                metrics.ours(stage, "SessionsRefused", SUM, label="sessions refused"),
                metrics.ours(stage, "BytesOfTwoPatients", SUM, label="bytes of two patients"),
            ],
        ),
        _graph(
            "Dead letters: age of the oldest, seconds",
            [
                metrics.of_queue(queue, "ApproximateAgeOfOldestMessage", label=queue.node.id)
                for queue in watched.dead_letters
            ],
        ),
    )
    board.add_widgets(
        _graph(
            "Throttles",
            [
                *(metrics.of_function(each, "Throttles", label=state_name(each)) for each in functions),
                metrics.of_machine(machine, "ExecutionThrottled", label="state transitions"),
                *(
                    metrics.of_table(table, name, label=f"{table.node.id} {name.partition('Throttle')[0]}")
                    for table in tables
                    for name in ("ReadThrottleEvents", "WriteThrottleEvents")
                ),
                *(metrics.of_rule(rule, "ThrottledRules", label=rule.node.id) for rule in rules),
            ],
        ),
        _graph(
            "Function errors (retried; the rest fail their execution)",
            [metrics.of_function(each, "Errors", label=state_name(each)) for each in functions],
        ),
    )
    board.add_widgets(
        _graph(
            "Events that a rule could not deliver at the first attempt",
            [
                metrics.of_rule(rule, name, label=f"{rule.node.id} {label}")
                for rule in rules
                for name, label in (("FailedInvocations", "failed"), ("RetryInvocationAttempts", "retried"))
            ],
        ),
        _graph(
            "Cost of 1,000 objects in USD, states and functions",
            [metrics.cost(stage, machine, express, watched.functions)],
        ),
    )
    board.add_widgets(
        _graph(
            "Functions: p95 duration, milliseconds",
            [metrics.of_function(each, "Duration", "p95", label=state_name(each)) for each in functions],
        ),
        _graph(
            "Functions: peak concurrency",
            [
                metrics.of_function(each, "ConcurrentExecutions", MAXIMUM, label=state_name(each))
                for each in functions
            ],
        ),
    )
    return board


def _graph(
    title: str,
    left: Sequence[cloudwatch.IMetric],
    *,
    right: Sequence[cloudwatch.IMetric] = (),
    stacked: bool = False,
    start: str | None = None,
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(left), right=list(right), stacked=stacked, start=start, width=12, height=6
    )


def _number(title: str, values: Sequence[cloudwatch.IMetric]) -> cloudwatch.SingleValueWidget:
    return cloudwatch.SingleValueWidget(title=title, metrics=list(values), width=4, height=4)
