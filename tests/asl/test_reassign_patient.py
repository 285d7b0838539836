"""The reassignment's file, and the composed machine walked as Step Functions walks it, objects and all."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonata import Jsonata
from sfnx.testing import Call, Failure

from infrastructure.machines import definitions
from lambdas import assign_patient, index_catalog, list_objects, verify_move
from lambdas.adapters.settings import ROOT
from lambdas.intake import assigning
from tests.asl.definition import STATES as PIPELINE
from tests.asl.definition import expressions
from tests.asl.test_walks import HANDLERS, put
from tests.asl.whole import execute, top
from tests.unit.world import LANDING, World

MACHINE = definitions.reassign_patient()
STATES: dict[str, dict[str, Any]] = MACHINE["States"]
ITEM = STATES["MoveObjects"]["ItemProcessor"]
OWN = {
    "${AssignPatientArn}": assign_patient.handler,
    "${ListObjectsArn}": list_objects.handler,
    "${VerifyMoveArn}": verify_move.handler,
}
# The linter knows Distributed Maps as they were before JSONata.
UNKNOWN_TO_THE_LINTER = ("Label",)
SESSION = {"session_id": "7", "patient_id": "Ana_7", "from": ["Ben_8"]}
KEYS = [f"sessions/session_7/{number}.json" for number in range(5)]


def test_the_composed_machine_is_sound_to_a_linter(tmp_path: Path) -> None:
    composed = tmp_path / "composed.asl.json"
    composed.write_text(json.dumps(MACHINE))
    done = subprocess.run(
        [sys.executable, "-m", "statelint", str(composed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    found = [line for line in done.stdout.splitlines() if "State Machine." in line]
    assert [line for line in found if not any(word in line for word in UNKNOWN_TO_THE_LINTER)] == []


def test_every_expression_is_jsonata_and_every_state_has_a_comment() -> None:
    for place, text in expressions(MACHINE):
        Jsonata(text)
        assert "$$." not in text, place
    for name, state in {**STATES, **ITEM["States"]}.items():
        for part in (state, *state.get("Choices", ()), *state.get("Retry", ())):
            assert len(part["Comment"]) > 5, name


def test_nothing_is_caught_and_only_what_no_choice_is_meant_for_fails_in_a_state_of_its_own() -> None:
    both = {**STATES, **ITEM["States"]}
    for name, state in both.items():
        assert "Catch" not in state, name
        onward = [state, *state.get("Choices", ())]
        assert all(both[one["Next"]]["Type"] != "Fail" for one in onward if "Next" in one), name
    assert not {"ToleratedFailurePercentage", "ToleratedFailureCount"} & STATES["MoveObjects"].keys()


def test_each_object_takes_the_pipelines_own_states_as_an_execution_that_can_be_redriven() -> None:
    assert ITEM["ProcessorConfig"] == {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"}
    assert ITEM["States"].keys() == PIPELINE.keys() | {"KeepTheDisposition"}
    for name, state in PIPELINE.items():
        if "End" not in state:
            assert ITEM["States"][name] == state


def test_each_function_is_invoked_by_the_state_of_its_name() -> None:
    for name in ("AssignPatient", "ListObjects", "VerifyMove"):
        assert STATES[name]["Arguments"]["FunctionName"] == f"${{{name}Arn}}"
        assert (ROOT / "lambdas" / f"{re.sub(r'(?<!^)(?=[A-Z])', '_', name).lower()}.py").exists()


def test_only_a_look_for_what_is_left_waits_for_what_is_left() -> None:
    for name in ("AssignPatient", "ListObjects", "VerifyMove"):
        retried = {error for retry in STATES[name]["Retry"] for error in retry["ErrorEquals"]}
        assert ("LeftBehind" in retried) == (name == "VerifyMove")
        assert not {"AssignmentConflict", "RejectedAssignment", "States.ALL"} & retried


def real(call: Call) -> Any:
    """What the functions answer, and the bus, whose catalog follows at once."""
    if call.resource.endswith("lambda:invoke"):
        handler = {**HANDLERS, **OWN}[call.arguments["FunctionName"]]
        return {"Payload": handler(json.loads(json.dumps(call.arguments["Payload"])), None)}
    put(call.arguments)
    for entry in call.arguments["Entries"]:
        if entry["DetailType"] == "Object Cataloged":
            index_catalog.handler({"detail": entry["Detail"]}, None)
    return {"FailedEntryCount": 0}


def reassign(data: Any, execution: str = "arn:machine:r") -> tuple[list[str], Any]:
    """The machine's own states that were entered, and the output."""
    done = execute("reassign_patient", data, real, arn=execution)
    return top("reassign_patient", done), done.output


@pytest.fixture
def session(world: World) -> World:
    for number, key in enumerate(KEYS):
        world.file(key, key.encode(), name=f"e{number}")
    return world


def test_a_session_is_moved_page_by_page_and_looked_after(
    session: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assigning, "PAGE", 2)
    path, output = reassign(SESSION)
    page = ["ListObjects", "MoveObjects", "RouteNextPage"]
    assert path == ["AssignPatient", "RouteAssignment", *page, *page, *page, "VerifyMove"]
    assert (output["taken_in"], output["left"]) == (5, 0)
    assert "items" not in output
    assert len(session.filed("processed/Ana_7_medical_notes/")) == 6


def test_what_is_the_patients_already_ends_at_once_and_says_so(session: World) -> None:
    reassign(SESSION)
    path, output = reassign(SESSION, "arn:machine:s")
    assert path == ["AssignPatient", "RouteAssignment", "ReportNothingToMove"]
    assert output["nothing_to_move"] is True


def test_a_document_is_moved_by_the_same_way(world: World) -> None:
    world.file("scan.txt")
    path, output = reassign({"key": "scan.txt", "patient_id": "Ana_7"})
    assert path[2:] == ["ListObjects", "MoveObjects", "RouteNextPage", "VerifyMove"]
    assert output["taken_in"] == 1
    assert len(world.filed("processed/Ana_7_scan/")) == 4


def test_what_is_left_behind_fails_the_execution_where_it_is_seen(session: World) -> None:
    version = session.s3.head_object(Bucket=LANDING, Key=KEYS[0])["VersionId"]
    session.s3.delete_object(Bucket=LANDING, Key=KEYS[0], VersionId=version)
    with pytest.raises(Failure, match="LeftBehind"):
        reassign(SESSION)
