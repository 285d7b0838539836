"""The reading of scans: two functions with a package of their own, and the machine that runs them.

They exist only where the stage reads scans. A function has 1,769 MB, at which Lambda gives it one whole processor; the
engine uses no more than one.
"""

from __future__ import annotations

import json
from dataclasses import replace

from aws_cdk import Duration
from aws_cdk import aws_events as events
from constructs import Construct

from infrastructure.functions.function import CarefileFunction, FunctionSettings
from infrastructure.functions.package import FunctionPackage
from infrastructure.machines import definitions
from infrastructure.machines.machine import Machine
from infrastructure.machines.pipeline import holds_text_against_directory, intake_environment
from infrastructure.protection import bucket_permissions, permissions
from infrastructure.protection.encryption import Keys
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog

_READINGS = "readings/"
_ONE_PROCESSOR = 1769  # MB
_FUNCTIONS = (
    ("ReadPages", "read_pages", "Recognises the text on pages that are pictures"),
    ("FileReading", "file_reading", "Files a document anew with its recognised text"),
)


class ReadScan(Construct):
    """Reads a filed document's pages that are pictures, and files it anew."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        package: FunctionPackage,
        keys: Keys,
        storage: Storage,
        catalog: Catalog,
        catalog_bus: events.IEventBus,
    ) -> None:
        super().__init__(scope, id)
        config = settings.config
        by_text, read_by_text = holds_text_against_directory(settings, catalog)
        self.functions = tuple(
            CarefileFunction(
                self,
                name,
                settings=replace(settings, package=package),
                module=module,
                description=description,
                memory_mb=_ONE_PROCESSOR,
                timeout=Duration.minutes(15),
                environment={
                    **intake_environment(settings, storage),
                    **by_text,
                    "LEDGER_TABLE": catalog.ledger.table_name,
                    "PSEUDONYM_SECRET_ARN": catalog.pseudonym_secret.secret_arn,
                    "LAYOUT_SHARED": "true" if config.layout_shared else "false",
                    "OCR_LANGUAGES": ",".join(config.ocr_languages),
                    "REPORTS_BUCKET": storage.reports.bucket_name,
                },
                statements=[
                    *read_by_text,
                    *bucket_permissions.read_objects(*storage.arrivals),
                    *bucket_permissions.read_object_tags(*storage.arrivals),
                    *bucket_permissions.write_layout(storage.processed, config.session_prefix),
                    *bucket_permissions.keep_readings(storage.reports, _READINGS),
                    *permissions.update_items(catalog.ledger),
                    *permissions.read_secret(catalog.pseudonym_secret),
                    *bucket_permissions.list_versions(*storage.arrivals),
                ],
            ).function
            for name, module, description in _FUNCTIONS
        )
        self.machine = Machine(
            self,
            name=f"{config.stack_name}-ReadScan",
            definition=json.dumps(definitions.read_scan(), indent=2, ensure_ascii=False),
            substitutions={
                **{
                    f"{name}Arn": function.function_arn
                    for (name, _, _), function in zip(_FUNCTIONS, self.functions, strict=True)
                },
                "CatalogBusName": catalog_bus.event_bus_name,
            },
            statements=[*permissions.invoke(list(self.functions)), *permissions.put_events(catalog_bus)],
            config=config,
            keys=keys,
        ).machine
