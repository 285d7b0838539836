"""What is composed of the pipeline's states does the same as they do, in the time that it has."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infrastructure.machines.composition import (
    EXPRESS_SECONDS,
    ExecutionType,
    as_item_processor,
    delays,
    with_item_processors,
)
from tests.asl.definition import DEFINITION, STATES, TASKS

FAILURE = {
    "StartAt": "Sift",
    "States": {
        "Sift": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.skip %}", "Next": "Skipped"}],
            "Default": "ClassifyObject",
        },
        "ClassifyObject": {"Type": "Pass", "End": True},
        "Skipped": {"Type": "Succeed"},
        "ItemFailed": {"Type": "Fail", "Error": "{% $states.input.error.Error %}"},
    },
}


def without_time(state: dict[str, Any]) -> dict[str, Any]:
    """A state without what may be shorter in an Express execution."""
    timing = {"MaxAttempts", "MaxDelaySeconds"}
    retries = [
        {key: value for key, value in retry.items() if key not in timing} for retry in state.get("Retry", ())
    ]
    return {**state, "TimeoutSeconds": None, "Retry": retries, "Catch": None}


@pytest.mark.parametrize("execution_type", ExecutionType)
def test_an_item_goes_through_the_pipelines_own_states(execution_type: ExecutionType) -> None:
    before = copy.deepcopy(DEFINITION)
    processor = as_item_processor(DEFINITION, execution_type=execution_type)
    assert processor["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": execution_type.value}
    assert processor["StartAt"] == DEFINITION["StartAt"]
    assert processor["States"].keys() == STATES.keys()
    for name, state in processor["States"].items():
        assert without_time(state) == without_time(STATES[name])
    assert before == DEFINITION


def test_standard_children_are_the_pipeline_as_it_is() -> None:
    assert as_item_processor(DEFINITION, execution_type=ExecutionType.STANDARD)["States"] == STATES
    with pytest.raises(ValueError, match="redriven"):
        as_item_processor(DEFINITION, execution_type=ExecutionType.STANDARD, on_failure="ItemFailed")


@pytest.mark.parametrize("name", TASKS)
def test_an_attempt_and_the_longest_waits_of_a_state_fit_into_five_minutes(name: str) -> None:
    state = as_item_processor(DEFINITION)["States"][name]
    assert state["TimeoutSeconds"] <= TASKS[name]["TimeoutSeconds"]
    for mine, theirs in zip(state["Retry"], TASKS[name]["Retry"], strict=True):
        assert mine["ErrorEquals"] == theirs["ErrorEquals"]
        assert 3 <= mine["MaxAttempts"] <= theirs["MaxAttempts"]
        assert state["TimeoutSeconds"] + sum(delays(mine)) < EXPRESS_SECONDS
        assert mine["MaxAttempts"] < theirs["MaxAttempts"] or sum(delays(mine)) <= sum(delays(theirs))


def test_what_failed_for_good_goes_on_to_the_state_named_and_only_tasks_fail() -> None:
    states = as_item_processor(DEFINITION, around=FAILURE, on_failure="ItemFailed")["States"]
    assert {name for name, state in states.items() if "Catch" in state} == set(TASKS)
    assert {catch["Next"] for name in TASKS for catch in states[name]["Catch"]} == {"ItemFailed"}


def test_where_the_machine_fails_by_name_the_failure_of_an_item_is_recorded_too() -> None:
    own = STATES["RejectClassification"]
    state = as_item_processor(DEFINITION, around=FAILURE, on_failure="ItemFailed")["States"][
        "RejectClassification"
    ]
    assert (state["Type"], state["Next"]) == ("Pass", "ItemFailed")
    assert state["Output"]["error"] == {"Error": own["Error"], "Cause": own["Cause"]}
    standard = as_item_processor(DEFINITION, execution_type=ExecutionType.STANDARD)["States"]
    assert standard["RejectClassification"] == own


def test_the_states_around_stay_and_their_placeholders_give_way() -> None:
    processor = as_item_processor(DEFINITION, around=FAILURE, on_failure="ItemFailed")
    assert processor["StartAt"] == "Sift"
    assert processor["States"].keys() == STATES.keys() | {"Sift", "Skipped", "ItemFailed"}
    assert processor["States"]["ClassifyObject"]["Type"] == "Task"


def test_the_composed_machine_is_sound_to_a_linter(tmp_path: Path) -> None:
    processor = as_item_processor(DEFINITION, around=FAILURE, on_failure="ItemFailed")
    file = {
        "QueryLanguage": "JSONata",
        "StartAt": "TakeIn",
        "States": {"TakeIn": {"Type": "Map", "ItemProcessor": {}, "Items": [], "End": True}},
    }
    composed = tmp_path / "composed.asl.json"
    composed.write_text(json.dumps(with_item_processors(file, {"TakeIn": processor})))
    done = subprocess.run(
        [sys.executable, "-m", "statelint", str(composed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")


def test_a_machine_without_that_map_is_refused() -> None:
    with pytest.raises(ValueError, match="Nowhere"):
        with_item_processors(DEFINITION, {"Nowhere": {}})
