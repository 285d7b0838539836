"""The machines' definitions as deployed: from their files, composed where needed, with `${…}` placeholders."""

from __future__ import annotations

import json
from typing import Any

from infrastructure.machines.composition import (
    ExecutionType,
    as_item_processor,
    express_first,
    with_item_processors,
    with_other_names,
)
from infrastructure.settings.config import PROJECT_ROOT

STATE_MACHINES = PROJECT_ROOT / "statemachines"


def from_file(name: str) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads((STATE_MACHINES / f"{name}.asl.json").read_text(encoding="utf-8"))
    return definition


def reassign_patient() -> dict[str, Any]:
    """The reassignment, whose objects go through the pipeline's states as redrivable executions."""
    return _with_moving_objects(from_file("reassign_patient"))


def merge_patients() -> dict[str, Any]:
    """The merge, whose objects go through the pipeline's states in the same way."""
    return _with_moving_objects(from_file("merge_patients"))


def _with_moving_objects(machine: dict[str, Any]) -> dict[str, Any]:
    state = "MoveObjects"
    processor = as_item_processor(
        from_file("object_pipeline"),
        execution_type=ExecutionType.STANDARD,
        around=machine["States"][state]["ItemProcessor"],
        then="KeepTheDisposition",
    )
    return with_item_processors(machine, {state: processor})


def backfill() -> dict[str, Any]:
    """The backfill, whose items go through the pipeline's states.

    Its Maps differ only in the source of the keys; everything else is taken from the first one. What a document is read
    again for stands in the item's input, beside the pipeline's own.
    """
    machine, pipeline = from_file("backfill"), from_file("object_pipeline")
    given = (
        "{% $exists($states.context.Execution.Input.reread) ? $states.context.Execution.Input.reread : '' %}"
    )
    pipeline["States"]["NormaliseDocument"]["Arguments"]["Payload"]["reread"] = given
    first = machine["States"]["TakeInEachObject"]
    processor = as_item_processor(
        pipeline,
        around=first["ItemProcessor"],
        then="KeepTheResult",
        on_failure="RecordFailure",
    )
    maps = {name: {**first, **state} for name, state in machine["States"].items() if state["Type"] == "Map"}
    processors = {
        name: processor if name == "TakeInEachObject" else with_other_names(processor, f"Of{state['Label']}")
        for name, state in maps.items()
    }
    return with_item_processors({**machine, "States": {**machine["States"], **maps}}, processors)


def express_lane() -> dict[str, Any]:
    """The high-volume lane: the pipeline's states with short attempts, and a promotion of failures."""
    return express_first(from_file("express_lane"), from_file("object_pipeline"))


def read_scan() -> dict[str, Any]:
    """The reading of scans, with the pipeline's announcement."""
    machine, announce = from_file("read_scan"), "EmitCatalogEvent"
    states = {**machine["States"], announce: from_file("object_pipeline")["States"][announce]}
    return {**machine, "States": states}


def adoption() -> dict[str, Any]:
    """The adoption, with the pipeline's announcement and the backfill's handling of failed items."""
    machine, state = from_file("adoption"), "AdoptEachObject"
    announce, failure = "EmitCatalogEvent", ("RecordFailure", "ItemFailed")
    pipeline, items = from_file("object_pipeline"), from_file("backfill")["States"]["TakeInEachObject"]
    around = machine["States"][state]["ItemProcessor"]
    ends = {name: items["ItemProcessor"]["States"][name] for name in failure}
    processor = as_item_processor(
        {"StartAt": announce, "States": {announce: pipeline["States"][announce]}},
        around={**around, "States": {**around["States"], **ends}},
        then="KeepTheResult",
        on_failure=failure[0],
    )
    return with_item_processors(machine, {state: processor})
