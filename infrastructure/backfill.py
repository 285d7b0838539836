"""The backfill: a Distributed Map that takes objects through the pipeline's own states as Express executions.

Its definition is composed (`definitions.py`); only its `${…}` are filled in here. Its role is its own: it may list the
buckets, run its children and write their results.
"""

from __future__ import annotations

import json

from aws_cdk import Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure import definitions, permissions
from infrastructure.config import StageConfig
from infrastructure.encryption import Keys
from infrastructure.machines import Machine
from infrastructure.pipeline import TaskFunctions, substitutions
from infrastructure.storage import Storage

LABEL = "Objects"  # of the Map state, in the file
RESULTS = "backfill/"  # where its ResultWriter writes


class Backfill(Construct):
    """Takes in what is under a prefix already."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        keys: Keys,
        storage: Storage,
        tasks: TaskFunctions,
        failure_recorder: lambda_.IFunction,
        catalog_bus: events.IEventBus,
    ) -> None:
        super().__init__(scope, id)
        name = f"{config.stack_name}-Backfill"
        self.machine = Machine(
            self,
            name=name,
            definition=json.dumps(definitions.backfill(), ensure_ascii=False),
            substitutions={
                **substitutions(tasks, catalog_bus),
                "RecordFailureArn": failure_recorder.function_arn,
                "ReportsBucketName": storage.reports.bucket_name,
                "SessionPrefix": config.session_prefix,
                "Concurrency": str(config.backfill_concurrency),
            },
            statements=[
                *permissions.invoke([*tasks.all, failure_recorder]),
                *permissions.put_events(catalog_bus),
                *permissions.list_objects(*storage.arrivals),
                *permissions.write_results(storage.reports, RESULTS),
                *permissions.run_children(Stack.of(self), name, LABEL),
            ],
            config=config,
            keys=keys,
        ).machine
        # cfn-lint 1.58 takes these two fields of a Map for numbers only; in JSONata they may be expressions.
        resource = self.machine.node.default_child
        assert isinstance(resource, sfn.CfnStateMachine)  # noqa: S101 - narrows the type
        resource.add_metadata("cfn-lint", {"config": {"ignore_checks": ["E3601"]}})
