"""The merge of two patients: three functions, and a machine whose objects go through the pipeline's states.

The definition is composed at synthesis from `statemachines/merge_patients.asl.json` and the pipeline's. The three
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
from infrastructure.machines.reassignment import LABEL
from infrastructure.protection import bucket_permissions, execution_permissions, permissions
from infrastructure.protection.encryption import Keys
from infrastructure.storage.buckets import Storage
from infrastructure.storage.catalog import Catalog
from infrastructure.storage.deciding import Deciding

_DECIDES, _LISTS, _VERIFIES = "MergePatients", "ListPatient", "VerifyMerge"
_FUNCTIONS = (
    (_DECIDES, "merge_patients", "Records that two patients are one, or two again"),
    (_LISTS, "list_patient", "Lists the landing objects of all that is filed under a patient"),
    (_VERIFIES, "verify_merge", "Verifies that nothing of a merged patient was left behind"),
)


class Merge(Construct):
    """Merges a patient into another, and moves all that is filed."""

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
        # Where patients are open, no merge is decided.
        decides = _DECIDES if whose else None
        made = tuple(
            CarefileFunction(
                self,
                name,
                settings=settings,
                module=module,
                description=description,
                memory_mb=256,
                timeout=Duration.seconds(120),
                environment={
                    **intake_environment(settings, storage),
                    **(whose if name != _LISTS else {}),
                    **({"DECISIONS_TABLE": deciding.decisions.table_name} if name == decides else {}),
                    "PATIENTS_TABLE": catalog.patients.table_name,
                    "LEDGER_TABLE": catalog.ledger.table_name,
                },
                statements=[
                    *(read_directory if name != _LISTS else ()),
                    *(permissions.decide_merges(catalog.patients) if name == decides else ()),
                    *(permissions.append_items(deciding.decisions) if name == decides else ()),
                    # What was decided about a session's objects says whose they are after an unmerge.
                    *(permissions.read_decisions(catalog.ledger) if whose and name == _VERIFIES else ()),
                    *bucket_permissions.list_versions(*storage.arrivals),
                    *bucket_permissions.read_layout(storage.processed, config.session_prefix),
                ],
            )
            for name, module, description in _FUNCTIONS
        )
        self.functions = tuple(it.function for it in made)
        self.deciders = tuple(
            it.role for it, (name, _, _) in zip(made, _FUNCTIONS, strict=True) if name == decides
        )
        name = f"{config.stack_name}-MergePatients"
        arns = {
            f"{name}Arn": function.function_arn
            for (name, _, _), function in zip(_FUNCTIONS, self.functions, strict=True)
        }
        self.machine = Machine(
            self,
            name=name,
            definition=json.dumps(definitions.merge_patients(), ensure_ascii=False),
            substitutions={**substitutions(tasks, catalog_bus), **arns},
            statements=[
                *permissions.invoke([*tasks.all, *self.functions]),
                *permissions.put_events(catalog_bus),
                *execution_permissions.run_children(Stack.of(self), name, [LABEL]),
            ],
            config=config,
            keys=keys,
        ).machine
