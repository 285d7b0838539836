"""The operator's view: alarms with a topic, one dashboard, saved queries, and the schedule that measures the backlog.

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
    """`topic` receives every alarm; the stage's e-mail address, if any, subscribes to it."""

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
        # Found in the stack, so that later additions are covered too.
        rules = [it for it in Stack.of(self).node.find_all() if isinstance(it, events.Rule)]
        functions = [it for it in Stack.of(self).node.find_all() if isinstance(it, lambda_.Function)]
        groups = [it for it in Stack.of(self).node.find_all() if isinstance(it, logs.LogGroup)]
        self.topic = sns.Topic(
            self, "Alarms", display_name=f"Carefile {config.stage} alarms", master_key=key, enforce_ssl=True
        )
        # A topic with a policy no longer accepts the account's alarms by default.
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
            description="Measures the intake backlog periodically",
            schedule=events.Schedule.rate(metrics.PERIOD),
            # A missed measurement is not retried: the next one is more current.
            targets=[targets.LambdaFunction(backlog, retry_attempts=0)],
        )
        dashboard(
            self,
            config=config,
            watched=watched,
            alarms=[self._alarm(spec) for spec in alarms(config, watched) if self._is_supported(spec)],
            tables=tables,
            rules=rules,
            functions=functions,
        )
        if not config.embedded:
            save_queries(self, stage=config.stage, groups=groups)

    def _is_supported(self, spec: AlarmSpec) -> bool:
        """Whether the stage can have the alarm: the embedded AWS has none on expressions."""
        return not (self._config.embedded and isinstance(spec.metric, cloudwatch.MathExpression))

    def _alarm(self, spec: AlarmSpec) -> cloudwatch.Alarm:
        missing = cloudwatch.TreatMissingData
        alarm = cloudwatch.Alarm(
            self,
            spec.id,
            metric=spec.metric,
            alarm_description=(
                f"Carefile {self._config.stage}: {spec.summary} What to do: {self._config.runbook_url}#{spec.section}"
            ),
            threshold=spec.threshold,
            evaluation_periods=spec.periods,
            comparison_operator=spec.comparison,
            treat_missing_data=missing.BREACHING if spec.silence_alarms else missing.NOT_BREACHING,
        )
        alarm.add_alarm_action(actions.SnsAction(self.topic))
        return alarm
