"""The backfill's file, and its items walked as Step Functions walks them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest
from jsonata import Jsonata

from carefile.cli.aws.inventory import current_key
from carefile.cli.aws.listing import Place
from carefile.core.errors import RejectedObject
from infrastructure.machines import definitions
from lambdas import record_failure
from tests.asl.definition import evaluated, expressions, next_of
from tests.asl.test_walks import HANDLERS
from tests.unit.world import LANDING, World

FILLED: dict[str, Any] = json.loads(
    json.dumps(definitions.backfill())
    .replace("${SessionPrefix}", "processed/")
    .replace("${Concurrency}", "40")
    .replace("${LandingBuckets}", f"{LANDING},old-records")
)
STATES = FILLED["States"]
MAPS = {name: state for name, state in STATES.items() if state["Type"] == "Map"}
STATE = FILLED["States"]["TakeInEachObject"]
ITEM = STATE["ItemProcessor"]["States"]
# The linter knows Distributed Maps as they were before JSONata and before the writer's formats.
UNKNOWN_TO_THE_LINTER = (
    "MaxConcurrency",
    "ToleratedFailurePercentage",
    "Label",
    "WriterConfig",
    "InputType",
)
INPUT = {"bucket": LANDING, "prefix": "documents/"}


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
    states = machine()["States"]
    for place, text in expressions(states):
        Jsonata(text.replace("${Concurrency}", "40"))
        assert "$$." not in text, place
    for state in [*states.values()]:
        states |= state.get("ItemProcessor", {}).get("States", {})
    for name, state in states.items():
        for part in (state, *state.get("Choices", ()), *state.get("Retry", ())):
            assert len(part["Comment"]) > 5, name


def test_wherever_the_keys_come_from_the_run_is_the_same() -> None:
    assert {state["Label"] for state in MAPS.values()} == {"Objects", "Inventory", "List"}
    assert len({state["ItemReader"]["Resource"] for state in MAPS.values()}) == 2
    own = {"Comment", "Label", "ItemReader", "ItemSelector"}
    alike = [
        json.dumps({name: value for name, value in state.items() if name not in own}).replace(
            f"Of{state['Label']}", ""
        )
        for state in MAPS.values()
    ]
    assert alike[0] == alike[1] == alike[2]


@pytest.mark.parametrize(
    "machine",
    [definitions.backfill, definitions.adoption, definitions.reassign_patient, definitions.merge_patients],
)
def test_no_two_states_of_a_machine_have_one_name(machine: Callable[[], dict[str, Any]]) -> None:
    states = machine()["States"]
    names = [*states]
    for state in states.values():
        names += state.get("ItemProcessor", {}).get("States", {})
    assert len(names) == len(set(names))


def selected(name: str, value: dict[str, Any], **more: Any) -> Any:
    context = {"Map": {"Item": {"Index": 0, "Value": value}}}
    return evaluated(MAPS[name]["ItemSelector"], input=INPUT | more, context=context)


def test_an_item_is_what_a_person_would_type() -> None:
    key = "documents/P/a+b 50%25.pdf"
    told = {"bucket": LANDING, "key": key}
    assert selected("TakeInEachObject", {"Key": key, "Size": 3}) == told
    assert selected("TakeInEachOfAList", {"key": key}) == told | {"reread": ""}
    assert selected("TakeInEachOfAList", {"key": key}, reread="leave") == told | {"reread": "leave"}


ODD = (
    "documents/P/a+b 50%25.pdf",
    "documents/P/100% 1/2 (3).txt",
    "documents/Zoë/ü 日本 😀.txt",
    'documents/P/quote"and,comma.txt',
    "documents/P/%2B+%20.txt",
    "documents/P/line\nbreak\\.txt",
)


@pytest.mark.parametrize("key", ODD)
def test_a_row_of_an_inventory_is_decoded_there_and_in_the_command_alike(key: str) -> None:
    row = {"Bucket": LANDING, "Key": quote_plus(key, safe="/"), "Size": "3"}
    assert selected("TakeInEachOfAnInventory", row) == {"bucket": LANDING, "key": key}
    assert current_key(row, Place(LANDING, "documents/")) == key


@pytest.mark.parametrize(
    ("columns", "counts"),
    [
        ({}, True),
        ({"IsLatest": "true", "IsDeleteMarker": "false"}, True),
        ({"IsLatest": "TRUE", "IsDeleteMarker": ""}, True),
        ({"IsLatest": "false", "IsDeleteMarker": "false"}, False),
        ({"IsLatest": "False"}, False),
        ({"IsLatest": "true", "IsDeleteMarker": "true"}, False),
        ({"Bucket": "another"}, False),
        ({"Key": "elsewhere/x.txt"}, False),
        ({"Key": "Documents/x.txt"}, False),
    ],
)
def test_only_current_objects_under_the_prefix_count_in_an_inventory(
    columns: dict[str, str], counts: bool
) -> None:
    row = {"Bucket": LANDING, "Key": "documents/P/x.txt", **columns}
    item = selected("TakeInEachOfAnInventory", row)
    assert (next_of(ITEM["PassOverWhatIsNoUpload"], input=item) == "ClassifyObject") is counts
    assert (current_key(row, Place(LANDING, "documents/")) is not None) is counts


@pytest.mark.parametrize(
    ("given", "following"),
    [
        (INPUT, "TakeInEachObject"),
        ({"bucket": "old-records", "prefix": ""}, "TakeInEachObject"),
        (INPUT | {"tolerated_failure_percentage": 0}, "TakeInEachObject"),
        (
            INPUT | {"inventory": {"bucket": "inventories", "key": "x/manifest.json"}},
            "TakeInEachOfAnInventory",
        ),
        (INPUT | {"list": "backfill/lists/x.jsonl", "failed_of": "another"}, "TakeInEachOfAList"),
    ],
)
def test_what_was_typed_says_where_the_keys_come_from(given: dict[str, Any], following: str) -> None:
    assert next_of(STATES["CheckRequest"], input=given) == following


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "bucket-not-allowed"),
        ([], "bucket-not-allowed"),
        ("documents/", "bucket-not-allowed"),
        ({"prefix": "documents/"}, "bucket-not-allowed"),
        ({"bucket": "", "prefix": ""}, "bucket-not-allowed"),
        ({"bucket": None, "prefix": ""}, "bucket-not-allowed"),
        ({"bucket": {"name": LANDING}, "prefix": ""}, "bucket-not-allowed"),
        ({"bucket": "somebody-elses", "prefix": ""}, "bucket-not-allowed"),
        ({"bucket": LANDING[:-1], "prefix": ""}, "bucket-not-allowed"),
        ({"bucket": LANDING}, "prefix-missing"),
        ({"bucket": LANDING, "prefix": 7}, "prefix-missing"),
        ({"bucket": LANDING, "prefix": None}, "prefix-missing"),
        (INPUT | {"tolerated_failure_percentage": "5"}, "tolerance-not-a-number"),
        (INPUT | {"inventory": "s3://inventories/x/manifest.json"}, "inventory-without-manifest"),
        (INPUT | {"inventory": {"bucket": "inventories"}}, "inventory-without-manifest"),
        (INPUT | {"list": ["a", "b"]}, "list-not-a-key"),
        (INPUT | {"reread": "leave"}, "reread-unclear"),
        (INPUT | {"reread": True, "list": "backfill/lists/x.jsonl"}, "reread-unclear"),
    ],
)
def test_what_can_not_be_is_refused_by_name_and_never_by_an_expression(given: Any, reason: str) -> None:
    (rule,) = [
        rule for rule in STATES["CheckRequest"]["Choices"] if evaluated(rule["Condition"], input=given)
    ][:1]
    assert rule["Next"] == "RejectRequest"
    told = evaluated(STATES["RejectRequest"]["Cause"], input=evaluated(rule["Output"], input=given))
    assert told.startswith(f"{reason}: ")
    assert STATES["RejectRequest"]["Error"] == "RejectedBackfill"


@pytest.mark.parametrize(("total", "following"), [(0, "NothingThere"), (1, "TakenIn")])
def test_a_run_over_nothing_is_no_success(total: int, following: str) -> None:
    given = {"MapRunArn": "arn:run", "ResultWriterDetails": {"Bucket": "reports", "Key": "backfill/x"}}
    asked = evaluated(STATES["CountObjects"]["Arguments"], input=given)
    assert asked == {"MapRunArn": "arn:run"}
    counted = {"ItemCounts": {"Total": total, "Succeeded": total, "Failed": 0}}
    output = evaluated(STATES["CountObjects"]["Output"], input=given, result=counted)
    assert output["objects"] == {"total": total, "succeeded": total, "failed": 0}
    assert next_of(STATES["WasThereAny"], input=output) == following


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
        ("", "NoUpload"),
        ("/", "NoUpload"),
        ("processed/P_x/original.txt", "NoUpload"),
        ("processed/", "NoUpload"),
    ],
)
def test_folder_markers_and_the_layout_are_passed_over(key: str, following: str) -> None:
    assert next_of(ITEM["PassOverWhatIsNoUpload"], input={"bucket": LANDING, "key": key}) == following


def item(key: str, name: str = "arn:child", **more: str) -> tuple[list[str], Any]:
    """The states that an item enters and its output, or (error, cause) where it fails."""
    data: Any = {"bucket": LANDING, "key": key, **more}
    context = {"Execution": {"Id": name, "Input": data, "StartTime": "2026-11-20T10:00:00.000Z"}}
    state_name, path = STATE["ItemProcessor"]["StartAt"], []
    while True:
        state, bound = ITEM[state_name], {"input": data, "context": context}
        path.append(state_name)
        if state["Type"] == "Fail":
            return path, (evaluated(state["Error"], **bound), evaluated(state["Cause"], **bound))
        if state["Type"] == "Pass":
            data = evaluated(state["Output"], **bound) if "Output" in state else data
            if state.get("End"):
                return path, data
            state_name = state["Next"]
            continue
        if state["Type"] == "Choice":
            state_name = str(next_of(state, **bound))
            taken = next((rule for rule in state["Choices"] if rule["Next"] == state_name), {})
            data = evaluated(taken["Output"], **bound) if "Output" in taken else data
            continue
        arguments = evaluated(state["Arguments"], **bound)
        try:
            result = (
                {"Payload": invoke(arguments["FunctionName"], arguments["Payload"])}
                if (state["Resource"].endswith("lambda:invoke"))
                else {}
            )
        except RejectedObject as error:
            *_, catch = state["Catch"]
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


def test_a_leftover_of_a_tool_is_ignored_and_the_result_says_so(world: World) -> None:
    world.upload("documents/P_1/~$lab.docx")
    path, output = item("documents/P_1/~$lab.docx")
    assert path == [
        "PassOverWhatIsNoUpload",
        "ClassifyObject",
        "RouteObject",
        "IgnoreObject",
        "KeepTheResult",
    ]
    assert output == {"disposition": "ignored"}


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


@pytest.mark.parametrize("reread", ["", "leave", "move"])
def test_what_an_item_is_read_again_for_reaches_the_function_that_reads_and_no_other(
    world: World, monkeypatch: pytest.MonkeyPatch, reread: str
) -> None:
    given: dict[str, Any] = {}
    called = invoke

    def seen(function: str, payload: Any) -> Any:
        given[function] = payload
        return called(function, payload)

    monkeypatch.setitem(globals(), "invoke", seen)
    world.upload("documents/P_1/lab.txt")
    assert item("documents/P_1/lab.txt", reread=reread)[1]["disposition"] == "cataloged"
    assert given["${NormaliseDocumentArn}"]["reread"] == reread
    assert all("reread" not in payload for name, payload in given.items() if "Document" not in name)
    assert "reread" not in given["${ClassifyObjectArn}"]["input"]


def test_an_item_that_fails_while_it_is_read_again_is_marked_all_the_same(world: World) -> None:
    world.upload("documents/P_1/empty.txt", b"")
    _, (error, _) = item("documents/P_1/empty.txt", reread="leave")
    assert error == "RejectedObject"
    assert world.tags("documents/P_1/empty.txt", LANDING)["pipeline-status"] == "failed"
