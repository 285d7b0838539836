"""The function that measures the age of the oldest unfiled upload."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.functions.function import MEASURES_AGAIN, CarefileFunction, FunctionSettings
from infrastructure.machines.pipeline import ObjectPipeline
from infrastructure.protection import bucket_permissions, execution_permissions
from infrastructure.storage.buckets import Storage


class MeasureBacklog(CarefileFunction):
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        pipeline: ObjectPipeline,
        storage: Storage,
        key: kms.IKey,
    ) -> None:
        super().__init__(
            scope,
            id,
            settings=settings,
            module="measure_backlog",
            description="Measures the age of the oldest unfiled upload",
            memory_mb=256,
            timeout=Duration.seconds(60),
            environment={"PIPELINE_ARN": pipeline.machine.state_machine_arn},
            statements=[
                *execution_permissions.list_executions(pipeline.machine.state_machine_arn),
                *execution_permissions.describe_executions(Stack.of(scope), pipeline.name, key),
                *bucket_permissions.read_objects(*storage.arrivals),
                *bucket_permissions.read_object_tags(*storage.arrivals),
            ],
            needs_none=MEASURES_AGAIN,
        )
