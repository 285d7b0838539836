"""How the EHR feeds the patient directory: `Patient Registered` waits in a queue, which one function empties.

The queue takes what an EHR sends at once, a whole list of patients, and the function works it off at its own pace. It
is the only queue here that anything waits in; what is refused, or fails to the end, goes to its dead letters.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.events.draft_4 import INTAKE_SOURCE
from infrastructure.events.messaging import MAX_EVENT_AGE, RETRY_ATTEMPTS
from infrastructure.functions.function import FOLLOWS_A_QUEUE, CarefileFunction, FunctionSettings
from infrastructure.protection import permissions
from infrastructure.protection.encryption import removal_policy
from infrastructure.storage.catalog import Catalog

_TIMEOUT = Duration.seconds(60)
_INVISIBLE = Duration.minutes(6)  # Lambda: six times the function's timeout
_TRIES = 8
_AT_ONCE = 5  # functions, which is as fast as ten imports of one computer


class Registrations(Construct):
    """The queue, the rule that fills it, and the function that empties it."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        catalog: Catalog,
        intake_bus: events.IEventBus,
        key: kms.IKey,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        queue = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=key,
            enforce_ssl=True,
            retention_period=Duration.days(14),
            visibility_timeout=_INVISIBLE,
            dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=_TRIES),
            removal_policy=removal_policy(settings.config),
        )
        # Imported, because for a queue of its own the target opens queue and key to all rules of every account.
        target = sqs.Queue.from_queue_arn(self, "Target", queue.queue_arn)
        rule = events.Rule(
            self,
            "RegistrationRule",
            description="A system states a patient: take it into the patient directory",
            event_bus=intake_bus,
            event_pattern=events.EventPattern(source=[INTAKE_SOURCE], detail_type=["Patient Registered"]),
            targets=[
                targets.SqsQueue(
                    target,
                    dead_letter_queue=dead_letters,
                    max_event_age=MAX_EVENT_AGE,
                    retry_attempts=RETRY_ATTEMPTS,
                )
            ],
        )
        queue.add_to_resource_policy(
            iam.PolicyStatement(
                sid="RegistrationRule",
                principals=[iam.ServicePrincipal("events.amazonaws.com")],
                actions=["sqs:SendMessage"],
                resources=[queue.queue_arn],
                conditions={"ArnEquals": {"aws:SourceArn": rule.rule_arn}},
            )
        )
        self.function = CarefileFunction(
            self,
            "RegisterPatients",
            settings=settings,
            module="register_patients",
            description="Takes registered patients into the patient directory",
            memory_mb=256,
            timeout=_TIMEOUT,
            environment={
                "PATIENTS_TABLE": catalog.patients.table_name,
                "DEAD_LETTERS_URL": dead_letters.queue_url,
            },
            statements=[
                *permissions.maintain_directory(catalog.patients),
                *permissions.receive_messages(queue),
                *permissions.send_messages(dead_letters),
            ],
            needs_none=FOLLOWS_A_QUEUE,
        ).function
        lambda_.EventSourceMapping(
            self,
            "Mapping",
            target=self.function,
            event_source_arn=queue.queue_arn,
            batch_size=10,
            max_concurrency=_AT_ONCE,
            report_batch_item_failures=True,
        )
