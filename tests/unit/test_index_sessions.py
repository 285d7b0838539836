"""IndexSessions: one entry a session, in line with the entries of its objects."""

from __future__ import annotations

import json
from threading import Barrier
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from carefile.core.errors import StillChanging
from carefile.core.records import session_entries
from carefile.core.records.catalog import Entry
from carefile.core.records.session_entries import Place, SessionSummary
from lambdas import index_sessions
from tests.unit.world import PROCESSED, World, cataloged, submitted_event

Json = dict[str, Any]
TREE = "sessions/Ana_7/session_1/"
ANA = Place(PROCESSED, "processed/Ana_7_medical_notes/session_1/")
BEN = Place(PROCESSED, "processed/Ben_8_medical_notes/session_1/")


class Stream:
    """What DynamoDB's stream tells: each change of an entry since it was last asked."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._known: dict[str, Json] = {}

    def records(self) -> list[Json]:
        now = {item["source_id"]["S"]: item for item in self._world.catalog() if "kind" in item}
        told: list[Json] = []
        for key in now.keys() | self._known.keys():
            images = {"OldImage": self._known.get(key), "NewImage": now.get(key)}
            if images["OldImage"] != images["NewImage"]:
                told.append({"dynamodb": {name: image for name, image in images.items() if image}})
        self._known = now
        return told


def index(records: list[Json]) -> int:
    return int(index_sessions.handler({"Records": records}, None)["sessions"])


def summary(world: World, place: Place) -> SessionSummary | None:
    found = world.dynamodb.get_item(TableName="catalog", Key={"source_id": {"S": place.key}})
    return SessionSummary.of_item(found["Item"]) if "Item" in found else None


def write_session(world: World, tree: str = TREE) -> None:
    world.file(f"{tree}session.json", b"{}")
    world.file(f"{tree}agents/agent_guide/agent.json", b"{}")
    for number in range(3):
        world.file(f"{tree}agents/agent_guide/messages/message_{number}.json", b"12345")


def test_a_session_of_many_objects_has_one_entry(world: World) -> None:
    write_session(world)
    assert index(Stream(world).records()) == 1
    found = summary(world, ANA)
    assert found is not None
    assert (found.patient, found.session_id, found.prefix) == ("Ana_7", "session_1", ANA.prefix)
    assert (found.messages, found.agents, found.objects, found.size) == (3, ("guide",), 5, 19)
    entries = [Entry.of_item(item) for item in world.catalog() if "kind" in item]
    assert found.first_activity[:19] == min(entry.modified for entry in entries)[:19]
    assert found.last_activity[:19] == max(entry.modified for entry in entries)[:19]
    assert found.cataloged_at == max(entry.cataloged_at for entry in entries)


def test_the_patient_s_index_holds_the_session_and_not_its_objects(world: World) -> None:
    write_session(world)
    world.file("documents/Ana_7/x.txt")
    index(Stream(world).records())
    indexed = [item["source_id"]["S"] for item in world.catalog() if "listed_at" in item]
    assert sorted(indexed) == sorted(
        [ANA.key, *(i["source_id"]["S"] for i in world.catalog() if _is_document(i))]
    )


def _is_document(item: Json) -> bool:
    return item.get("kind") == {"S": "document"}


def test_a_rewritten_object_counts_once_and_with_its_newest_size(world: World) -> None:
    write_session(world)
    stream = Stream(world)
    index(stream.records())
    world.file(f"{TREE}session.json", b"much longer")
    index(stream.records())
    found = summary(world, ANA)
    assert found is not None
    assert (found.objects, found.size) == (5, 19 - 2 + 11)


def test_a_batch_that_comes_again_writes_nothing(world: World) -> None:
    write_session(world)
    records = Stream(world).records()
    assert (index(records), index(records), index(records[:2])) == (1, 0, 0)


def test_a_session_that_goes_to_another_patient_leaves_nothing_to_be_read(world: World) -> None:
    write_session(world)
    stream = Stream(world)
    before = stream.records()
    index(before)
    for item in [item for item in world.catalog() if "kind" in item]:
        world.run(submitted_event(item["landing_key"]["S"], {"patient_id": "Ben_8"}), "e2")
    index(stream.records())
    index(before)
    assert summary(world, ANA) is None
    found = summary(world, BEN)
    assert found is not None
    assert (found.patient, found.objects, found.messages) == ("Ben_8", 5, 3)


def test_an_object_that_becomes_a_document_leaves_its_session(world: World) -> None:
    write_session(world)
    stream = Stream(world)
    index(stream.records())
    world.run(submitted_event(f"{TREE}session.json", {"kind": "document"}), "e2")
    index(stream.records())
    found = summary(world, ANA)
    assert found is not None
    assert found.objects == 4


def test_deleted_entries_take_their_session_along(world: World) -> None:
    write_session(world)
    stream = Stream(world)
    index(stream.records())
    for item in [item for item in world.catalog() if "kind" in item]:
        world.dynamodb.delete_item(TableName="catalog", Key={"source_id": item["source_id"]})
    index(stream.records())
    assert world.catalog() == []


def test_a_session_that_others_keep_changing_is_tried_again_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_session(world)
    paused: list[float] = []
    monkeypatch.setattr(index_sessions.catalog, "_write", lambda *_: None)
    monkeypatch.setattr(index_sessions.catalog, "_pause", paused.append)
    with pytest.raises(StillChanging, match=r"^still-changing: "):
        index(Stream(world).records())
    assert len(paused) == 11
    assert 0 < max(paused) <= 1
    with pytest.raises(StillChanging):
        index(Stream(world).records())
    assert len(set(paused)) == 22, "those that met one another would meet again"


def test_the_sessions_of_a_batch_are_changed_side_by_side(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_session(world)
    world.file("sessions/Ben_8/session_1/session.json", b"{}")
    together = Barrier(2)  # breaks, and with it the test, unless both are in it at once

    def changed(_place: Place, _changes: Any) -> bool:
        together.wait(5)
        return True

    monkeypatch.setattr(index_sessions.catalog, "change_session", changed)
    assert index_sessions.handler({"Records": Stream(world).records()}, None)["sessions"] == 2


def test_documents_are_nobody_s_session(world: World) -> None:
    world.file("documents/Ana_7/x.txt")
    assert index(Stream(world).records()) == 0


def long_names(world: World, count: int) -> None:
    """Every announcement is the first one's, of another agent."""
    first, name = "000", "x" * 240
    message = f"{TREE}agents/agent_{first}{name}/messages/message_0.json"
    told = json.dumps(cataloged(world.file(message, b"{}")))
    for number in range(1, count):
        of_another = json.loads(told.replace(first + name, f"{number:03}{name}"))
        assert world.index(of_another | {"source_id": f"{number:032x}", "event_id": f"{number:032x}"})


def test_long_names_of_agents_fill_no_entry(world: World) -> None:
    long_names(world, 130)
    assert index(Stream(world).records()) == 1
    found = summary(world, ANA)
    assert found is not None
    assert (found.objects, len(found.agents), found.more_agents) == (130, 100, 30)
    assert all(len(agent.encode()) <= 64 for agent in found.agents)
    assert len(set(found.agents)) == 100


def test_an_entry_that_can_t_be_written_is_counted_and_keeps_no_other_waiting(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_session(world)
    stream = Stream(world)
    index(stream.records())
    monkeypatch.setattr(session_entries, "MAX_SEEN_BYTES", 300)
    for number in range(20):
        world.file(f"{TREE}agents/agent_guide/messages/message_{number}.json", b"more", name=f"m{number}")
    world.file("sessions/Ben_8/session_1/session.json", b"{}")
    result = index_sessions.handler({"Records": stream.records()}, None)
    assert (result["sessions"], result["refused"], result["batchItemFailures"]) == (1, 1, [])
    assert summary(world, BEN) is not None
    found = summary(world, ANA)
    assert found is not None
    assert (found.incomplete, found.objects) == (True, 5)
    assert '"SessionsRefused":1' in capsys.readouterr().out.replace(" ", "")
    monkeypatch.setattr(session_entries, "MAX_SEEN_BYTES", 380_000)
    world.file(f"{TREE}session.json", b"again", name="last")
    index(stream.records())
    mended = summary(world, ANA)
    assert mended is not None
    assert not mended.incomplete


def test_what_dynamodb_refuses_for_good_is_refused(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_sessions.catalog, "_get", lambda _: {})
    monkeypatch.setattr(session_entries, "packed", lambda _: b"x" * 450_000)
    monkeypatch.setattr(session_entries, "MAX_SEEN_BYTES", 10**6)
    write_session(world)
    result = index_sessions.handler({"Records": Stream(world).records()}, None)
    assert (result["refused"], result["batchItemFailures"]) == (1, [])


def test_a_session_that_can_t_be_indexed_now_is_tried_again_from_its_place_in_the_stream(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_session(world)
    world.file("sessions/Ben_8/session_1/session.json", b"{}")
    records = Stream(world).records()
    for number, record in enumerate(records):
        record["dynamodb"]["SequenceNumber"] = str(9 + number)
    mine = [r for r in records if r["dynamodb"]["NewImage"]["prefix"]["S"] == ANA.prefix]
    real = index_sessions.catalog.change_session

    def contended(place: Place, changes: Any) -> bool:
        if place == ANA:
            raise StillChanging("still-changing: it changed")
        return real(place, changes)

    monkeypatch.setattr(index_sessions.catalog, "change_session", contended)
    result = index_sessions.handler({"Records": records}, None)
    lowest = min((r["dynamodb"]["SequenceNumber"] for r in mine), key=int)
    assert result["batchItemFailures"] == [{"itemIdentifier": lowest}]
    assert summary(world, BEN) is not None


@pytest.mark.parametrize("code", ["ConditionalCheckFailed", "TransactionConflict"])
def test_a_transaction_that_another_change_overtook_is_tried_again(code: str) -> None:
    def cancelled(**_: Any) -> None:
        reasons = [{"Code": "None"}, {"Code": code}]
        error = {"Error": {"Code": "TransactionCanceledException"}, "CancellationReasons": reasons}
        raise ClientError(cast(Any, error), "TransactWriteItems")

    assert not index_sessions.catalog._conditionally(cancelled)
