"""What an operator looks at: alarms with a topic behind them, one dashboard, saved queries, and the backlog's measure.

Nothing here names a patient: metrics are counts by disposition, kind and error.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Aws, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infrastructure.settings.config import StageConfig
from infrastructure.watching import metrics
from infrastructure.watching.alarms import AlarmSpec, Watched, alarms
from infrastructure.watching.dashboard import dashboard
from infrastructure.watching.log_queries import save_queries


class Observability(Construct):
    """`topic` receives every alarm; the stage's address is subscribed to it, if there is one."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        key: kms.IKey,
        watched: Watched,
        backlog: lambda_.IFunction,
        tables: Sequence[dynamodb.ITable],
    ) -> None:
        super().__init__(scope, id)
        self._config = config
        # Whatever the stack has of these, also what is added to it one day.
        rules = [it for it in Stack.of(self).node.find_all() if isinstance(it, events.Rule)]
        functions = [it for it in Stack.of(self).node.find_all() if isinstance(it, lambda_.Function)]
        groups = [it for it in Stack.of(self).node.find_all() if isinstance(it, logs.LogGroup)]
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
        events.Rule(
            self,
            "MeasureBacklogRule",
            description="Time to measure how far intake is behind",
            schedule=events.Schedule.rate(metrics.PERIOD),
            # A measure that was missed is not made up for: the next one says more.
            targets=[targets.LambdaFunction(backlog, retry_attempts=0)],
        )
        dashboard(
            self,
            config=config,
            watched=watched,
            alarms=[self._alarm(spec) for spec in alarms(config, watched) if self._is_known(spec)],
            tables=tables,
            rules=rules,
            functions=functions,
        )
        if not config.embedded:
            save_queries(self, stage=config.stage, groups=groups)

    def _is_known(self, spec: AlarmSpec) -> bool:
        """The embedded AWS has no alarms on expressions."""
        return not (self._config.embedded and isinstance(spec.metric, cloudwatch.MathExpression))

    def _alarm(self, spec: AlarmSpec) -> cloudwatch.Alarm:
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            spec.id,
            metric=spec.metric,
            alarm_description=(
                f"Carefile {self._config.stage}: {spec.says} What to do: {self._config.runbook_url}#{spec.section}"
            ),
            threshold=spec.threshold,
            evaluation_periods=spec.periods,
            comparison_operator=spec.comparison,
            treat_missing_data=missing.BREACHING if spec.silence_alarms else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return alarm
