"""What AWS bills: the exact calls of an intake. A change that adds one must say so here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lambdas.adapters import aws
from tests.unit.world import World, created_event

MESSAGE = "sessions/Ana/session_1/agents/agent_a/messages/message_{}.json"


def calls_during(work: Callable[[], object]) -> Counter[str]:
    """The API calls that the functions' clients make while `work` is done."""
    made: Counter[str] = Counter()

    def count(model: Any, **_: Any) -> None:
        made[model.name] += 1

    clients = (aws.s3(), aws.dynamodb(), aws.secrets())
    for client in clients:
        client.meta.events.register("before-call", count, unique_id="count")
    try:
        work()
    finally:
        for client in clients:
            client.meta.events.unregister("before-call", unique_id="count")
    return made


def test_a_sessions_object_costs_one_copy_one_tagging_and_no_listing(world: World) -> None:
    world.file(MESSAGE.format(1), name="warms-up")
    event = created_event(MESSAGE.format(2), world.upload(MESSAGE.format(2)))

    assert calls_during(lambda: world.run(event, "e2")) == {
        "HeadObject": 3,
        "GetObjectTagging": 2,
        "CopyObject": 1,
        "PutObjectTagging": 1,
        "BatchGetItem": 2,
        "UpdateItem": 2,  # its destination, and how it ended
        "PutItem": 1,
    }


def test_a_new_document_costs_four_puts_one_copy_one_listing_and_one_tagging(world: World) -> None:
    world.file("documents/Ana/first.txt", name="warms-up")
    event = created_event("documents/Ana/second.txt", world.upload("documents/Ana/second.txt"))

    assert calls_during(lambda: world.run(event, "e2")) == {
        "HeadObject": 3,
        "ListObjectsV2": 1,  # is the folder vacant?
        "GetObject": 1,
        "GetObjectTagging": 2,
        "CopyObject": 1,
        "PutObject": 4,
        "PutObjectTagging": 1,
        "GetItem": 2,
        "UpdateItem": 2,  # its destination, and how it ended
        "PutItem": 1,
    }


def test_in_a_layout_of_its_own_nothing_is_ever_listed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAYOUT_SHARED", "false")
    world.wire()
    world.file("documents/Ana/first.txt", name="warms-up")
    for key in ("documents/Ana/second.txt", MESSAGE.format(1)):
        event = created_event(key, world.upload(key))
        made = calls_during(lambda event=event: world.run(event, "e2"))
        assert "ListObjectsV2" not in made
        assert made["PutObject"] == (4 if "documents" in key else 1)


def test_a_duplicate_writes_nothing_but_its_note_and_its_try_at_the_catalog(world: World) -> None:
    event = created_event(MESSAGE.format(1), world.upload(MESSAGE.format(1)))
    world.run(event, "e1")

    assert calls_during(lambda: world.run(event, "e2")) == {
        "HeadObject": 3,
        "GetObjectTagging": 2,
        "BatchGetItem": 1,
        "GetItem": 1,  # for its tags: are they an intake's, or did the upload bring them along?
        "UpdateItem": 1,
        "PutItem": 1,
    }
