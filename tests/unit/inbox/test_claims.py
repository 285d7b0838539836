"""Two people at the inbox: a document that one looks at is no other's to decide about, until they leave it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.inbox.claims import SECONDS, TableClaims, claims_of
from tests.unit.inbox.scene import Clock, Inbox, field_of, texts_on
from tests.unit.world import World

CLOCK = Clock()


@pytest.fixture
def table(world: World, connection: Connection) -> Connection:
    """The connection to a deployment that has a table of claims."""
    world.dynamodb.create_table(
        TableName="claims",
        KeySchema=[{"AttributeName": "place", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "place", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    connection._outputs = {**connection._outputs, "ClaimsTableName": "claims"}
    return connection


@pytest.fixture
def two(world: World, table: Connection) -> Iterator[tuple[Inbox, Inbox]]:
    """Ana Ruiz and Luis Rey, each at an inbox of their own."""
    ana, luis = (Inbox(world, table, TableClaims(table, clock=CLOCK)) for _ in range(2))
    for inbox, name in ((ana, "Ana Ruiz"), (luis, "Luis Rey")):
        inbox.gate.clerk = type(inbox.gate.clerk)(name)
        inbox.browser.enter()
    yield ana, luis
    for inbox in (ana, luis):
        inbox.decisions.send_all()


def test_the_first_who_looks_has_it_until_they_leave_it(table: Connection) -> None:
    ana, luis = (TableClaims(table, clock=CLOCK) for _ in range(2))
    assert ana.take("x", "Ana") is None
    taken = luis.take("x", "Luis")
    assert taken is not None
    assert taken.by == "Ana"
    assert ana.take("x", "Ana") is None
    luis.release("x")
    assert luis.take("x", "Luis") is not None
    ana.release("x")
    assert luis.take("x", "Luis") is None


def test_a_claim_expires_unless_it_is_renewed(table: Connection) -> None:
    clock = Clock()
    ana, luis = (TableClaims(table, clock=clock) for _ in range(2))
    ana.take("x", "Ana")
    clock.now += SECONDS - 1
    assert luis.take("x", "Luis") is not None
    ana.take("x", "Ana")
    clock.now += SECONDS - 1
    assert luis.others(["x", "y"]).keys() == {"x"}
    clock.now += 1
    assert luis.others(["x", "y"]) == {}
    assert luis.take("x", "Luis") is None


def test_one_person_in_two_inboxes_is_told_of_the_other(table: Connection) -> None:
    one, other = (TableClaims(table, clock=CLOCK) for _ in range(2))
    one.take("x", "Ana")
    assert other.take("x", "Ana") is not None


def test_an_older_deployment_has_no_claims(connection: Connection) -> None:
    claims = claims_of(connection)
    assert claims.take("x", "Ana") is None
    claims.release("x")
    assert claims.others(["x"]) == {}


def test_who_comes_second_sees_who_looks_and_cannot_decide(two: tuple[Inbox, Inbox]) -> None:
    ana, luis = two
    ana.world.file("documents/x.txt", b"x")
    ana.open("x.txt")
    assert "Ana Ruiz is looking at this" in texts_on(luis.queue())
    page = luis.open("x.txt")
    assert "Ana Ruiz is looking at this. You can decide about it when they have left it." in texts_on(page)
    assert page.text.count(" disabled") >= 1
    luis.decide("x.txt", "nobody", reason="no")
    assert "Somebody else is looking at it." in texts_on(luis.queue())
    luis.settle()
    assert not luis.asked.wishes


def test_who_skips_leaves_it_to_others(two: tuple[Inbox, Inbox]) -> None:
    ana, luis = two
    ana.world.file("documents/x.txt", b"x")
    ana.decide("x.txt", "skip")
    assert "looking at this" not in texts_on(luis.queue())
    luis.decide("x.txt", "nobody", reason="no")
    luis.settle()
    assert [wish.decided_by for wish, _ in luis.asked.wishes] == ["Luis Rey"]


def test_who_goes_on_to_another_leaves_the_first_to_others(two: tuple[Inbox, Inbox]) -> None:
    ana, luis = two
    ana.world.file("documents/x.txt", b"x")
    ana.world.file("documents/y.txt", b"y")
    ana.open("x.txt")
    ana.open("y.txt")
    assert texts_on(luis.queue()).count("Ana Ruiz is looking at this") == 1
    assert "looking at this" not in texts_on(luis.open("x.txt"))


def test_what_is_decided_stays_claimed_while_the_decision_is_on_its_way(two: tuple[Inbox, Inbox]) -> None:
    ana, luis = two
    ana.world.file("documents/x.txt", b"x")
    ana.decide("x.txt", "nobody", reason="no")
    ana.queue()
    assert "Ana Ruiz is looking at this" in texts_on(luis.queue())
    luis.decide("x.txt", "nobody", reason="no")
    ana.browser.post("/decisions/undo", {"id": field_of(ana.browser.get("/decisions"), "id")})
    ana.open("x.txt")
    ana.queue()
    assert "looking at this" not in texts_on(luis.queue())
    ana.settle()
    luis.settle()
    assert not luis.asked.wishes


def test_an_inbox_that_ends_leaves_everything_to_others(two: tuple[Inbox, Inbox]) -> None:
    ana, luis = two
    ana.world.file("documents/x.txt", b"x")
    ana.open("x.txt")
    ana.desk.claims.release_all()
    assert "looking at this" not in texts_on(luis.queue())
