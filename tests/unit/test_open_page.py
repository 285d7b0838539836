"""`carefile open`: the page of what is filed, and of a session one that is stored nowhere."""

from __future__ import annotations

import json

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.commands.browser.open_page import open_page
from carefile.cli.exits import Exit
from carefile.cli.inbox.own_page import page_of
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from tests.unit.test_index_sessions import ANA, TREE, Stream, index
from tests.unit.world import LANDING, PROCESSED, World


def said(number: int, text: str) -> bytes:
    message = {"role": "user", "content": [{"text": text}]}
    return json.dumps(
        {"message": message, "message_id": number, "created_at": "2026-10-28T14:30:22+00:00"}
    ).encode()


@pytest.mark.parametrize(
    "what", ["documents/A-1/note.txt", "processed/A-1_note/", "processed/A-1_note/original.txt"]
)
def test_a_document_has_the_page_that_is_filed_with_it(
    world: World, connection: Connection, what: str
) -> None:
    world.file("documents/A-1/note.txt", b"Sodium 141")
    assert page_of(connection, what).encode() == world.body("processed/A-1_note/result.html")


@pytest.mark.parametrize("what", [f"{TREE}session.json", ANA.prefix])
def test_a_session_is_rendered_when_it_is_asked_for_and_stored_nowhere(
    world: World, connection: Connection, what: str
) -> None:
    stream = Stream(world)
    world.file(f"{TREE}session.json", b"{}")
    for number in (10, 9, 0):
        world.file(
            f"{TREE}agents/agent_guide/messages/message_{number}.json", said(number, f"word {number}.")
        )
    index(stream.records())
    before = world.filed()
    page = page_of(connection, what)
    assert page.index("word 0.") < page.index("word 9.") < page.index("word 10.")
    assert "Ana_7" in page
    assert world.filed() == before


@pytest.mark.parametrize("what", ["documents/A-1/other.txt", "processed/A-1_other/", "processed/x"])
def test_what_is_not_filed_has_no_page(connection: Connection, what: str) -> None:
    with pytest.raises(Problem):
        page_of(connection, what)


@pytest.mark.parametrize(
    "what",
    [
        "processed/A-1_note",
        "processed/A-1_note/",
        f"s3://{PROCESSED}/processed/A-1_note",
        f"s3://{LANDING}/documents/A-1/note.txt",
        "documents/A-1/note.txt",
    ],
)
def test_whatever_names_a_document_elsewhere_opens_it(
    world: World, connection: Connection, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    world.file("documents/A-1/note.txt", b"Sodium 141")
    code = open_page(connection, View(as_json=False), what, to_stdout=True)
    assert code is Exit.DONE
    assert "Sodium 141" in capsys.readouterr().out


@pytest.mark.parametrize("what", [ANA.prefix.rstrip("/"), f"s3://{PROCESSED}/{ANA.prefix}"])
def test_a_session_s_folder_opens_with_or_without_its_last_slash(
    world: World, connection: Connection, capsys: pytest.CaptureFixture[str], what: str
) -> None:
    stream = Stream(world)
    world.file(f"{TREE}session.json", b"{}")
    world.file(f"{TREE}agents/agent_guide/messages/message_0.json", said(0, "word."))
    index(stream.records())
    assert open_page(connection, View(as_json=False), what, to_stdout=True) is Exit.DONE
    assert "word." in capsys.readouterr().out
