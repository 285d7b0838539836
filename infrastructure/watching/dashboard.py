"""The dashboard: from top to bottom, is anything wrong, what is coming in, what fails, how fast, and what limits it."""

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
    """The stage's dashboard, the last three hours of it."""
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
            markdown=f"**Carefile {stage}** · red above? Its text names a section of {config.runbook_url}",
            width=24,
            height=1,
        )
    )
    board.add_widgets(cloudwatch.AlarmStatusWidget(title="Alarms", alarms=list(alarms), width=24, height=3))
    board.add_widgets(
        _number("Intakes", [metrics.total(stage, "Intakes", _BY_KIND, label="intakes")]),
        _number("Failed of 100", [metrics.failure_ratio(machine, express, least=1)]),
        _number("Oldest unfiled upload", [oldest]),
        _number("Upload to catalog, 95 of 100 within", [latency[1]]),
        _number("Dead letters", [*waiting]),
        _number(
            "Cost of 1,000 objects, states and functions",
            [metrics.cost(stage, machine, express, watched.functions)],
        ),
    )
    board.add_widgets(
        _graph("Intakes by disposition and kind", [metrics.each(stage, "Intakes", _BY_KIND)], stacked=True),
        _graph(
            "Of 100 intakes: nobody's, and those whose sources contradict each other",
            [
                metrics.share(stage, "UnknownPatients", "Intakes", _BY_KIND, label="unknown"),
                metrics.share(stage, "ConflictingPatients", "Intakes", _BY_KIND, label="conflict"),
            ],
        ),
    )
    board.add_widgets(
        _graph("Failures by error", [metrics.each(stage, "Failures", ("error",))], stacked=True),
        _graph(
            "Executions",
            [
                *(metrics.of_machine(machine, name) for name in _ENDS),
                *(metrics.of_machine(express, name) for name in _ENDS[:4] if express),
                *(metrics.ended_badly(work.machine, work.name) for work in watched.works),
            ],
        ),
    )
    board.add_widgets(
        _graph("Upload to catalog, milliseconds", latency),
        _graph(
            "Backlog: age of the oldest in seconds, intakes that run",
            [oldest],
            right=[metrics.ours(stage, "RunningIntakes", MAXIMUM, label="running")],
        ),
    )
    board.add_widgets(
        _graph(
            "Dead letters, and sessions whose entry can't be written",
            [*waiting, metrics.ours(stage, "SessionsRefused", SUM, label="sessions refused")],
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
            "Errors of functions (retried; what is left fails its execution)",
            [metrics.of_function(each, "Errors", label=state_name(each)) for each in functions],
        ),
    )
    board.add_widgets(
        _graph(
            "Events that a rule could not deliver at once",
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
            "Functions: 95 of 100 calls within, milliseconds",
            [metrics.of_function(each, "Duration", "p95", label=state_name(each)) for each in functions],
        ),
        _graph(
            "Functions running at once, the most",
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
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title, left=list(left), right=list(right), stacked=stacked, width=12, height=6
    )


def _number(title: str, shown: Sequence[cloudwatch.IMetric]) -> cloudwatch.SingleValueWidget:
    return cloudwatch.SingleValueWidget(title=title, metrics=list(shown), width=4, height=4)
