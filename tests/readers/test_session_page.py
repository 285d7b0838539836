"""A session as a page: every word of the conversation, in its order, and nothing in it that could run."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carefile.page import conversation as module
from carefile.page.conversation import Conversation, Kind, conversation, in_order
from carefile.page.render import PageHeader
from carefile.page.session import render_session
from tests.readers.test_page import HOSTILE, assert_nothing_can_run, shown

HEADER = PageHeader("session_1", "session", "A-1", "2026-10-28T14:30:22Z", "s3://filed/processed/x/", "")


def message(
    number: int, *blocks: Any, role: str = "user", agent: str = "a", **members: Any
) -> tuple[str, bytes]:
    data = {
        "message": {"role": role, "content": list(blocks)},
        "message_id": number,
        "created_at": "2026-10-28T14:30:22+00:00",
        **members,
    }
    return f"agents/agent_{agent}/messages/message_{number}.json", json.dumps(data).encode()


def snapshot(*messages: dict[str, Any]) -> tuple[str, bytes]:
    return "scopes/agent/a/snapshots/snapshot_latest.json", json.dumps(
        {"data": {"messages": messages}}
    ).encode()


def texts(*objects: tuple[str, bytes]) -> list[str]:
    return assert_nothing_can_run(render_session(conversation(objects), HEADER)).texts


def test_messages_stand_in_the_order_of_their_numbers_agent_by_agent() -> None:
    paths = [message(n, agent=agent)[0] for agent in "ba" for n in (10, 2, 0)]
    assert in_order([*paths, "session.json", "agents/agent_a/agent.json"]) == [
        f"agents/agent_{agent}/messages/message_{n}.json" for agent in "ab" for n in (0, 2, 10)
    ]


def test_who_said_what_and_when_stands_on_the_page() -> None:
    found = " ".join(
        texts(message(0, {"text": "Any allergy?"}), message(1, {"text": "No."}, role="assistant"))
    )
    for words in (
        "User",
        "Any allergy?",
        "Assistant",
        "No.",
        "28 October 2026, 14:30 UTC",
        "A-1",
        "session_1",
    ):
        assert words in found
    assert found.index("Any allergy?") < found.index("No.")


def test_a_snapshot_is_read_as_well() -> None:
    found = " ".join(
        texts(snapshot({"role": "user", "content": [{"text": "one"}]}, {"role": "x", "content": "two"}))
    )
    assert found.index("one") < found.index("two")


def test_a_redacted_message_shows_what_stands_in_its_place() -> None:
    redacted = {"role": "user", "content": [{"text": "[removed]"}]}
    found = " ".join(texts(message(0, {"text": "secret"}, redact_message=redacted)))
    assert "[removed]" in found
    assert "redacted" in found
    assert "secret" not in found


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"toolUse": {"name": "lookup", "input": {"mrn": "A-1"}}}, ["Tool use", "lookup", '"mrn": "A-1"']),
        (
            {"toolResult": {"status": "error", "content": [{"text": "none"}, {"json": [1]}]}},
            ["error", "none", "1"],
        ),
        ({"reasoningContent": {"reasoningText": {"text": "perhaps"}}}, ["Reasoning", "perhaps"]),
        ({"reasoningContent": {"redactedContent": "x"}}, ["Left out", "hidden reasoning"]),
        ({"image": {"format": "png", "source": {}}}, ["Left out", "image png"]),
        ({"citationsContent": {"content": [{"text": "cited"}]}}, ["cited"]),
        ({"guardContent": {"text": {"text": "guarded"}}}, ["guarded"]),
        ({"newKind": {}}, ["Left out", "newKind"]),
        ("odd", ["a part of an unknown kind"]),
    ],
)
def test_every_kind_of_part_is_shown_or_named(block: Any, words: list[str]) -> None:
    found = " ".join(texts(message(0, block)))
    assert all(word in found for word in words)


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b'{"message": 1}', b"[" * 100_000, b"\xff"])
def test_what_is_no_message_is_counted(data: bytes) -> None:
    path, _ = message(0)
    found = conversation([(path, data), message(1, {"text": "x"})])
    assert (found.unread, len(found.turns)) == (1, 1)
    assert "could not be read" in " ".join(texts((path, data)))


def test_a_conversation_without_end_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TURNS", 3)
    found = conversation(message(n, {"text": str(n)}) for n in range(10**9))  # no more are asked for
    assert (len(found.turns), found.is_cut) == (3, True)
    assert "longer than is shown" in render_session(found, HEADER)
    monkeypatch.setattr(module, "MAX_CHARACTERS", 10)
    assert len(conversation([message(0, {"text": "x" * 6}), message(1, {"text": "x" * 6})]).turns) == 1


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_words_are_shown_and_not_run(text: str) -> None:
    blocks = [{"text": text}, {"toolUse": {"name": text, "input": text}}, {text: {}}]
    found = conversation([message(0, *blocks, role=text, agent="x", created_at=text)])
    page = assert_nothing_can_run(render_session(found, PageHeader(text, text, text, text, text, text)))
    assert sum(text in data for data in page.texts) >= 6


_JSON = st.recursive(
    st.none() | st.booleans() | st.text(max_size=9) | st.integers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "text",
                    "toolUse",
                    "toolResult",
                    "content",
                    "json",
                    "image",
                    "name",
                    "message",
                    "role",
                    "data",
                    "messages",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
)


@settings(deadline=None)
@given(_JSON, st.text(st.characters(codec=None, categories=None), max_size=20))
def test_any_message_makes_a_page(value: Any, text: str) -> None:
    objects = [
        message(0, value, {"text": text}),
        (message(1)[0], json.dumps(value).encode()),
        snapshot(value),
    ]  # type: ignore[arg-type]
    html = render_session(conversation(objects), HEADER)
    html.encode("utf-8")
    page = assert_nothing_can_run(html)
    assert not shown(text) or shown(text) in map(shown, page.texts)


def test_an_empty_session_says_so() -> None:
    assert "There are no messages in this session." in render_session(Conversation(()), HEADER)
    assert Kind("text") is Kind.TEXT


def test_equal_input_gives_an_equal_page() -> None:
    one = conversation([message(0, {"text": "x"})])
    assert render_session(one, HEADER) == render_session(one, HEADER)
