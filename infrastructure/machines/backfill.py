"""Distributed Maps over existing objects: the backfill, and the adoption of objects that others wrote into the layout.

Their definitions are composed in `definitions.py`; only the `${…}` placeholders are filled in here. Each has a role of
its own that may list its buckets, run its children and write their results.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.functions.function import CarefileFunction, FunctionSettings
from infrastructure.machines import definitions
from infrastructure.machines.machine import Machine
from infrastructure.machines.pipeline import TaskFunctions, intake_environment, reads_directory, substitutions
from infrastructure.protection import bucket_permissions, execution_permissions, permissions
from infrastructure.protection.accepted import accept
from infrastructure.protection.encryption import Keys
from infrastructure.protection.permissions import Permission
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog

_EXPRESSIONS = (
    "The linter, as of 1.58, takes a Map's MaxConcurrency and ToleratedFailurePercentage for numbers only. In JSONata "
    "they may be expressions, and the rest of the definition is checked by the tests of the machines."
)


class _ListingMap(Construct):
    """A machine that runs one Distributed Map, chosen among its Map states, and is named after its id.

    `labels` are the labels of its Map states and `results` the prefix in the reports bucket, as in the definition.
    `functions` are those that its items invoke.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        keys: Keys,
        storage: Storage,
        definition: Mapping[str, Any],
        labels: Sequence[str],
        results: str,
        functions: Sequence[lambda_.IFunction],
        filled_in: Mapping[str, str],
        statements: Sequence[Permission],
        catalog_bus: events.IEventBus,
    ) -> None:
        super().__init__(scope, id)
        config = settings.config
        name = f"{config.stack_name}-{id}"
        self.machine = Machine(
            self,
            name=name,
            definition=json.dumps(definition, ensure_ascii=False),
            substitutions={
                **filled_in,
                "CatalogBusName": catalog_bus.event_bus_name,
                "ReportsBucketName": storage.reports.bucket_name,
                "Concurrency": str(config.backfill_concurrency),
            },
            statements=[
                *statements,
                *permissions.invoke(list(functions)),
                *permissions.put_events(catalog_bus),
                *bucket_permissions.write_results(storage.reports, results),
                *execution_permissions.run_children(Stack.of(self), name, labels),
            ],
            config=config,
            keys=keys,
        ).machine
        accept(self.machine, ["E3601"], _EXPRESSIONS)


class Backfill(_ListingMap):
    """Takes in existing objects: under a prefix, in an inventory, or on a list of keys."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        keys: Keys,
        storage: Storage,
        tasks: TaskFunctions,
        failure_recorder: lambda_.IFunction,
        catalog_bus: events.IEventBus,
    ) -> None:
        name, labels = f"{settings.config.stack_name}-{id}", ["Objects", "Inventory", "List"]
        super().__init__(
            scope,
            id,
            settings=settings,
            keys=keys,
            storage=storage,
            definition=definitions.backfill(),
            labels=labels,
            results="backfill/",
            functions=[*tasks.all, failure_recorder],
            filled_in={
                **substitutions(tasks, catalog_bus),
                "RecordFailureArn": failure_recorder.function_arn,
                "SessionPrefix": settings.config.session_prefix,
                "LandingBuckets": intake_environment(settings, storage)["LANDING_BUCKETS"],
            },
            statements=[
                *bucket_permissions.list_objects(*storage.arrivals),
                *bucket_permissions.read_inventories(*storage.inventories),
                *execution_permissions.count_children(Stack.of(scope), name, labels),
            ],
            catalog_bus=catalog_bus,
        )


class Adoption(_ListingMap):
    """Catalogs, in place, objects that others wrote into the layout."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        keys: Keys,
        storage: Storage,
        catalog: Catalog,
        failure_recorder: lambda_.IFunction,
        catalog_bus: events.IEventBus,
    ) -> None:
        whose, read_directory = reads_directory(settings, catalog)
        self.function = CarefileFunction(
            scope,
            "AdoptObject",
            settings=settings,
            module="adopt_object",
            description="Catalogs, in place, an object that others wrote into the layout",
            memory_mb=256,
            timeout=Duration.seconds(30),
            environment={
                **intake_environment(settings, storage),
                **whose,
                "LEDGER_TABLE": catalog.ledger.table_name,
                "PSEUDONYM_SECRET_ARN": catalog.pseudonym_secret.secret_arn,
            },
            statements=[
                *read_directory,
                *bucket_permissions.adopt_in_layout(storage.processed, settings.config.session_prefix),
                *permissions.update_items(catalog.ledger),
                *permissions.read_secret(catalog.pseudonym_secret),
            ],
        ).function
        super().__init__(
            scope,
            id,
            settings=settings,
            keys=keys,
            storage=storage,
            definition=definitions.adoption(),
            labels=["Adoptions"],
            results="adoption/",
            functions=[self.function, failure_recorder],
            filled_in={
                "AdoptObjectArn": self.function.function_arn,
                "RecordFailureArn": failure_recorder.function_arn,
                "ProcessedBucketName": storage.processed.bucket_name,
            },
            statements=bucket_permissions.list_layout(storage.processed, settings.config.session_prefix),
            catalog_bus=catalog_bus,
        )
