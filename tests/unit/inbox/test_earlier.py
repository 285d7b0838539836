"""Decisions of before, by anybody: listed with the latest first, and taken back from the same page."""

from __future__ import annotations

import pytest

from carefile.cli.aws.connection import Connection
from carefile.core.model import DecisionType
from carefile.core.records.decisions import DAY, NUMBER, Head, payload_text
from tests.unit.inbox.scene import JUAN, Inbox, field_of, texts_on
from tests.unit.world import LANDING, World


@pytest.fixture
def recorded(world: World, connection: Connection) -> Connection:
    """The connection to a deployment whose record says that Luis Rey decided three times on one day."""
    world.dynamodb.create_table(
        TableName="decisions",
        KeySchema=[
            {"AttributeName": DAY, "KeyType": "HASH"},
            {"AttributeName": NUMBER, "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in (DAY, NUMBER)],
        BillingMode="PAY_PER_REQUEST",
    )
    connection._outputs = {**connection._outputs, "DecisionsTableName": "decisions"}
    told = [
        {"type": "nobody", "key": "documents/x.txt", "reason": "a leaflet"},
        {"type": "assign", "key": "documents/x.txt", "patient_id": JUAN[0], "reason": "no, a letter"},
        {"type": "assign", "tree": "sessions/session_7/", "patient_id": JUAN[0]},
    ]
    world.dynamodb.put_item(TableName="decisions", Item=Head("2026-11-20").opening())
    for number, one in enumerate(told):
        at = f"2026-11-20T10:0{number}:00.000Z"
        payload = payload_text({"bucket": LANDING, "decided_by": "Luis Rey", "decided_at": at, **one})
        record = Head("2026-11-20", number).next(one["type"], at, payload, "salt")
        world.dynamodb.put_item(TableName="decisions", Item=record.to_item())
    return connection


@pytest.fixture
def later(world: World, recorded: Connection) -> Inbox:
    """Ana Ruiz at the inbox, the day after."""
    inbox = Inbox(world, recorded)
    inbox.browser.enter()
    return inbox


def test_the_latest_comes_first_with_who_and_why_and_only_what_holds_can_be_taken_back(later: Inbox) -> None:
    page = later.browser.get("/decisions")
    text = texts_on(page)
    assert text.index("session_7") < text.index("no, a letter") < text.index("a leaflet")
    assert text.count("Luis Rey") == 3
    assert page.text.count("Take back:") == 2


def test_what_somebody_else_decided_is_taken_back_in_one_s_own_name(later: Inbox) -> None:
    page = later.browser.get("/decisions")
    session = field_of(page, "id")
    later.browser.post("/decisions/back", {"id": session})
    later.settle()
    ((wish, seen),) = later.asked.wishes
    assert (wish.type, wish.decided_by, wish.bucket, wish.key, wish.taken_from, seen) == (
        DecisionType.TAKE_BACK,
        "Ana Ruiz",
        LANDING,
        "sessions/session_7/session.json",
        (JUAN[0],),
        None,
    )


def test_a_record_that_a_forgotten_patient_left_is_not_shown(later: Inbox) -> None:
    later.world.dynamodb.update_item(
        TableName="decisions",
        Key={DAY: {"S": "2026-11-20"}, NUMBER: {"S": "00000001"}},
        UpdateExpression="REMOVE payload, salt",
    )
    assert "a leaflet" not in texts_on(later.browser.get("/decisions"))


def test_an_older_deployment_has_no_record(inbox: Inbox) -> None:
    assert "Nothing was decided yet." in texts_on(inbox.browser.get("/decisions"))


def test_a_merge_is_listed_and_is_not_the_page_s_to_take_back(
    world: World, recorded: Connection, later: Inbox
) -> None:
    told = {"type": "merge", "from": "Juan_Perez_1", "patient_id": JUAN[0], "decided_by": "system:ehr"}
    payload = payload_text(told | {"decided_at": "2026-11-20T11:00:00.000Z", "reason": "registered twice"})
    record = Head("2026-11-20", 3).next("merge", "2026-11-20T11:00:00.000Z", payload, "salt")
    world.dynamodb.put_item(TableName="decisions", Item=record.to_item())
    page = later.browser.get("/decisions")
    assert f"Juan_Perez_1 Merged into {JUAN[0]} registered twice system:ehr" in texts_on(page)
    assert page.text.count("Take back:") == 2
