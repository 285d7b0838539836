"""The interpreter does with the machine's file what Step Functions does, and refuses what it does not know."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from tests.simulation import expressions, machine
from tests.simulation.actors import LANE
from tests.simulation.actors.readings import ACTOR, read_scan
from tests.simulation.machine import LAMBDA, Failed, Machine, Progress, Succeeded, Task, UnknownFeatureError
from tests.simulation.run import run_seed
from tests.simulation.twins import TWINS
from tests.simulation.world import real_express_machine, real_machine

READING = ACTOR.lane * LANE
ONE = {
    "QueryLanguage": "JSONata",
    "StartAt": "A",
    "States": {
        "A": {
            "Type": "Task",
            "Resource": LAMBDA,
            "Arguments": {"FunctionName": "f", "Payload": {"x": "{% $states.input.x %}"}},
            "Retry": [
                {"ErrorEquals": ["Busy"], "MaxAttempts": 2},
                {"ErrorEquals": ["States.TaskFailed"], "MaxAttempts": 1},
            ],
            "Output": "{% $states.result.Payload %}",
            "End": True,
        }
    },
}


def changed(**members: Any) -> dict[str, Any]:
    definition = copy.deepcopy(ONE)
    definition["States"]["A"].update(members)  # type: ignore[index]
    return definition


def started(definition: dict[str, Any] = ONE, data: Any = None) -> tuple[Progress, Any]:
    progress = Progress(Machine(definition), {"Execution": {"Id": "arn"}}, {"x": 1} if data is None else data)
    return progress, progress.begin()


@pytest.mark.parametrize(
    "definition",
    [
        changed(HeartbeatSeconds=5),
        changed(Catch=[{"ErrorEquals": ["x"], "Next": "A", "Output": {}}]),
        changed(Assign={}),
        changed(Type="Map"),
        changed(Type="Wait"),
        changed(Resource="arn:aws:states:::sns:publish"),
        changed(Arguments={"FunctionName": "f", "Payload": {}, "Qualifier": "1"}),
        changed(Retry=[{"ErrorEquals": ["x"], "Unheard": 1}]),
        {**changed(), "QueryLanguage": "JSONPath"},
        {**changed(), "Version": "1.0"},
        changed(End=False, Next="B"),
    ],
)
def test_what_is_not_known_is_refused(definition: dict[str, Any]) -> None:
    with pytest.raises(UnknownFeatureError):
        Machine(definition)


def test_a_task_gets_its_arguments_and_gives_its_output() -> None:
    progress, first = started()
    assert first == Task("A", LAMBDA, {"FunctionName": "f", "Payload": {"x": 1}})
    assert progress.succeed({"Payload": {"y": 2}}) == Succeeded({"y": 2})


def test_retriers_count_for_themselves_and_a_redrive_starts_them_over() -> None:
    progress, _ = started()
    assert [type(progress.fail("Busy", "")) for _ in range(3)] == [Task, Task, Failed]
    assert isinstance(progress.fail("Other", ""), Task)
    assert progress.fail("Other", "why") == Failed("Other", "why")
    assert isinstance(progress.redrive(), Task)
    assert isinstance(progress.fail("Busy", ""), Task)


WITHIN = {
    "QueryLanguage": "JSONata",
    "StartAt": "P",
    "States": {
        "P": {
            "Type": "Parallel",
            "Branches": [{"StartAt": "A", "States": ONE["States"]}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "B"}],
            "End": True,
        },
        "B": {"Type": "Succeed"},
    },
}


def test_a_branch_that_ends_ends_its_parallel_with_a_list() -> None:
    progress, first = started(WITHIN)
    assert isinstance(first, Task)
    assert progress.succeed({"Payload": {"y": 2}}) == Succeeded([{"y": 2}])


def test_what_fails_in_a_branch_is_caught_by_its_parallel_after_the_retries() -> None:
    progress, _ = started(WITHIN)
    assert [type(progress.fail("Busy", "")) for _ in range(3)] == [Task, Task, Succeeded]
    assert progress.state == "B"


def test_two_branches_and_two_states_of_one_name_are_refused() -> None:
    branches = WITHIN["States"]["P"]["Branches"] * 2  # type: ignore[index]
    for state in (
        {"Branches": branches},
        {"Branches": [{"StartAt": "B", "States": {"B": {"Type": "Succeed"}}}]},
    ):
        definition = copy.deepcopy(WITHIN)
        definition["States"]["P"].update(state)  # type: ignore[index]
        with pytest.raises(UnknownFeatureError):
            Machine(definition)


def test_task_failed_matches_everything_but_a_timeout_and_nothing_matches_a_runtime_error() -> None:
    progress, _ = started()
    assert isinstance(progress.fail("States.Timeout", ""), Failed)
    assert isinstance(progress.fail("States.Runtime", ""), Failed)


def test_an_expression_without_a_value_fails_the_state() -> None:
    _, first = started(data={"y": 1})
    assert isinstance(first, Failed)
    assert first.error == "States.QueryEvaluationError"


def test_an_assertion_that_fails_fails_the_state_and_can_be_re_driven() -> None:
    asserting = {
        "FunctionName": "f",
        "Payload": "{% ($assert($states.input.x > 1, 'too few'); $states.input) %}",
    }
    progress, first = started(changed(Arguments=asserting))
    assert isinstance(first, Failed)
    assert first.error == "States.QueryEvaluationError"
    assert isinstance(progress.redrive(), Failed)


def test_the_real_machine_retries_what_its_file_says_and_no_more() -> None:
    progress = Progress(
        real_machine(), {"Execution": {"Id": "arn", "StartTime": "now"}}, {"bucket": "b", "key": "k"}
    )
    first = progress.begin()
    assert isinstance(first, Task)
    assert first.state == "ClassifyObject"
    state = progress.machine.states["ClassifyObject"]
    (attempts,) = [
        retry["MaxAttempts"] for retry in state["Retry"] if "StorageThrottled" in retry["ErrorEquals"]
    ]
    tries = [progress.fail("StorageThrottled", "") for _ in range(attempts + 1)]
    assert [type(one) for one in tries] == [Task] * attempts + [Failed]
    assert isinstance(progress.redrive(), Task)
    assert isinstance(progress.fail("RejectedObject", ""), Failed)


def without_branches(state: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in state.items() if name != "Branches"}


def test_paths_looked_up_directly_have_the_value_that_jsonata_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every expression of the file, with the data of real runs."""
    seen: set[str] = set()
    real = expressions.directly

    def compared(text: str, states: dict[str, Any]) -> Any:
        found = real(text, states)
        if found is not NotImplemented:
            assert json.dumps(expressions.by_jsonata(text, states)) == json.dumps(found)
        seen.add(text)
        return found

    monkeypatch.setattr(expressions, "directly", compared)
    for seed in (*range(30), *range(READING, READING + 12)):
        run_seed(seed)
    for choice in real_machine().states["RouteObject"]["Choices"]:  # no schedule has a leftover of a tool
        expressions.evaluate(choice["Condition"], {"input": {"disposition": "ignored"}})
    written = {text for state in real_machine().states.values() for text in expressions.expressions_in(state)}
    lane = real_express_machine().states.values()
    written |= {text for state in lane for text in expressions.expressions_in(without_branches(state))}
    written |= {text for state in read_scan().states.values() for text in expressions.expressions_in(state)}
    assert seen == written
    assert written >= TWINS.keys(), "the file says it otherwise now: write the twin anew, or take it away"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{% $states.input.a.b %}", 1),
        ("{% $states.input.a %}", {"b": 1, "list": [{"c": 2}, {"c": 3}]}),
        ("{% $states.input.a.list.c %}", [2, 3]),
        ("{% $states.input.text = 'x' %}", True),
        ("{% $states.input.a.missing = 'x' %}", False),
        ("{% $states.input.list %}", [1]),
    ],
)
def test_values_of_expressions(text: str, value: Any) -> None:
    states = {"input": {"a": {"b": 1, "list": [{"c": 2}, {"c": 3}]}, "text": "x", "list": [1]}}
    assert machine.evaluate(text, states) == value
    assert expressions.by_jsonata(text, states) == value
