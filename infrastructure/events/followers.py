"""The functions that follow the pipeline: two maintain the catalog, one records failures."""

from __future__ import annotations

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infrastructure.functions.function import FOLLOWS_A_STREAM, CarefileFunction, FunctionSettings
from infrastructure.machines.pipeline import intake_environment
from infrastructure.protection import bucket_permissions, execution_permissions, permissions
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import CONTENT_INDEX, Catalog


class IndexCatalog(CarefileFunction):
    """Keeps the newest entry of each source object."""

    def __init__(
        self, scope: Construct, id: str, *, settings: FunctionSettings, catalog: Catalog, failures: sqs.IQueue
    ) -> None:
        super().__init__(
            scope,
            id,
            settings=settings,
            module="index_catalog",
            description="Keeps the catalog's newest entry of each source object",
            memory_mb=256,
            timeout=Duration.seconds(30),
            environment={"CATALOG_TABLE": catalog.table.table_name},
            statements=[
                *permissions.write_items(catalog.table),
                *permissions.query_index(catalog.table, CONTENT_INDEX),
            ],
            failures=failures,
        )


class IndexSessions(CarefileFunction):
    """Follows the catalog's stream and maintains session entries; changes it cannot apply go to `failures`."""

    def __init__(
        self, scope: Construct, id: str, *, settings: FunctionSettings, catalog: Catalog, failures: sqs.IQueue
    ) -> None:
        super().__init__(
            scope,
            id,
            settings=settings,
            module="index_sessions",
            description="Keeps each session's entry in line with the entries of its objects",
            # Memory brings processor time, which a stage of several followers is short of.
            memory_mb=256 if settings.config.session_followers == 1 else 1024,
            timeout=Duration.seconds(120),
            environment={"CATALOG_TABLE": catalog.table.table_name},
            statements=[
                *permissions.replace_items(catalog.table),
                *permissions.read_stream(catalog.table),
                *permissions.send_messages(failures),
            ],
            needs_none=FOLLOWS_A_STREAM,
        )


class RecordFailure(CarefileFunction):
    """Marks the upload of a failed execution and announces the failure."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        storage: Storage,
        catalog: Catalog,
        catalog_bus: events.IEventBus,
        pipeline_name: str,
        key: kms.IKey,
        failures: sqs.IQueue,
    ) -> None:
        super().__init__(
            scope,
            id,
            settings=settings,
            module="record_failure",
            description="Marks the landing object of a failed execution and announces the failure",
            memory_mb=256,
            timeout=Duration.seconds(60),
            environment={
                **intake_environment(settings, storage),
                "LEDGER_TABLE": catalog.ledger.table_name,
                "CATALOG_BUS": catalog_bus.event_bus_name,
            },
            statements=[
                *bucket_permissions.read_objects(*storage.arrivals),
                *bucket_permissions.write_object_tags(*storage.arrivals),
                *permissions.update_items(catalog.ledger),
                *permissions.put_events(catalog_bus),
                *execution_permissions.describe_executions(Stack.of(scope), pipeline_name, key),
            ],
            failures=failures,
        )
