"""The express lane's machine: the pipeline's own states, always in time to promote what fails in them."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from carefile.core.messages.execution_names import PROMOTED, intake_name, is_express
from infrastructure.machines import definitions
from infrastructure.machines.composition import EXPRESS_SECONDS, express_first, longest_seconds
from tests.asl.definition import DEFINITION, STATES, TASKS, evaluated

FRAME, MACHINE = definitions.from_file("express_lane"), definitions.express_lane()
EXPRESS = "arn:aws:states:eu-west-1:111122223333:express:Carefile-dev-ExpressLane:0f3c_9a:5a1e-77"


def branch(machine: dict[str, Any] = MACHINE) -> dict[str, Any]:
    (only,) = machine["States"]["TryObject"]["Branches"]
    return only


def untimed(state: dict[str, Any], *others: str) -> dict[str, Any]:
    left_out = ("TimeoutSeconds", "Retry", *others)
    return {name: value for name, value in state.items() if name not in left_out}


def test_the_states_tried_are_the_pipelines_own() -> None:
    assert branch()["StartAt"] == DEFINITION["StartAt"]
    ways = ("Next", "End", "Output")
    assert {name: untimed(state, *ways) for name, state in branch()["States"].items()} == {
        name: untimed(state, *ways) for name, state in STATES.items()
    }


def test_an_object_is_announced_before_it_is_marked_as_nobody_may_be_left_to_announce_it() -> None:
    states = branch()["States"]
    assert {states[name]["Next"] for name in ("NormaliseDocument", "NormaliseSession")} == {
        "EmitCatalogEvent"
    }
    assert states["EmitCatalogEvent"]["Next"] == "TagObject"
    assert "End" not in states["EmitCatalogEvent"]
    assert states["TagObject"]["End"]
    assert "Next" not in states["TagObject"]
    filed = {"upload": {}, "disposition": "cataloged", "events": []}
    assert evaluated(states["EmitCatalogEvent"]["Output"], input=filed) == filed


def test_composing_changes_neither_file() -> None:
    frame, definition = copy.deepcopy(FRAME), copy.deepcopy(DEFINITION)
    express_first(frame, definition)
    assert (frame, definition) == (FRAME, DEFINITION)


def test_every_try_of_every_state_and_the_promotion_fit_into_an_express_execution() -> None:
    assert MACHINE["TimeoutSeconds"] == EXPRESS_SECONDS
    assert longest_seconds(MACHINE) <= EXPRESS_SECONDS - 20
    # What it comes to by hand: Classify, Tag, Emit; Normalise; the promotion, and its way into the queue.
    assert longest_seconds(MACHINE) == 3 * (3 * 8 + 6) + (3 * 45 + 6) + 2 * (3 * 5 + 1 + 2)


def test_states_that_could_outlast_the_execution_are_refused() -> None:
    slow = copy.deepcopy(DEFINITION)
    slow["States"]["TagObject"]["Next"] = "TagAgain"
    slow["States"]["TagAgain"] = {**TASKS["TagObject"], "Next": "EmitCatalogEvent"}
    with pytest.raises(ValueError, match="could take 297 s"):
        express_first(FRAME, slow)


@pytest.mark.parametrize("name", TASKS)
def test_passing_errors_are_tried_again_and_what_took_all_its_time_is_promoted(name: str) -> None:
    (retry,) = branch()["States"][name]["Retry"]
    theirs = {error for retry in TASKS[name]["Retry"] for error in retry["ErrorEquals"]}
    assert theirs - set(retry["ErrorEquals"]) <= {"States.Timeout", "Sandbox.Timedout"}
    assert "States.Timeout" not in retry["ErrorEquals"]
    assert retry["JitterStrategy"] == "FULL"


def test_whatever_fails_is_promoted() -> None:
    catches = MACHINE["States"]["TryObject"]["Catch"]
    assert {error for catch in catches for error in catch["ErrorEquals"]} == {
        "States.ALL",
        # which States.ALL leaves out
        "States.DataLimitExceeded",
        "States.Runtime",
    }
    assert {catch["Next"] for catch in catches} == {"PromoteObject"}


def test_a_promotion_has_the_same_input_and_a_name_of_the_executions_id() -> None:
    data = {"detail": {"object": {"key": "a+b 50%25.pdf"}}}
    context = {"Execution": {"Id": EXPRESS, "Input": data}}
    arguments = evaluated(MACHINE["States"]["PromoteObject"]["Arguments"], context=context)
    assert arguments == {
        "StateMachineArn": "${ObjectPipelineArn}",
        "Name": f"{PROMOTED}5a1e-77",
        "Input": data,
    }
    promoted = (
        f"arn:aws:states:eu-west-1:111122223333:execution:Carefile-dev-ObjectPipeline:{arguments['Name']}"
    )
    assert intake_name(promoted) == intake_name(EXPRESS) == "5a1e-77"
    assert is_express(EXPRESS)
    assert not is_express(promoted)


def test_a_promotion_that_was_heard_before_ends_well_and_is_not_tried_again() -> None:
    promote = MACHINE["States"]["PromoteObject"]
    exists = ["StepFunctions.ExecutionAlreadyExistsException"]
    assert promote["Retry"][0] == {**promote["Retry"][0], "ErrorEquals": exists, "MaxAttempts": 0}
    assert [catch["ErrorEquals"] for catch in promote["Catch"]] == [exists, ["States.ALL"]]
    assert MACHINE["States"][promote["Catch"][0]["Next"]]["Type"] == "Succeed"


def test_a_promotion_that_step_functions_refuses_waits_in_the_queue_by_the_same_name_and_input() -> None:
    promote, queued = (MACHINE["States"][name] for name in ("PromoteObject", "QueuePromotion"))
    assert promote["Catch"][1]["Next"] == "QueuePromotion"
    assert "Catch" not in queued
    context = {"Execution": {"Id": EXPRESS, "Input": {"detail": {"object": {"key": "a+b 50%25.pdf"}}}}}
    direct, waiting = (evaluated(state["Arguments"], context=context) for state in (promote, queued))
    assert waiting["MessageBody"] == {"name": direct["Name"], "input": direct["Input"]}


@pytest.mark.parametrize("machine", [FRAME, MACHINE], ids=["file", "composed"])
def test_statelint_finds_nothing(machine: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "machine.asl.json"
    file.write_text(json.dumps(machine))
    done = subprocess.run(
        [sys.executable, "-m", "statelint", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")
