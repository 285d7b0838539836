"""The machines' definitions as they are deployed: their files, and what is composed of them, with `${…}` in it."""

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


def in_file(name: str) -> dict[str, Any]:
    definition: dict[str, Any] = json.loads((STATE_MACHINES / f"{name}.asl.json").read_text(encoding="utf-8"))
    return definition


def reassign_patient() -> dict[str, Any]:
    """The reassignment with the object pipeline's states in its objects' way, each of which can be re-driven."""
    machine, state = in_file("reassign_patient"), "MoveObjects"
    processor = as_item_processor(
        in_file("object_pipeline"),
        execution_type=ExecutionType.STANDARD,
        around=machine["States"][state]["ItemProcessor"],
        then="KeepTheDisposition",
    )
    return with_item_processors(machine, {state: processor})


def backfill() -> dict[str, Any]:
    """The backfill with the object pipeline's states in its items' way. Its Maps differ in where the keys come from;
    what else they are the first one says."""
    machine = in_file("backfill")
    first = machine["States"]["TakeInEachObject"]
    processor = as_item_processor(
        in_file("object_pipeline"),
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
    """The high-volume lane: the object pipeline's states, tried briefly, and a promotion of what fails in them."""
    return express_first(in_file("express_lane"), in_file("object_pipeline"))


def adoption() -> dict[str, Any]:
    """The adoption with the pipeline's announcement in its items' way, and the backfill's end of what failed."""
    machine, state = in_file("adoption"), "AdoptEachObject"
    announce, failure = "EmitCatalogEvent", ("RecordFailure", "ItemFailed")
    pipeline, items = in_file("object_pipeline"), in_file("backfill")["States"]["TakeInEachObject"]
    around = machine["States"][state]["ItemProcessor"]
    ends = {name: items["ItemProcessor"]["States"][name] for name in failure}
    processor = as_item_processor(
        {"StartAt": announce, "States": {announce: pipeline["States"][announce]}},
        around={**around, "States": {**around["States"], **ends}},
        then="KeepTheResult",
        on_failure=failure[0],
    )
    return with_item_processors(machine, {state: processor})
