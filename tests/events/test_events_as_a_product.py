"""The events as others use them: what was published stays true, and types and registry say the same as the schemas."""

from __future__ import annotations

import ast
import copy
import io
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from carefile.core.errors import ContractViolation
from carefile.core.records.catalog import Entry
from carefile.events import UnknownEventError, announcement
from carefile.events.generate import DETAILS, HERE, SCHEMAS, generated
from examples import consumer
from infrastructure.events.draft_4 import EVENTS, detail_schema, draft_4, envelope
from lambdas.adapters.contracts import read, versions
from tests.events.compatibility import breaks
from tests.golden.instances import good, schema, spoilt
from tests.golden.pairs import pairs

RELEASED = sorted((Path(__file__).parent / "released").glob("*.json"))
CATALOGED = json.loads((SCHEMAS / "object_cataloged.v2.json").read_text())
REPLACED = ("object_cataloged", "object_retired", "patient_identified", "pipeline_input")
Json = Any


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_what_was_published_is_not_broken(path: Path) -> None:
    now = json.loads((SCHEMAS / path.name).read_text(encoding="utf-8"))
    assert list(breaks(json.loads(path.read_text(encoding="utf-8")), now)) == []


def test_every_schema_of_an_event_has_its_released_copy() -> None:
    names = {name.split(".")[0] for name, _ in EVENTS.values()}
    every = {path.name for name in names for path in versions(name).values()}
    assert {path.name for path in RELEASED} == every


@pytest.mark.parametrize("path", RELEASED, ids=lambda path: path.name)
def test_a_version_that_was_replaced_stays_byte_for_byte(path: Path) -> None:
    replaced = max(versions(path.name.split(".")[0])) > int(path.name.split(".")[1].removeprefix("v"))
    assert replaced == (path.name in {f"{name}.v1.json" for name in REPLACED})
    if replaced:
        assert (SCHEMAS / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", ["patient_identified", "pipeline_input"])
def test_what_an_older_version_accepts_is_still_accepted(name: str) -> None:
    older, newer = (
        jsonschema.Draft202012Validator(json.loads(path.read_bytes())) for path in versions(name).values()
    )
    accepted = 0
    for instance in good(name):
        for sent in (instance, *spoilt(instance)):
            if older.is_valid(sent):
                assert newer.is_valid(sent), sent
                accepted += 1
    assert accepted > 20


@pytest.mark.parametrize(
    "sent",
    [
        {"session_id": "s"},
        {"patient_id": "P", "decision": "nobody", "session_id": "s"},
        {"patient_id": "P", "decision": "take-back", "session_id": "s"},
        {"decision": "assign", "session_id": "s"},
        {"decision": "nobody"},
    ],
    ids=str,
)
def test_a_decision_names_a_patient_exactly_where_it_assigns_one(sent: Json) -> None:
    assert not jsonschema.Draft202012Validator(schema("patient_identified")).is_valid(sent)


def test_a_place_is_retired_for_a_successor_or_by_a_decision_and_never_for_neither_or_both() -> None:
    validator = jsonschema.Draft202012Validator(schema("object_retired"))
    by_end = {"disposition" in detail: detail for detail in good("object_retired")}
    moved, unfiled = by_end[False], by_end[True]
    assert not validator.is_valid(moved | {"disposition": "unfiled", "decision": unfiled["decision"]})
    for member in ("disposition", "decision"):
        assert not validator.is_valid({name: it for name, it in unfiled.items() if name != member})
    assert not validator.is_valid({name: it for name, it in moved.items() if name != "successor"})


def of_version_1(detail: Json) -> Json:
    """An announcement as the previous release made it."""
    members = json.loads((SCHEMAS / "object_cataloged.v1.json").read_bytes())["properties"]
    return {name: value for name, value in detail.items() if name in members} | {"schema_version": "1.0"}


def test_both_versions_are_indexed_and_members_of_later_ones_are_ignored() -> None:
    for detail in good("object_cataloged"):
        assert read("object_cataloged", detail) is detail
        later = copy.deepcopy(detail) | {"unheard_of": 1}
        later["source"]["unheard_of"] = 1
        assert read("object_cataloged", later) is later
    told = next(it for it in good("object_cataloged") if "content_digest" not in it["source"])
    older = of_version_1(told)
    jsonschema.Draft202012Validator(json.loads((SCHEMAS / "object_cataloged.v1.json").read_bytes())).validate(
        older
    )
    assert Entry.of_event(read("object_cataloged", older)) == Entry.of_event(told)


@pytest.mark.parametrize(
    "wrong", [{"schema_version": "3.0"}, {"schema_version": 2}, {"revision": "1"}, {"schema_version": "1.0"}]
)
def test_an_event_that_is_not_of_the_version_it_names_is_refused(wrong: Json) -> None:
    unlisted = next(it for it in good("object_cataloged") if it["patient"].get("reason") == "unlisted")
    with pytest.raises(ContractViolation, match=r"^contract-broken: the event is "):
        read("object_cataloged", unlisted | wrong)


def _narrow(schema: Json) -> None:
    schema["properties"]["revision"]["minimum"] = 2


def _without_a_choice(schema: Json) -> None:
    schema["properties"]["disposition"]["enum"].remove("duplicate")


def _with_a_choice(schema: Json) -> None:
    schema["properties"]["disposition"]["enum"].append("merged")


def _renamed(schema: Json) -> None:
    schema["properties"]["event_identifier"] = schema["properties"].pop("event_id")


def _in_a_definition(schema: Json) -> None:
    del schema["$defs"]["stored_object"]["properties"]["etag"]


BREAKING: dict[str, Callable[[Json], object]] = {
    "a member removed": lambda schema: schema["properties"].pop("rule"),
    "a member renamed": _renamed,
    "a member of a definition removed": _in_a_definition,
    "another type": lambda schema: schema["properties"]["rule"].update(type="integer"),
    "a wider type": lambda schema: schema["properties"]["rule"].update(type=["string", "null"]),
    "a narrower range": _narrow,
    "a new pattern": lambda schema: schema["properties"]["rule"].update(pattern="^a"),
    "a required member more": lambda schema: schema["required"].append("successor"),
    "a required member less": lambda schema: schema["required"].remove("evidence"),
    "a choice less": _without_a_choice,
    "a choice more": _with_a_choice,
    "another constant": lambda schema: schema["properties"]["schema_version"].update(const="1.1"),
    "an alternative less": lambda schema: schema["$defs"]["patient"]["oneOf"].pop(),
    "a tighter alternative": lambda schema: schema["$defs"]["patient"]["oneOf"][0]["required"].append("x"),
    "another reference": lambda schema: schema["properties"]["kind"].update({"$ref": "#/$defs/data_type"}),
}


@pytest.mark.parametrize("change", BREAKING.values(), ids=BREAKING)
def test_a_breaking_change_is_caught(change: Callable[[Json], object]) -> None:
    changed = copy.deepcopy(CATALOGED)
    change(changed)
    assert list(breaks(CATALOGED, changed))


def test_a_member_that_may_be_absent_and_better_words_break_nobody() -> None:
    changed = copy.deepcopy(CATALOGED)
    changed["properties"]["retention"] = {"type": "string"}
    changed["$defs"]["note"] = {"type": "string"}
    changed["properties"]["rule"]["description"] = "The rule."
    changed["required"].reverse()
    assert list(breaks(CATALOGED, changed)) == []


def test_the_types_are_what_the_schemas_make() -> None:
    written = ast.parse((HERE / "details.py").read_text(encoding="utf-8"))
    assert ast.dump(written) == ast.dump(ast.parse(generated())), "run: python carefile/events/generate.py"


def test_the_types_know_every_version_and_the_registry_the_newest() -> None:
    every = {
        (path.stem, part) for name, part in EVENTS.values() for path in versions(name.split(".")[0]).values()
    }
    assert set(DETAILS.values()) == every
    assert {name.removesuffix("V2") for name in DETAILS} == {kind.replace(" ", "") for _, kind in EVENTS}
    for name, _ in EVENTS.values():
        assert name.endswith(f".v{max(versions(name.split('.')[0]))}")


@pytest.mark.parametrize("name", sorted({name for name, part in EVENTS.values() if part is None}))
def test_the_registry_s_draft_says_the_same_as_the_published_one(name: str) -> None:
    published = jsonschema.Draft202012Validator(json.loads((SCHEMAS / f"{name}.json").read_text()))
    converted = detail_schema(name, None)
    jsonschema.Draft4Validator.check_schema(converted)
    older = jsonschema.Draft4Validator(converted)
    examples = good(name.split(".")[0])
    for instance in examples:
        assert older.is_valid(instance)
    refused = 0
    for broken in list(spoilt(max(examples, key=lambda data: len(json.dumps(data)))))[:400]:
        assert older.is_valid(broken) == published.is_valid(broken), broken
        refused += not older.is_valid(broken)
    assert refused > 50


@pytest.mark.parametrize(("source", "kind"), EVENTS)
def test_a_whole_event_is_valid_in_the_registry_s_draft_and_a_wrong_one_is_not(
    source: str, kind: str
) -> None:
    schema = envelope(source, kind, detail_schema(*EVENTS[(source, kind)]))
    jsonschema.Draft4Validator.check_schema(schema)
    validator = jsonschema.Draft4Validator(schema)
    detail = {
        "Object Submitted": {"bucket": "landing", "key": "x.pdf", "hints": {"kind": "document"}},
        "Patient Identified": {"patient_id": "Ana", "session_id": "session_1"},
    }.get(kind) or good(EVENTS[(source, kind)][0].split(".")[0])[0]
    event = {"source": source, "detail-type": kind, "detail": detail}
    assert validator.is_valid(event)
    assert not validator.is_valid(event | {"detail": {}})
    assert not validator.is_valid(event | {"source": "aws.s3"})


def test_a_word_that_the_older_draft_lacks_is_refused_and_not_dropped() -> None:
    with pytest.raises(ValueError, match="no 'if'"):
        draft_4({"properties": {"a": {"if": {}, "then": {}}}})


def test_what_stands_beside_a_reference_is_kept() -> None:
    converted = draft_4(
        {"$ref": "#/$defs/a", "description": "x", "maxLength": 3, "$defs": {"a": {"const": "b"}}}
    )
    assert converted["allOf"][0] == {"$ref": "#/definitions/a"}
    assert converted["allOf"][1]["maxLength"] == 3


def events() -> list[Json]:
    """Announcements of every type, as EventBridge delivers them."""
    return [
        {
            "source": "carefile.catalog",
            "detail-type": pair.expected["detail_type"],
            "detail": pair.expected["detail"],
        }
        for pair in pairs("events")
    ]


def cataloged(source: str, revision: int, prefix: str, patient: Json) -> Json:
    detail = copy.deepcopy(good("object_cataloged")[0]) | {"source_id": source, "revision": revision}
    detail |= {"patient": patient, "event_id": f"{source}{revision:031x}"}
    detail["location"]["prefix"] = prefix
    return {"source": "carefile.catalog", "detail-type": "Object Cataloged", "detail": detail}


def unfiled(source: str, revision: int, prefix: str) -> Json:
    detail = copy.deepcopy(next(it for it in good("object_retired") if "disposition" in it))
    detail |= {"source_id": source, "revision": revision, "event_id": f"{source}f{revision:030x}"}
    detail["location"]["prefix"] = prefix
    return {"source": "carefile.catalog", "detail-type": "Object Retired", "detail": detail}


@pytest.mark.parametrize("seed", range(20))
def test_the_example_consumer_ends_the_same_in_any_order_with_any_repetition(seed: int) -> None:
    ana, nobody = {"status": "known", "id": "Ana"}, {"status": "unknown", "reason": "no-evidence"}
    carla = {"status": "known", "id": "Carla"}
    told = [
        cataloged("a", 1, "processed/unknown_lab/", nobody),
        cataloged("a", 2, "processed/Ana_lab/", ana),
        cataloged("b", 1, "processed/unknown_scan/", nobody),
        cataloged("c", 1, "processed/Carla_scan/", carla),
        unfiled("c", 2, "processed/Carla_scan/"),
        unfiled("d", 1, "processed/Carla_lab/"),
        cataloged("d", 2, "processed/Carla_lab/", carla),
        *events(),
    ]
    told = [*told, *told]
    random.Random(seed).shuffle(told)
    filed = consumer.FiledObjects()
    for event in told:
        filed.take(event)
    assert "processed/Ana_lab/" in list(filed.of("Ana"))
    assert "processed/unknown_lab/" not in list(filed.of(None))
    assert "processed/unknown_scan/" in list(filed.of(None))
    assert "processed/Carla_scan/" not in list(filed.of("Carla"))
    assert "processed/Carla_lab/" in list(filed.of("Carla"))


def test_the_example_runs_as_its_first_lines_say(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [json.dumps(event) for event in [*events(), {"source": "aws.s3"}]]
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(lines)))
    consumer.main()
    done = capsys.readouterr()
    assert "processed/" in done.out
    assert done.err == "skipped: no event of carefile.catalog that this package knows\n"


def test_an_event_of_another_major_version_is_refused_and_a_minor_one_taken() -> None:
    event = events()[0]
    kind, detail = announcement(event | {"detail": event["detail"] | {"schema_version": "1.7", "new": 1}})
    assert kind == event["detail-type"]
    assert detail["event_id"]
    with pytest.raises(UnknownEventError):
        announcement(event | {"detail": event["detail"] | {"schema_version": "3.0"}})
    for older in ({"schema_version": "1.0"}, {"schema_version": "2.0"}):
        assert announcement(event | {"detail": event["detail"] | older})[1]["event_id"]
