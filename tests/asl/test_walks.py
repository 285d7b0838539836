"""Whole executions: what each state hands to the next, for every disposition, with the real functions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import botocore.session
import pytest
from botocore.validate import validate_parameters
from jsonschema import Draft202012Validator

from lambdas import classify_object, normalise_document, normalise_session, tag_object
from tests.asl.definition import Walk, walk
from tests.golden.instances import schema
from tests.unit.world import LANDING, World, created_event, execution_arn, submitted_event

HANDLERS = {
    "${ClassifyObjectArn}": classify_object.handler,
    "${NormaliseDocumentArn}": normalise_document.handler,
    "${NormaliseSessionArn}": normalise_session.handler,
    "${TagObjectArn}": tag_object.handler,
}
DOCUMENT, SESSION = "documents/P/x.txt", "sessions/P/session_1/session.json"
PUT_EVENTS = botocore.session.get_session().get_service_model("events").operation_model("PutEvents")


def run(
    world: World, data: Any, name: str = "e1", before: dict[str, Callable[[], object]] | None = None
) -> Walk:
    """One execution. `before` says what happens just before a function is invoked."""

    def call(resource: str, arguments: dict[str, Any]) -> Any:
        (before or {}).get(resource, lambda: None)()
        if resource in HANDLERS:
            # Lambda takes and gives JSON.
            answer = HANDLERS[resource](json.loads(json.dumps(arguments)), None)
            return json.loads(json.dumps(answer))
        put(arguments)
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in arguments["Entries"]]}

    return walk(data, execution_arn(name), call)


def put(arguments: dict[str, Any]) -> None:
    """What EventBridge would say to this request: at most ten entries, a quarter of a megabyte, texts as texts."""
    entries = arguments["Entries"]
    assert isinstance(entries, list)
    assert 1 <= len(entries) <= 10
    assert all(isinstance(entry["Detail"], dict) for entry in entries)
    request = {
        "Entries": [entry | {"Detail": json.dumps(entry["Detail"], ensure_ascii=False)} for entry in entries]
    }
    validate_parameters(request, PUT_EVENTS.input_shape)
    told = "".join(text for entry in request["Entries"] for text in entry.values())
    assert len(told.encode()) < 256 * 1024
    for entry in entries:
        assert entry["Source"] == "carefile.catalog"
        assert entry["EventBusName"] == "${CatalogBusName}"
        name = entry["DetailType"].lower().replace(" ", "_")
        Draft202012Validator(schema(name)).validate(entry["Detail"])


def entries(done: Walk) -> list[dict[str, Any]]:
    found = done.arguments["EmitCatalogEvent"]["Entries"]
    assert isinstance(found, list)
    return found


def announced(done: Walk) -> list[str]:
    return [entry["DetailType"] for entry in entries(done)]


@pytest.mark.parametrize(("key", "state"), [(DOCUMENT, "NormaliseDocument"), (SESSION, "NormaliseSession")])
def test_an_upload_goes_through_five_states_and_is_cataloged(world: World, key: str, state: str) -> None:
    done = run(world, created_event(key, world.upload(key, b"{}")))
    assert done.path == ["ClassifyObject", "RouteObject", state, "TagObject", "EmitCatalogEvent"]
    assert done.output["disposition"] == "cataloged"
    assert announced(done) == ["Object Cataloged"]
    assert world.tags(key, LANDING) == {"pipeline-status": "cataloged"}


@pytest.mark.parametrize("key", [DOCUMENT, SESSION])
def test_every_shape_of_input_reaches_the_function_whole(world: World, key: str) -> None:
    world.upload(key, b"{}")
    for number, data in enumerate(
        (created_event(key), submitted_event(key), {"bucket": LANDING, "key": key})
    ):
        done = run(world, data, f"e{number}")
        payload = done.arguments["ClassifyObject"]["Payload"]
        assert (payload["input"], payload["execution"]) == (data, execution_arn(f"e{number}"))


@pytest.mark.parametrize("key", [DOCUMENT, SESSION])
def test_a_duplicate_is_announced_again(world: World, key: str) -> None:
    event = created_event(key, world.upload(key, b"{}"))
    first, again = run(world, event), run(world, event, "e2")
    assert again.output["disposition"] == "duplicate"
    assert [entry["Detail"]["event_id"] for entry in entries(again)] == [
        entry["Detail"]["event_id"] for entry in entries(first)
    ]


@pytest.mark.parametrize("key", [DOCUMENT, SESSION])
def test_an_overtaken_upload_is_superseded_and_announces_the_newest(world: World, key: str) -> None:
    old, new = world.upload(key, b"{}"), world.upload(key, b"[]")
    done = run(world, created_event(key, old))
    assert done.output["disposition"] == "superseded"
    assert [entry["Detail"]["source"]["version_id"] for entry in entries(done)] == [new]
    assert world.tags(key, LANDING, VersionId=old) == {"pipeline-status": "superseded"}


@pytest.mark.parametrize("key", [DOCUMENT, SESSION])
@pytest.mark.parametrize(
    "when", ["${ClassifyObjectArn}", "${NormaliseDocumentArn}", "${NormaliseSessionArn}"]
)
def test_a_deleted_upload_is_withdrawn_without_a_classification(world: World, key: str, when: str) -> None:
    version = world.upload(key, b"{}")
    done = run(world, created_event(key, version), before={when: lambda: world.delete(key)})
    if when not in ("${ClassifyObjectArn}", f"${{{done.path[2]}Arn}}"):
        assert done.output["disposition"] == "cataloged"
        return
    assert done.output["disposition"] == "withdrawn"
    assert announced(done) == ["Object Withdrawn"]
    assert "classification" not in done.output
    assert "location" not in done.output
    payload = done.arguments["TagObject"]["Payload"]
    assert (payload["kind"], payload["patient"]) == ("none", {})
    assert world.tags(key, LANDING, VersionId=version) == {"pipeline-status": "withdrawn"}


def test_an_upload_that_was_filed_overtaken_and_deleted_is_told_in_full(world: World) -> None:
    old = world.upload(DOCUMENT, b"one")
    world.upload(DOCUMENT, b"two")
    done = run(
        world, created_event(DOCUMENT, old), before={"${TagObjectArn}": lambda: world.delete(DOCUMENT)}
    )
    assert done.output["disposition"] == "superseded"
    newest = world.upload(DOCUMENT, b"three")
    world.delete(DOCUMENT)
    late = run(world, created_event(DOCUMENT, newest), "e2")
    assert late.output["disposition"] == "withdrawn"
    assert announced(late) == ["Object Cataloged", "Object Withdrawn"]


def test_a_moved_document_announces_the_new_place_and_the_old(world: World) -> None:
    world.upload("x.txt")
    run(world, {"bucket": LANDING, "key": "x.txt"})
    done = run(world, submitted_event("x.txt", {"patient_id": "Ana_7"}), "e2")
    assert announced(done) == ["Object Cataloged", "Object Retired"]
    assert done.output["location"]["prefix"] == "processed/Ana_7_x/"


def test_lists_of_one_stay_lists(world: World) -> None:
    done = run(world, created_event(SESSION, world.upload(SESSION, b"{}")))
    (entry,) = entries(done)
    assert isinstance(entry["Detail"]["location"]["objects"], list)
    assert isinstance(done.output["location"]["objects"], list)
    assert isinstance(done.output["announced"], list)
    world.upload("sessions/session_2/session.json", b"{}")
    nobodys = run(world, {"bucket": LANDING, "key": "sessions/session_2/session.json"}, "e2")
    (entry,) = entries(nobodys)
    assert len(entry["Detail"]["evidence"]) == 1
    assert isinstance(entry["Detail"]["evidence"], list)
    assert isinstance(nobodys.outputs["TagObject"]["classification"]["evidence"], list)
    assert isinstance(nobodys.output["classification"]["evidence"], list)


@pytest.mark.parametrize("key", [DOCUMENT, SESSION])
def test_the_tag_function_is_told_upload_disposition_kind_patient_execution_and_time(
    world: World, key: str
) -> None:
    version = world.upload(key, b"{}")
    done = run(world, created_event(key, version))
    assert done.arguments["TagObject"]["Payload"] == {
        "upload": {"bucket": LANDING, "key": key, "version": version, "version_id": version},
        "disposition": "cataloged",
        "kind": "session" if key == SESSION else "document",
        "patient": {"status": "known", "id": "P"},
        "execution": execution_arn("e1"),
        "uploaded_at": entries(done)[0]["Detail"]["source"]["last_modified"],
    }


def test_how_long_an_intake_took_is_told_where_an_upload_started_it_and_nowhere_else(
    world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a request, a submission or a Map's item takes in may have been uploaded years ago."""
    version = world.upload(DOCUMENT)
    for started in ({"bucket": LANDING, "key": DOCUMENT}, submitted_event(DOCUMENT, {"patient_id": "Ana_7"})):
        done = run(world, started, started.get("id", "e1"))
        assert done.output["disposition"] == "cataloged"
        assert done.arguments["TagObject"]["Payload"]["uploaded_at"] == ""
    again = run(world, created_event(DOCUMENT, version), "e3")
    assert again.output["disposition"] == "duplicate"
    assert again.arguments["TagObject"]["Payload"]["uploaded_at"] == ""
    assert "UploadToCatalog" not in capsys.readouterr().out
    run(world, created_event(SESSION, world.upload(SESSION, b"{}")), "e4")
    assert '"UploadToCatalog":' in capsys.readouterr().out


def test_the_output_shows_how_it_ended_and_where_without_repeating_the_events(world: World) -> None:
    done = run(world, created_event(DOCUMENT, world.upload(DOCUMENT)))
    assert set(done.output) == {"upload", "disposition", "classification", "tag", "announced", "location"}
    assert done.output["tag"] == {"status": "cataloged", "tagged": True}
    assert done.output["announced"] == [
        {"detail_type": "Object Cataloged", "event_id": entries(done)[0]["Detail"]["event_id"]}
    ]


def test_a_document_that_turns_into_a_session_on_the_way_is_filed_by_the_state_that_runs(
    world: World,
) -> None:
    version = world.upload("talk.json", b"{}")
    decide = submitted_event("talk.json", {"kind": "session", "patient_id": "P"})
    done = run(
        world,
        created_event("talk.json", version),
        before={"${NormaliseDocumentArn}": lambda: world.classify(decide, "e2")},
    )
    assert done.path[2] == "NormaliseDocument"
    assert done.output["location"]["prefix"] == "processed/P_medical_notes/session_talk/"
    assert done.arguments["TagObject"]["Payload"]["kind"] == "session"


def test_names_with_signs_of_jsonata_pass_through_unread(world: World) -> None:
    key = "documents/P/{% $states.input %} $merge '\"`.txt"
    done = run(world, created_event(key, world.upload(key)))
    assert entries(done)[0]["Detail"]["source"]["key"] == key


def test_the_data_between_states_stays_small_for_the_longest_names(world: World) -> None:
    key = "documents/" + "é" * 400 + "/" + "x" * 205 + ".json"
    many = json.dumps([{"patient_id": "i" * 200 + str(number)} for number in range(150)]).encode()
    version = world.upload(key, many, Metadata={"patient-id": "p" * 1900})
    done = run(world, created_event(key, version))
    assert done.output["classification"]["patient"]["reason"] == "conflict"
    assert all(len(json.dumps(output)) < 64 * 1024 for output in done.outputs.values())


def test_a_redrive_at_the_last_states_gives_the_same_announcement(world: World) -> None:
    event = created_event(DOCUMENT, world.upload(DOCUMENT))
    first = run(world, event)
    assert run(world, event).output["disposition"] == "cataloged"
    assert entries(run(world, event))[0]["Detail"]["event_id"] == entries(first)[0]["Detail"]["event_id"]


def test_a_leftover_of_a_tool_ends_ignored_and_nothing_is_announced(world: World) -> None:
    version = world.upload("documents/P/._x.txt")
    done = run(world, created_event("documents/P/._x.txt", version))
    assert done.path == ["ClassifyObject", "RouteObject", "IgnoreObject"]
    assert done.output["disposition"] == "ignored"
    assert world.tags("documents/P/._x.txt", LANDING) == {"pipeline-status": "ignored"}
