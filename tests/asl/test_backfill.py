"""The backfill's file, and its items walked as Step Functions walks them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonata import Jsonata

from infrastructure import definitions
from lambdas import record_failure
from lambdas.core.errors import RejectedObject
from tests.asl.definition import evaluated, expressions, next_of
from tests.asl.test_walks import HANDLERS
from tests.unit.world import LANDING, World

FILLED: dict[str, Any] = json.loads(
    json.dumps(definitions.backfill())
    .replace("${SessionPrefix}", "processed/")
    .replace("${Concurrency}", "40")
)
STATE = FILLED["States"]["TakeInEachObject"]
ITEM = STATE["ItemProcessor"]["States"]
# The linter knows Distributed Maps as they were before JSONata and before the writer's formats.
UNKNOWN_TO_THE_LINTER = ("MaxConcurrency", "ToleratedFailurePercentage", "Label", "WriterConfig")
INPUT = {"bucket": "landing", "prefix": "documents/"}


@pytest.mark.parametrize("machine", [definitions.backfill, definitions.adoption])
def test_the_composed_machine_is_sound(machine: Callable[[], dict[str, Any]], tmp_path: Path) -> None:
    composed = tmp_path / "composed.asl.json"
    composed.write_text(json.dumps(machine()))
    done = subprocess.run(
        [sys.executable, "-m", "statelint", str(composed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if "State Machine." in line]
    assert [line for line in found if not any(word in line for word in UNKNOWN_TO_THE_LINTER)] == []


@pytest.mark.parametrize("machine", [definitions.backfill, definitions.adoption])
def test_every_expression_is_jsonata_and_every_state_has_a_comment(
    machine: Callable[[], dict[str, Any]],
) -> None:
    (whole,) = machine()["States"].values()
    for place, text in expressions(whole):
        Jsonata(text.replace("${Concurrency}", "40"))
        assert "$$." not in text, place
    for name, state in whole["ItemProcessor"]["States"].items():
        for part in (state, *state.get("Choices", ()), *state.get("Retry", ())):
            assert len(part["Comment"]) > 5, name


def test_an_item_is_what_a_person_would_type() -> None:
    context = {"Map": {"Item": {"Index": 0, "Value": {"Key": "documents/P/a+b 50%25.pdf", "Size": 3}}}}
    assert evaluated(STATE["ItemSelector"], input=INPUT, context=context) == {
        "bucket": "landing",
        "key": "documents/P/a+b 50%25.pdf",
    }


@pytest.mark.parametrize(
    ("asked", "held"), [(None, 1), (0, 0), (2.5, 2.5), (50, 50), (99, 50), (100, 50), (-1, 0)]
)
def test_no_run_tolerates_that_most_failed(asked: float | None, held: float) -> None:
    data = INPUT | ({} if asked is None else {"tolerated_failure_percentage": asked})
    assert evaluated(STATE["ToleratedFailurePercentage"], input=data) == held


@pytest.mark.parametrize(
    ("key", "following"),
    [
        ("documents/P/x.txt", "ClassifyObject"),
        ("a", "ClassifyObject"),
        ("not/processed/x.txt", "ClassifyObject"),
        ("documents/P/", "NoUpload"),
        ("/", "NoUpload"),
        ("processed/P_x/original.txt", "NoUpload"),
        ("processed/", "NoUpload"),
    ],
)
def test_folder_markers_and_the_layout_are_passed_over(key: str, following: str) -> None:
    assert next_of(ITEM["PassOverWhatIsNoUpload"], input={"bucket": LANDING, "key": key}) == following


def item(key: str, name: str = "arn:child") -> tuple[list[str], Any]:
    """The states that an item enters and its output, or (error, cause) where it fails."""
    data: Any = {"bucket": LANDING, "key": key}
    context = {"Execution": {"Id": name, "Input": data, "StartTime": "2026-11-20T10:00:00.000Z"}}
    state_name, path = STATE["ItemProcessor"]["StartAt"], []
    while True:
        state, bound = ITEM[state_name], {"input": data, "context": context}
        path.append(state_name)
        if state["Type"] == "Fail":
            return path, (evaluated(state["Error"], **bound), evaluated(state["Cause"], **bound))
        if state["Type"] == "Pass":
            return path, evaluated(state["Output"], **bound)
        if state["Type"] == "Choice":
            state_name = str(next_of(state, **bound))
            continue
        arguments = evaluated(state["Arguments"], **bound)
        try:
            result = (
                {"Payload": invoke(arguments["FunctionName"], arguments["Payload"])}
                if (state["Resource"].endswith("lambda:invoke"))
                else {}
            )
        except RejectedObject as error:
            (catch,) = state["Catch"]
            told = {"Error": "RejectedObject", "Cause": json.dumps({"errorMessage": str(error)})}
            data, state_name = evaluated(catch["Output"], **bound, errorOutput=told), catch["Next"]
        else:
            data, state_name = evaluated(state["Output"], **bound, result=result), state["Next"]


def invoke(function: str, payload: Any) -> Any:
    handlers = {**HANDLERS, "${RecordFailureArn}": record_failure.handler}
    return json.loads(json.dumps(handlers[function](json.loads(json.dumps(payload)), None)))


def test_an_object_that_is_there_already_is_filed_and_the_result_says_where(world: World) -> None:
    world.upload("documents/P_1/lab.txt")
    path, output = item("documents/P_1/lab.txt")
    pipeline = ["ClassifyObject", "RouteObject", "NormaliseDocument", "TagObject", "EmitCatalogEvent"]
    assert path == ["PassOverWhatIsNoUpload", *pipeline, "KeepTheResult"]
    filed = {"kind": "document", "patient": "known", "prefix": "processed/P_1_lab/"}
    assert output == {"disposition": "cataloged", **filed}
    assert item("documents/P_1/lab.txt", "arn:another")[1] == {"disposition": "duplicate", **filed}


def test_an_object_that_fails_is_marked_announced_and_fails_its_item(world: World) -> None:
    world.upload("documents/P_1/empty.txt", b"")
    path, (error, cause) = item("documents/P_1/empty.txt")
    assert path == ["PassOverWhatIsNoUpload", "ClassifyObject", "RecordFailure", "ItemFailed"]
    assert error == "RejectedObject"
    assert "empty-object" in cause
    assert world.tags("documents/P_1/empty.txt", LANDING)["pipeline-status"] == "failed"
    (event,) = world.bus.published
    assert event.detail["execution"] == "arn:child"
    assert event.detail["cause"].startswith("empty-object")
