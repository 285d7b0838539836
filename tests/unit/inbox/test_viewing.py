"""`carefile open`: a page in a frame, and the original to save, through the same guard as the inbox."""

from __future__ import annotations

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.inbox.guard import POLICY, SANDBOX, Gate
from carefile.cli.inbox.sitting import Clerk
from carefile.cli.inbox.viewing import application, original_of, viewed
from carefile.cli.problem import Problem
from tests.unit.inbox.browser import HOST, Browser
from tests.unit.test_index_sessions import TREE, Stream, index
from tests.unit.world import World

KEY = "documents/A-1/note.txt"


def browser_of(connection: Connection, what: str, *, only_original: bool = False) -> Browser:
    gate = Gate(HOST, Clerk(""))
    app = application(viewed(connection, what), gate.base, only_original=only_original, served=lambda: None)
    found = Browser.of(app, gate)
    found.enter()
    return found


def test_a_page_is_framed_where_it_can_run_nothing_and_the_original_is_for_saving(
    world: World, connection: Connection
) -> None:
    world.file(KEY, b"Sodium 141")
    browser = browser_of(connection, KEY)
    page = browser.get("/")
    assert f'<iframe src="{browser.gate.base}/page" sandbox ' in page.text
    assert page.header("content-security-policy") == POLICY
    assert browser.get("/page").header("content-security-policy") == SANDBOX
    assert browser.get("/page").body == world.body("processed/A-1_note/result.html")
    original = browser.get("/original")
    assert (original.body, original.header("content-type")) == (b"Sodium 141", "application/octet-stream")
    assert original.header("content-disposition") == "attachment; filename*=UTF-8''note.txt"


def test_the_original_alone_is_given_where_that_was_asked_for(world: World, connection: Connection) -> None:
    world.file(KEY, b"Sodium 141")
    assert browser_of(connection, KEY, only_original=True).get("/").body == b"Sodium 141"


def test_a_session_has_no_original(world: World, connection: Connection) -> None:
    stream = Stream(world)
    world.file(f"{TREE}session.json", b"{}")
    index(stream.records())
    assert browser_of(connection, f"{TREE}session.json").get("/original").status == 404
    with pytest.raises(Problem):
        original_of(connection, f"{TREE}session.json")


def test_neither_page_nor_original_is_given_without_the_cookie(world: World, connection: Connection) -> None:
    world.file(KEY, b"Sodium 141")
    browser = browser_of(connection, KEY)
    browser.cookie = ""
    assert {browser.get(path).status for path in ("/", "/page", "/original")} == {403}
