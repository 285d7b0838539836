"""What an operator looks at: alarms with a topic behind them, and one dashboard.

Nothing here names a patient: metrics are counts by disposition, kind and reason.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure.config import StageConfig
from infrastructure.functions import METRICS_NAMESPACE

_PERIOD = Duration.minutes(5)
# A search finds series with exactly these dimensions: the ones the TagObject function counts by.
_DIMENSIONS = "disposition,kind,service"


class Observability(Construct):
    """`topic` receives every alarm; the stage's address is subscribed to it, if there is one."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        key: kms.IKey,
        machine: sfn.StateMachine,
        reassignment: sfn.StateMachine,
        functions: Sequence[lambda_.IFunction],
        event_functions: Sequence[lambda_.IFunction],
        dead_letters: Sequence[sqs.IQueue],
    ) -> None:
        super().__init__(scope, id)
        self._stage = config.stage
        self._runbook = config.runbook_url
        self.topic = sns.Topic(
            self, "Alarms", display_name=f"Carefile {config.stage} alarms", master_key=key, enforce_ssl=True
        )
        # A topic with a policy of its own is no longer open to the account's alarms by default.
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}},
            )
        )
        if config.alarm_email:
            self.topic.add_subscription(subscriptions.EmailSubscription(config.alarm_email))

        ended_badly = _ended_badly(machine)
        for name, metric in ended_badly.items():
            self._alarm(f"Executions{name}", metric, "Executions to mend and redrive in Step Functions.")
        for name, metric in _ended_badly(reassignment).items():
            self._alarm(
                f"Reassignments{name}",
                metric,
                "A session or a document is not, or not wholly, at the patient it was assigned to.",
                "#reassignments",
            )
        for queue in dead_letters:
            waiting = queue.metric_approximate_number_of_messages_visible(period=_PERIOD, statistic="Maximum")
            self._alarm(
                f"{queue.node.id}DeadLetters",
                waiting,
                "Events that reached nobody wait in the queue.",
                "#dead-letters",
            )
        for function in event_functions:
            name = _state_name(function)
            self._alarm(
                f"{name}Errors",
                function.metric_errors(period=_PERIOD),
                f"{name} fails on events.",
                "#dead-letters",
            )
        # An error of a task function is retried; what is left of it fails its execution, which has its alarm.

        self._dashboard(machine, ended_badly, [*functions, *event_functions], dead_letters)

    def _alarm(self, id: str, metric: cloudwatch.IMetric, description: str, section: str = "") -> None:
        alarm = cloudwatch.Alarm(
            self,
            id,
            metric=metric,
            alarm_description=f"Carefile {self._stage}: {description} What to do: {self._runbook}{section}",
            threshold=1,
            evaluation_periods=1,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            treat_missing_data=cloudwatch.TreatMissingData.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))

    def _dashboard(
        self,
        machine: sfn.StateMachine,
        ended_badly: dict[str, cloudwatch.Metric],
        functions: Sequence[lambda_.IFunction],
        dead_letters: Sequence[sqs.IQueue],
    ) -> None:
        dashboard = cloudwatch.Dashboard(self, "Dashboard", dashboard_name=f"Carefile-{self._stage}")
        dashboard.add_widgets(
            cloudwatch.TextWidget(
                markdown=f"**Carefile {self._stage}**: what to do about a failure is in the runbook, {self._runbook}",
                width=24,
                height=1,
            )
        )
        dashboard.add_widgets(
            _graph("Intakes by disposition and kind", [_search("Intakes")]),
            _graph("Unknown patients", [_search("UnknownPatients")], width=6),
            _graph("Conflicting patients", [_search("ConflictingPatients")], width=6),
        )
        dashboard.add_widgets(
            _graph(
                "Executions",
                [
                    machine.metric_started(period=_PERIOD, statistic="Sum"),
                    machine.metric_succeeded(period=_PERIOD, statistic="Sum"),
                    *ended_badly.values(),
                ],
            ),
            _graph(
                "Duration of executions",
                [
                    machine.metric_time(period=_PERIOD, statistic=statistic)
                    for statistic in ("p50", "p95", "p99")
                ],
            ),
        )
        dashboard.add_widgets(
            _graph(
                "Function errors", [f.metric_errors(period=_PERIOD, label=_state_name(f)) for f in functions]
            ),
            _graph(
                "Events that reached nobody",
                [
                    queue.metric_approximate_number_of_messages_visible(
                        period=_PERIOD, statistic="Maximum", label=queue.node.id
                    )
                    for queue in dead_letters
                ],
            ),
        )


def _ended_badly(machine: sfn.StateMachine) -> dict[str, cloudwatch.Metric]:
    return {
        "Failed": machine.metric_failed(period=_PERIOD, statistic="Sum"),
        "TimedOut": machine.metric_timed_out(period=_PERIOD, statistic="Sum"),
        "Aborted": machine.metric_aborted(period=_PERIOD, statistic="Sum"),
    }


def _state_name(function: lambda_.IFunction) -> str:
    scope = function.node.scope
    assert scope is not None  # noqa: S101 - a function always stands in its CarefileFunction
    return scope.node.id


def _graph(title: str, metrics: Sequence[cloudwatch.IMetric], *, width: int = 12) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(title=title, left=list(metrics), width=width, height=6)


def _search(metric_name: str) -> cloudwatch.MathExpression:
    """Every series of one of our metrics, one for each disposition and kind."""
    return cloudwatch.MathExpression(
        expression=f"SEARCH('{{{METRICS_NAMESPACE},{_DIMENSIONS}}} MetricName=\"{metric_name}\"', 'Sum')",
        period=_PERIOD,
        label="",
    )
