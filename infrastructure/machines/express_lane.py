"""The high-volume lane: an Express machine that takes uploads in and promotes failures to the pipeline.

An Express execution sends no status-change event and cannot be listed or redriven, so only successful intakes may end
in one. Its log holds only the executions that could not even promote their object.
"""

from __future__ import annotations

import json

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infrastructure.machines import definitions
from infrastructure.machines.machine import Machine
from infrastructure.machines.pipeline import TaskFunctions, substitutions
from infrastructure.protection import execution_permissions, permissions
from infrastructure.protection.encryption import Keys
from infrastructure.settings.config import ExecutionLogLevel, StageConfig


class ExpressLane(Construct):
    """`machine` is started by each upload."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        tasks: TaskFunctions,
        catalog_bus: events.IEventBus,
        pipeline: sfn.IStateMachine,
        promotions: sqs.IQueue,
        keys: Keys,
    ) -> None:
        super().__init__(scope, id)
        self.machine = Machine(
            self,
            name=f"{config.stack_name}-ExpressLane",
            definition=json.dumps(definitions.express_lane(), indent=2, ensure_ascii=False),
            substitutions={
                **substitutions(tasks, catalog_bus),
                "ObjectPipelineArn": pipeline.state_machine_arn,
                "PromotionsUrl": promotions.queue_url,
            },
            statements=[
                *permissions.invoke(list(tasks.all)),
                *permissions.put_events(catalog_bus),
                *execution_permissions.start_executions(pipeline.state_machine_arn),
                *permissions.send_messages(promotions),
            ],
            config=config,
            keys=keys,
            kind=sfn.StateMachineType.EXPRESS,
            # At ALL an execution logs ten kilobytes, which costs more than the execution itself.
            log_level=ExecutionLogLevel.ERROR,
        ).machine
