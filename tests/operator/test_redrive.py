"""Re-driving failed executions: previewed, followed to their ends, resubmitted where there is no other way."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.embedded import EmbeddedAws
from tests.operator.conftest import Carefile

MakeFile = Callable[..., Path]
STATE = "NormaliseDocument"


@contextmanager
def broken(aws: EmbeddedAws) -> Iterator[None]:
    """While it lasts, documents cannot be filed: the function has the name of a bucket that is not there."""
    functions = aws.client("lambda")
    name = next(
        item["FunctionName"]
        for item in functions.list_functions()["Functions"]
        if STATE in item["FunctionName"]
    )
    sound = functions.get_function_configuration(FunctionName=name)["Environment"]["Variables"]
    functions.update_function_configuration(
        FunctionName=name, Environment={"Variables": sound | {"PROCESSED_BUCKET": "no-such-bucket"}}
    )
    try:
        yield
    finally:
        functions.update_function_configuration(FunctionName=name, Environment={"Variables": sound})


@pytest.fixture
def failed(carefile: Carefile, file: MakeFile, deployed_aws: EmbeddedAws) -> list[str]:
    """Two executions that failed at the state that is mended by now."""
    paths = [file(f"redrive-{number}.txt") for number in range(2)]
    with broken(deployed_aws):
        ran = carefile("put", *paths, "--patient", "Redrive_1", "--wait", "--again", "--json")
    assert {row["error"] for row in ran.rows} == {"StorageDenied"}
    return [row["execution"] for row in ran.rows]


def test_nothing_is_done_without_yes(carefile: Carefile, failed: list[str]) -> None:
    ran = carefile("redrive", "--state", STATE)
    assert ran.code == 0
    assert "Nothing was done" in ran.err
    rows = carefile("redrive", "--error", "StorageDenied", "--json").rows
    assert set(failed) <= {row["execution"] for row in rows}
    assert carefile("show", failed[0], "--json").thing["redrives"] == 0
    carefile("redrive", *failed, "--yes")


def test_those_of_an_error_go_on_where_they_failed(carefile: Carefile, failed: list[str]) -> None:
    ran = carefile("redrive", "--error", "StorageDenied", "--yes", "--json")
    # Other tests may have left failures of that name on the shared instance.
    ended = {row["execution"]: (row["action"], row["status"]) for row in ran.rows}
    assert {ended[name] for name in failed} == {("redriven", "SUCCEEDED")}
    assert {f"documents/Redrive_1/redrive-{number}.txt" for number in range(2)} <= {
        row["key"] for row in ran.rows
    }
    story = carefile("show", failed[0], "--json").thing
    assert story["disposition"] == "cataloged"
    assert [(step["state"], step["redriven"]) for step in story["path"]] == [
        ("ClassifyObject", False),
        ("RouteObject", False),
        (STATE, False),
        (STATE, True),
        ("TagObject", False),
        ("EmitCatalogEvent", False),
    ]


def test_what_fails_again_is_told_with_its_error(
    carefile: Carefile, failed: list[str], deployed_aws: EmbeddedAws
) -> None:
    with broken(deployed_aws):
        ran = carefile("redrive", failed[0], "--yes")
    assert ran.code == 1
    assert "StorageDenied" in ran.out
    assert "1 failed again" in ran.err
    assert carefile("redrive", *failed, "--yes").code == 0


@pytest.mark.submission
def test_what_a_redrive_cannot_help_is_left_alone(
    carefile: Carefile, failed: list[str], file: MakeFile
) -> None:
    (empty,) = carefile("put", file("empty.txt", b""), "--patient", "Redrive_2", "--wait", "--json").rows
    carefile("put", file("redrive-0.txt", b"corrected"), "--patient", "Redrive_1", "--wait")
    rows = [
        row for row in carefile("redrive", "--json").rows if row["execution"] in (*failed, empty["execution"])
    ]
    assert {row["key"]: row["redrivable"] for row in rows} == {
        "documents/Redrive_2/empty.txt": "no: upload again",
        "documents/Redrive_1/redrive-0.txt": "no: filed since",
        "documents/Redrive_1/redrive-1.txt": "yes",
    }
    ran = carefile("redrive", "--yes", "--json")
    ended = {
        row["execution"]: row["status"]
        for row in ran.rows
        if row["execution"] in {it["execution"] for it in rows}
    }
    assert ended == {row["execution"]: "SUCCEEDED" for row in rows if row["redrivable"] == "yes"}
    (named,) = carefile("redrive", empty["execution"], "--yes", "--json").rows
    assert (named["action"], named["status"]) == ("redriven", "FAILED")
    assert carefile("redrive", *failed, "--yes").code == 0


@pytest.mark.submission
def test_one_that_succeeded_is_left_alone(carefile: Carefile, failed: list[str]) -> None:
    assert carefile("redrive", *failed, "--yes").code == 0
    (row,) = carefile("redrive", failed[0], "--yes", "--json").rows
    assert (row["action"], row["reason"]) == ("none", "it has not failed")


@pytest.mark.submission
def test_begun_under_another_definition_it_is_resubmitted_when_asked_to_and_only_once(
    carefile: Carefile, failed: list[str], deployed_aws: EmbeddedAws
) -> None:
    machine = deployed_aws.outputs["PipelineStateMachineArn"]
    states = deployed_aws.client("stepfunctions")
    before = states.describe_state_machine(stateMachineArn=machine)["definition"]
    mended = json.loads(before) | {"Comment": "Mended."}
    states.update_state_machine(stateMachineArn=machine, definition=json.dumps(mended))
    try:
        (row,) = carefile("redrive", failed[0], "--resubmit", "--yes", "--json").rows
        assert (row["action"], row["status"]) == ("resubmitted", "SUCCEEDED")
        assert row["followed"] != failed[0]
        (again,) = carefile("redrive", failed[0], "--resubmit", "--yes", "--json").rows
        assert (again["action"], again["followed"]) == ("none", row["followed"])
    finally:
        states.update_state_machine(stateMachineArn=machine, definition=before)
    assert carefile("redrive", *failed[1:], "--yes").code == 0


def test_unknown_names_are_one_line(carefile: Carefile) -> None:
    ran = carefile("redrive", "no-such-execution", "--yes")
    assert ran.code == 2
    assert "there is no execution" in ran.err
