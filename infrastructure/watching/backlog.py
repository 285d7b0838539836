"""The function that measures the age of the oldest unfiled upload, and counts the patients listed."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.functions.function import MEASURES_AGAIN, CarefileFunction, FunctionSettings
from infrastructure.machines.pipeline import ObjectPipeline
from infrastructure.protection import bucket_permissions, execution_permissions, permissions
from infrastructure.settings.config import Patients
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog


class MeasureBacklog(CarefileFunction):
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        pipeline: ObjectPipeline,
        storage: Storage,
        catalog: Catalog,
        key: kms.IKey,
    ) -> None:
        super().__init__(
            scope,
            id,
            settings=settings,
            module="measure_backlog",
            description="Measures the age of the oldest unfiled upload, and counts the patients listed",
            memory_mb=256,
            timeout=Duration.seconds(60),
            environment={
                "PIPELINE_ARN": pipeline.machine.state_machine_arn,
                "PATIENTS_TABLE": catalog.patients.table_name,
                **({"PATIENTS": "listed"} if settings.config.patients is Patients.LISTED else {}),
            },
            statements=[
                *execution_permissions.list_executions(pipeline.machine.state_machine_arn),
                *execution_permissions.describe_executions(Stack.of(scope), pipeline.name, key),
                *bucket_permissions.read_objects(*storage.arrivals),
                *bucket_permissions.read_object_tags(*storage.arrivals),
                *permissions.count_items(catalog.patients),
            ],
            needs_none=MEASURES_AGAIN,
        )
