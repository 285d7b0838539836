"""Promotions that wait: what the express lane hands over while Step Functions starts no more executions.

An outage may fail thousands of uploads a minute, and Step Functions starts three hundred Standard executions a second.
A promotion that is refused waits here, and one function starts them at a rate that leaves room for everybody else.
Nothing is given up: what fails becomes visible again, for two weeks, and an alarm goes off after an hour.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure.functions.function import FOLLOWS_A_QUEUE, CarefileFunction, FunctionSettings
from infrastructure.protection import execution_permissions, permissions
from infrastructure.protection.accepted import accept
from infrastructure.protection.encryption import removal_policy

_TIMEOUT = Duration.seconds(30)
_INVISIBLE = Duration.minutes(3)  # Lambda: six times the function's timeout
_AT_ONCE = 5  # functions, each of which starts some twenty executions a second


class Promotions(Construct):
    """`queue` takes the promotions that were refused; the function empties it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        pipeline: sfn.IStateMachine,
        key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self.queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=_INVISIBLE,
            removal_policy=removal_policy(settings.config),
        )
        accept(
            self.queue,
            ["AwsSolutions-SQS3"],
            "A promotion is never given up: what Step Functions refuses stays in this queue and is tried again for two "
            "weeks. An alarm on the age of the oldest message goes off long before.",
        )
        function = CarefileFunction(
            self,
            "PromoteObjects",
            settings=settings,
            module="promote_objects",
            description="Starts the promoted executions that Step Functions had no room for",
            memory_mb=256,
            timeout=_TIMEOUT,
            environment={"PIPELINE_ARN": pipeline.state_machine_arn},
            statements=[
                *execution_permissions.start_executions(pipeline.state_machine_arn),
                *permissions.receive_messages(self.queue),
            ],
            needs_none=FOLLOWS_A_QUEUE,
        ).function
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=10,
            max_concurrency=_AT_ONCE,
            report_batch_item_failures=True,
        )
