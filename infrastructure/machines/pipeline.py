"""The object pipeline: its four functions and the state machine that runs them.

The machine is `statemachines/object_pipeline.asl.json`, unchanged but for its `${…}` placeholders.
"""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infrastructure.functions.function import CarefileFunction, FunctionSettings
from infrastructure.machines.machine import Machine
from infrastructure.protection import bucket_permissions, permissions
from infrastructure.protection.encryption import Keys
from infrastructure.protection.permissions import Permission
from infrastructure.settings.config import PROJECT_ROOT, Patients
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog

DEFINITION = PROJECT_ROOT / "statemachines" / "object_pipeline.asl.json"


def reads_directory(settings: FunctionSettings, catalog: Catalog) -> tuple[dict[str, str], list[Permission]]:
    """What a function that decides whose something is needs for the patient directory; nothing where that is not in
    use."""
    if settings.config.patients is not Patients.LISTED:
        return {}, []
    environment = {"PATIENTS": "listed", "PATIENTS_TABLE": catalog.patients.table_name}
    return environment, permissions.read_items(catalog.patients)


def holds_text_against_directory(
    settings: FunctionSettings, catalog: Catalog
) -> tuple[dict[str, str], list[Permission]]:
    """The same for a function that reads documents, whose text is held against the directory as well; where that is
    not in use, to suggest, if anybody is listed."""
    environment, statements = reads_directory(settings, catalog)
    queries = permissions.query_items(catalog.patients)
    if not environment:
        suggests = {"PATIENTS_TABLE": catalog.patients.table_name}
        return suggests, [
            *permissions.read_items(catalog.patients),
            *queries,
            *permissions.count_items(catalog.patients),
        ]
    return environment | {"CORROBORATED": settings.config.corroborated.value}, [*statements, *queries]


def intake_environment(settings: FunctionSettings, storage: Storage) -> dict[str, str]:
    """The environment that all functions of an intake share: the buckets, and what the stage waits for or reads."""
    return {
        **({"MALWARE_SCAN": "true"} if settings.config.malware_scan else {}),
        **({"OCR": "on"} if settings.config.reads_scans else {}),
        "LANDING_BUCKETS": ",".join(bucket.bucket_name for bucket in storage.arrivals),
        "PROCESSED_BUCKET": storage.processed.bucket_name,
        "SESSION_PREFIX": settings.config.session_prefix,
    }


class TaskFunctions(Construct):
    """One function per Task state of the machine, named after it."""

    def __init__(
        self, scope: Construct, id: str, *, settings: FunctionSettings, storage: Storage, catalog: Catalog
    ) -> None:
        super().__init__(scope, id)
        environment = intake_environment(settings, storage)
        with_ledger = {**environment, "LEDGER_TABLE": catalog.ledger.table_name}
        # To look for other versions when the current one may not be filed or the key is deleted.
        versions = bucket_permissions.list_versions(*storage.arrivals)
        whose, read_directory = reads_directory(settings, catalog)
        by_text, read_by_text = holds_text_against_directory(settings, catalog)
        to_normalise = {
            **with_ledger,
            **by_text,
            "PSEUDONYM_SECRET_ARN": catalog.pseudonym_secret.secret_arn,
            "LAYOUT_SHARED": "true" if settings.config.layout_shared else "false",
        }

        self.classify_object = CarefileFunction(
            self,
            "ClassifyObject",
            settings=settings,
            module="classify_object",
            description="Decides the kind and the patient of a landing object, with the evidence",
            memory_mb=256,
            timeout=Duration.seconds(30),
            environment={**with_ledger, **whose},
            statements=[
                *read_directory,
                *bucket_permissions.read_objects(*storage.arrivals),
                *bucket_permissions.write_object_tags(*storage.arrivals),
                *permissions.update_items(catalog.ledger),
                *versions,
            ],
        ).function
        # Both have the same permissions: a later round may find that the object changed its kind. Half of the memory is
        # for the process that reads a document (`lambdas/readers/limits.py`). Filing a session is mostly waiting,
        # which costs by the megabyte.
        self.normalise_document, self.normalise_session = (
            CarefileFunction(
                self,
                id,
                settings=settings,
                module=module,
                description=description,
                memory_mb=memory_mb,
                timeout=Duration.minutes(15),
                environment=to_normalise,
                statements=[
                    *read_by_text,
                    *bucket_permissions.read_objects(*storage.arrivals),
                    *bucket_permissions.read_object_tags(*storage.arrivals),
                    *bucket_permissions.write_layout(storage.processed, settings.config.session_prefix),
                    *permissions.update_items(catalog.ledger),
                    *permissions.read_secret(catalog.pseudonym_secret),
                    *versions,
                ],
            ).function
            for id, module, memory_mb, description in (
                ("NormaliseDocument", "normalise_document", 512, "Files a document in the processed layout"),
                ("NormaliseSession", "normalise_session", 256, "Files a session in the processed layout"),
            )
        )
        self.tag_object = CarefileFunction(
            self,
            "TagObject",
            settings=settings,
            module="tag_object",
            description="Tags the landing version with how its intake ended",
            memory_mb=256,
            timeout=Duration.seconds(30),
            environment=with_ledger,
            statements=[
                *bucket_permissions.write_object_tags(*storage.arrivals),
                *bucket_permissions.distinguish_missing(*storage.arrivals),
                *permissions.update_items(catalog.ledger),
            ],
        ).function

    @property
    def all(self) -> Sequence[lambda_.Function]:
        return (self.classify_object, self.normalise_document, self.normalise_session, self.tag_object)


class ObjectPipeline(Construct):
    """The pipeline's own machine, where every execution is visible and can be redriven."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        tasks: TaskFunctions,
        catalog_bus: events.IEventBus,
        keys: Keys,
    ) -> None:
        super().__init__(scope, id)
        made = Machine(
            self,
            name=f"{settings.config.stack_name}-ObjectPipeline",
            definition=DEFINITION.read_text(encoding="utf-8"),
            substitutions=substitutions(tasks, catalog_bus),
            statements=[*permissions.invoke(list(tasks.all)), *permissions.put_events(catalog_bus)],
            config=settings.config,
            keys=keys,
        )
        self.name, self.machine = made.name, made.machine


def substitutions(tasks: TaskFunctions, catalog_bus: events.IEventBus) -> dict[str, str]:
    """The values of the placeholders in the pipeline's states."""
    return {
        "ClassifyObjectArn": tasks.classify_object.function_arn,
        "NormaliseDocumentArn": tasks.normalise_document.function_arn,
        "NormaliseSessionArn": tasks.normalise_session.function_arn,
        "TagObjectArn": tasks.tag_object.function_arn,
        "CatalogBusName": catalog_bus.event_bus_name,
    }
