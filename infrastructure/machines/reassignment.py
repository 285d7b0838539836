"""The reassignment: three functions, and a machine whose objects go through the pipeline's states.

The definition is composed at synthesis from `statemachines/reassign_patient.asl.json` and the pipeline's. The three
functions decide, list and verify; the pipeline's functions move the objects.
"""

from __future__ import annotations

import json

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from constructs import Construct

from infrastructure.functions.function import CarefileFunction, FunctionSettings
from infrastructure.machines import definitions
from infrastructure.machines.machine import Machine
from infrastructure.machines.pipeline import TaskFunctions, intake_environment, reads_directory, substitutions
from infrastructure.protection import bucket_permissions, execution_permissions, permissions
from infrastructure.protection.encryption import Keys
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog
from infrastructure.storage.deciding import Deciding

LABEL = "Objects"  # of the Map state in the definition
_FUNCTIONS = (
    ("AssignPatient", "assign_patient", "Records the patient of a session or a document"),
    ("ListObjects", "list_objects", "Lists the landing objects of an assigned session"),
    ("VerifyMove", "verify_move", "Verifies that no assigned object was left behind"),
)


class Reassignment(Construct):
    """Moves a session or a document to the patient it belongs to."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: FunctionSettings,
        keys: Keys,
        storage: Storage,
        catalog: Catalog,
        deciding: Deciding,
        tasks: TaskFunctions,
        catalog_bus: events.IEventBus,
    ) -> None:
        super().__init__(scope, id)
        config = settings.config
        whose, read_directory = reads_directory(settings, catalog)
        made = tuple(
            CarefileFunction(
                self,
                id,
                settings=settings,
                module=module,
                description=description,
                memory_mb=256,
                timeout=Duration.seconds(120),
                environment={
                    **intake_environment(settings, storage),
                    **(whose if id == "AssignPatient" else {}),
                    **({"DECISIONS_TABLE": deciding.decisions.table_name} if id == "AssignPatient" else {}),
                    "LEDGER_TABLE": catalog.ledger.table_name,
                },
                statements=[
                    *(read_directory if id == "AssignPatient" else ()),
                    *(permissions.append_items(deciding.decisions) if id == "AssignPatient" else ()),
                    *bucket_permissions.list_versions(*storage.arrivals),
                    *bucket_permissions.read_layout(storage.processed, config.session_prefix),
                    *permissions.update_items(catalog.ledger),
                ],
            )
            for id, module, description in _FUNCTIONS
        )
        self.functions = tuple(it.function for it in made)
        self.assign = self.functions[0]
        self.decider = made[0].role
        self.name = name = f"{config.stack_name}-ReassignPatient"
        arns = {f"{id}Arn": f.function_arn for (id, _, _), f in zip(_FUNCTIONS, self.functions, strict=True)}
        self.machine = Machine(
            self,
            name=name,
            definition=json.dumps(definitions.reassign_patient(), ensure_ascii=False),
            substitutions={**substitutions(tasks, catalog_bus), **arns},
            statements=[
                *permissions.invoke([*tasks.all, *self.functions]),
                *permissions.put_events(catalog_bus),
                *execution_permissions.run_children(Stack.of(self), name, [LABEL]),
            ],
            config=config,
            keys=keys,
        ).machine
