"""For consumers and senders of events: a schema registry, and an archive of each bus to replay from."""

from __future__ import annotations

import json
from collections.abc import Mapping

from aws_cdk import aws_events as events
from aws_cdk import aws_eventschemas as eventschemas
from aws_cdk import aws_kms as kms
from constructs import Construct

from infrastructure.events.draft_4 import EVENTS, detail_schema, envelope
from infrastructure.settings.config import StageConfig


class EventSchemas(Construct):
    """The registry `carefile-<stage>`, with a schema for every emitted or accepted event."""

    def __init__(self, scope: Construct, id: str, *, config: StageConfig) -> None:
        super().__init__(scope, id)
        registry = eventschemas.CfnRegistry(
            self,
            "Registry",
            registry_name=f"carefile-{config.stage}",
            description="Events that Carefile emits on its catalog bus and accepts on its intake bus",
        )
        for (source, detail_type), (name, definition) in EVENTS.items():
            title = detail_type.replace(" ", "")
            # One detail-type is accepted and announced.
            scope = self if self.node.try_find_child(title) is None else Construct(self, source)
            eventschemas.CfnSchema(
                scope,
                title,
                registry_name=registry.attr_registry_name,
                schema_name=f"{source}@{title}",
                type="JSONSchemaDraft4",
                description=f"{detail_type}, source {source}",
                content=json.dumps(envelope(source, detail_type, detail_schema(name, definition))),
            )


class Archives(Construct):
    """An archive of each bus, encrypted with the records key and kept as long as the stage configures."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: StageConfig,
        key: kms.IKey,
        buses: Mapping[str, events.IEventBus],
    ) -> None:
        super().__init__(scope, id)
        for name, bus in buses.items():
            events.CfnArchive(
                self,
                f"{name.title()}Archive",
                archive_name=f"carefile-{config.stage}-{name}",
                description=f"All events of the {name} bus, for replay",
                source_arn=bus.event_bus_arn,
                retention_days=config.event_archive_days,
                kms_key_identifier=key.key_arn,
            )
