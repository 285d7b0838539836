"""The machine's file: its form, its promises to operators, and the errors that it knows."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from jsonata import Jsonata

from carefile.core import errors
from carefile.core.errors import CarefileError
from tests.asl.definition import DEFINITION, FILE, STATES, TASKS, expressions

OURS = {kind.__name__: kind for kind in CarefileError.__subclasses__()}
RETRIED = {name for name, kind in OURS.items() if "Retried" in (kind.__doc__ or "")}
FAILS = {name for name, state in STATES.items() if state["Type"] == "Fail"}
FUNCTIONS = [name for name, state in TASKS.items() if state["Resource"].endswith("lambda:invoke")]


def paths(name: str = DEFINITION["StartAt"]) -> list[list[str]]:
    """Every way through the machine that ends well."""
    state = STATES[name]
    following = [choice["Next"] for choice in state.get("Choices", ())]
    following += [state["Next"]] if "Next" in state else []
    return [[name, *rest] for after in following for rest in paths(after)] or [[name]]


WAITING = ["Lambda.TooManyRequestsException"]


def retried_by(state: dict[str, Any]) -> set[str]:
    return {name for retry in state.get("Retry", ()) for name in retry["ErrorEquals"]}


def test_the_file_is_json_before_anything_is_substituted() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8"))["StartAt"] == "ClassifyObject"


def test_statelint_finds_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "statelint", str(FILE)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip(), done.stderr.strip()) == (0, "", "")


def test_statelint_would_find_something(tmp_path: Path) -> None:
    broken = json.loads(FILE.read_bytes())
    broken["States"]["TagObject"]["Next"] = "Nowhere"
    file = tmp_path / "broken.asl.json"
    file.write_text(json.dumps(broken))
    done = subprocess.run(
        [sys.executable, "-m", "statelint", str(file)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode or "Nowhere" in done.stdout + done.stderr


def test_the_substitutions_are_the_five_that_the_stack_makes() -> None:
    assert set(re.findall(r"\$\{(\w+)\}", FILE.read_text(encoding="utf-8"))) == {
        "ClassifyObjectArn",
        "NormaliseDocumentArn",
        "NormaliseSessionArn",
        "TagObjectArn",
        "CatalogBusName",
    }


def test_everything_is_written_in_jsonata() -> None:
    assert DEFINITION["QueryLanguage"] == "JSONata"
    old = {"InputPath", "OutputPath", "ResultPath", "ResultSelector", "Parameters", "QueryLanguage"}
    for name, state in STATES.items():
        assert not old & set(state), name
    assert "$$." not in FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("place", "text"), list(expressions(DEFINITION)), ids=lambda value: value[:60])
def test_every_expression_is_jsonata_and_uses_only_what_a_state_has(place: str, text: str) -> None:
    Jsonata(text)
    allowed = {"input", "context"} | ({"result"} if place.endswith("/Output") else set())
    assert set(re.findall(r"\$states\.(\w+)", text)) <= allowed


def test_every_text_that_looks_like_an_expression_is_one() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert text.count("{%") == text.count("%}") == len(list(expressions(DEFINITION)))


def test_every_path_of_a_record_has_five_states_in_the_order_of_the_contract() -> None:
    assert paths() == [
        ["ClassifyObject", "RouteObject", kind, "TagObject", "EmitCatalogEvent"]
        for kind in ("NormaliseDocument", "NormaliseSession")
    ] + [["ClassifyObject", "RouteObject", "IgnoreObject"]]
    assert set(STATES) - FAILS == {name for path in paths() for name in path}


def test_nothing_is_caught_and_only_what_no_choice_is_meant_for_fails_in_a_state_of_its_own() -> None:
    for name, state in STATES.items():
        assert "Catch" not in state, name
        assert state["Type"] in ("Task", "Choice", "Pass", "Fail"), name
        assert state.get("Next") not in FAILS
        assert not {choice["Next"] for choice in state.get("Choices", ())} & FAILS
    assert {state["Default"] for state in STATES.values() if state["Type"] == "Choice"} == FAILS


def test_every_state_and_every_choice_has_a_comment_for_the_operator() -> None:
    assert DEFINITION["Comment"]
    for name, state in STATES.items():
        for part in (state, *state.get("Choices", ()), *state.get("Retry", ())):
            assert len(part["Comment"]) > 5, name


@pytest.mark.parametrize("name", TASKS)
def test_every_task_ends_in_time_and_is_retried_with_backoff_and_full_jitter(name: str) -> None:
    state = TASKS[name]
    assert 0 < state["TimeoutSeconds"] < DEFINITION["TimeoutSeconds"]
    assert state["Retry"]
    for retry in state["Retry"]:
        assert retry["BackoffRate"] >= 1.5
        assert retry["JitterStrategy"] == "FULL"
        assert retry["MaxDelaySeconds"] <= 300
        assert 3 <= retry["MaxAttempts"] <= (60 if retry["ErrorEquals"] == WAITING else 10)
        assert retry["IntervalSeconds"] >= 1


@pytest.mark.parametrize("name", TASKS)
def test_no_retry_catches_more_than_what_may_pass(name: str) -> None:
    retried = retried_by(TASKS[name])
    assert not retried & {"States.ALL", "States.Permissions", "States.Runtime"}
    assert "States.Timeout" in retried
    # AWS publishes no list of the passing errors of its own integration with EventBridge.
    assert ("States.TaskFailed" in retried) == (name == "EmitCatalogEvent")


def test_the_errors_that_say_they_are_retried_are_these() -> None:
    assert sorted(RETRIED) == ["FolderContended", "NotScanned", "StillChanging", "StorageThrottled"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_passing_error_of_ours_is_retried_and_no_lasting_one(name: str) -> None:
    retried = retried_by(TASKS[name])
    assert retried >= RETRIED
    assert not retried & (set(OURS) - RETRIED)


def test_every_error_of_ours_that_the_machine_names_exists() -> None:
    named = {name for state in TASKS.values() for name in retried_by(state) if "." not in name}
    assert named <= set(OURS)
    assert all(getattr(errors, name) is OURS[name] for name in named)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_what_lambda_itself_may_do_wrong_is_retried(name: str) -> None:
    assert retried_by(TASKS[name]) >= {
        "Lambda.ServiceException",
        "Lambda.AWSLambdaException",
        "Lambda.SdkClientException",
        "Lambda.TooManyRequestsException",
        "Lambda.Unknown",
    }


@pytest.mark.parametrize("name", FUNCTIONS)
def test_more_uploads_at_once_than_the_account_runs_functions_wait_for_half_an_hour(name: str) -> None:
    """Lambda refuses what is over the concurrency of the account at once; new accounts may run ten functions."""
    (waiting,) = [retry for retry in TASKS[name]["Retry"] if retry["ErrorEquals"] == WAITING]
    delays = [
        min(waiting["IntervalSeconds"] * waiting["BackoffRate"] ** tried, waiting["MaxDelaySeconds"])
        for tried in range(waiting["MaxAttempts"])
    ]
    mean = sum(delays) / 2  # full jitter: anything between none and all of it
    assert mean >= 25 * 60
    assert sum(delays) < DEFINITION["TimeoutSeconds"] / 4


def test_an_event_that_the_bus_did_not_take_is_sent_again() -> None:
    assert retried_by(STATES["EmitCatalogEvent"]) == {"States.TaskFailed", "States.Timeout"}


def test_each_function_is_invoked_by_the_state_of_its_name() -> None:
    for name in FUNCTIONS:
        assert TASKS[name]["Arguments"]["FunctionName"] == f"${{{name}Arn}}"
        handler = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        assert (FILE.parents[1] / "lambdas" / f"{handler}.py").exists()
