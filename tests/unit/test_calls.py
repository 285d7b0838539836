"""What AWS bills: the exact calls of an intake. A change that adds one must say so here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from lambdas import assign_patient
from lambdas.adapters import aws
from tests.unit.world import LANDING, World, created_event

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
        "Query": 1,  # are its bytes filed under another patient?
    }


def test_a_decision_costs_two_requests_when_its_key_is_uploaded_again_and_others_none(world: World) -> None:
    key = "documents/scan.txt"
    world.file(key, name="e1")
    assign_patient.handler({"input": {"key": key, "patient_id": "Ana"}}, None)
    world.run({"bucket": LANDING, "key": key}, "e2")
    again = created_event(key, world.upload(key))

    made = calls_during(lambda: world.run(again, "e3"))
    beside = 2  # what is at its place, and at the one that it left
    assert (made["HeadObject"], made["GetObject"]) == (
        3 + beside + 1,
        2,
    )  # has S3 a SHA-256? if not, the bytes
    decided = created_event(key, world.upload(key, ChecksumAlgorithm="SHA256"))
    made = calls_during(lambda: world.run(decided, "e4"))
    assert (made["HeadObject"], made["GetObject"]) == (3 + beside + 1, 1)


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
