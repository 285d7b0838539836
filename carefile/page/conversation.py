"""An agent's session as a conversation: who said what and when, out of the objects that a session manager wrote.

Both trees of the Strands Agents SDK: one object a message, and one snapshot with all of them. What a message holds
beside text (pictures, documents, parts of a kind unknown here) is named and not shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from carefile.core.documents.extraction import clean

MAX_TURNS = 2_000
MAX_CHARACTERS = 1024 * 1024  # of all parts together
MAX_OBJECT = 8 * 1024 * 1024  # bytes of one object that is parsed

_MESSAGE = re.compile(r"agents/agent_([^/]+)/messages/message_(\d{1,18})\.json")
_SNAPSHOT = re.compile(r"(?:.+/)?scopes/agent/([^/]+)/snapshots/snapshot_latest\.json")
_MEDIA = ("image", "document", "video", "audio")


class Kind(StrEnum):
    TEXT = "text"
    REASONING = "reasoning"
    TOOL_USE = "tool use"
    TOOL_RESULT = "tool result"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True)
class Part:
    """A part of what somebody said; `name` is that of a tool, or of what is not shown."""

    kind: Kind
    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Turn:
    agent: str
    number: int
    role: str
    at: str
    parts: tuple[Part, ...]
    is_redacted: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The turns, agent by agent in their order. `unread` objects were no messages though called so."""

    turns: tuple[Turn, ...]
    unread: int = 0
    is_cut: bool = False


def holds_messages(sub_path: str) -> bool:
    """Whether an object of a session, by its path there, holds what was said."""
    return bool(_MESSAGE.fullmatch(sub_path) or _SNAPSHOT.fullmatch(sub_path))


def in_order(sub_paths: Iterable[str]) -> list[str]:
    """The objects that hold what was said, agent by agent, the messages by their numbers."""
    return sorted(filter(holds_messages, sub_paths), key=_place)


def _place(sub_path: str) -> tuple[str, int]:
    if match := _MESSAGE.fullmatch(sub_path):
        return match[1], int(match[2])
    match = _SNAPSHOT.fullmatch(sub_path)
    return (match[1] if match else "", -1)


def conversation(objects: Iterable[tuple[str, bytes]]) -> Conversation:
    """The conversation of a session, of the paths in it and their content. Reads no more objects than are shown."""
    turns: list[Turn] = []
    unread = length = 0
    for sub_path, data in objects:
        agent, number = _place(sub_path)
        try:
            if len(data) > MAX_OBJECT:
                raise ValueError("too large")
            found = list(_turns(json.loads(data), agent, number))
        except (ValueError, RecursionError):
            unread += 1
            continue
        for turn in found:
            length += sum(len(part.text) for part in turn.parts)
            if len(turns) >= MAX_TURNS or length > MAX_CHARACTERS:
                return Conversation(tuple(turns), unread, is_cut=True)
            turns.append(turn)
    return Conversation(tuple(turns), unread)


def _turns(data: Any, agent: str, number: int) -> Iterator[Turn]:
    if number >= 0:
        yield _turn(data, agent, number)
        return
    messages = (
        data["data"].get("messages", [])
        if isinstance(data, dict) and isinstance(data.get("data"), dict)
        else None
    )
    if not isinstance(messages, list):
        raise ValueError("no snapshot")
    for at, message in enumerate(messages):
        yield _turn({"message": message}, agent, at)


def _turn(data: Any, agent: str, number: int) -> Turn:
    if not isinstance(data, dict):
        raise ValueError("no message")
    redacted = data.get("redact_message")
    message = redacted if isinstance(redacted, dict) else data.get("message")
    if not isinstance(message, dict):
        raise ValueError("no message")
    content = message.get("content")
    if isinstance(content, str):
        content = [{"text": content}]
    blocks = content if isinstance(content, list) else []
    parts = tuple(part for block in blocks for part in _parts(block))
    role, at = _words(message.get("role")), _words(data.get("created_at"))
    return Turn(clean(agent), number, role or "nobody", at, parts, isinstance(redacted, dict))


def _parts(block: Any) -> Iterator[Part]:
    if not isinstance(block, dict):
        yield Part(Kind.LEFT_OUT, "", "a part of an unknown kind")
        return
    for name, value in block.items():
        match name, value:
            case "text", str():
                yield Part(Kind.TEXT, clean(value))
            case "toolUse", dict():
                yield Part(Kind.TOOL_USE, _json(value.get("input")), _words(value.get("name")))
            case "toolResult", dict():
                yield from _result(value)
            case "reasoningContent", dict():
                inner = value.get("reasoningText")
                text = inner.get("text") if isinstance(inner, dict) else None
                yield (
                    Part(Kind.REASONING, clean(text))
                    if isinstance(text, str)
                    else _left_out("hidden reasoning")
                )
            case (("citationsContent" | "guardContent"), dict()):
                texts = list(_texts(value))
                yield from (Part(Kind.TEXT, clean(text)) for text in texts)
                if not texts:
                    yield _left_out(name)
            case "cachePoint", _:
                pass  # says nothing to people
            case _ if name in _MEDIA:
                form = _words(value.get("format")) if isinstance(value, dict) else ""
                yield _left_out(f"{name} {form}".strip())
            case _:
                yield _left_out(name)


def _result(value: dict[str, Any]) -> Iterator[Part]:
    status = _words(value.get("status"))
    content = value.get("content")
    for item in content if isinstance(content, list) else []:
        for name, inner in item.items() if isinstance(item, dict) else ():
            if name == "text" and isinstance(inner, str):
                yield Part(Kind.TOOL_RESULT, clean(inner), status)
            elif name == "json":
                yield Part(Kind.TOOL_RESULT, _json(inner), status)
            else:
                yield _left_out(name)


def _texts(value: Any) -> Iterator[str]:
    """The texts of a list of them, or of one."""
    held = value.get("content", value.get("text"))
    for item in held if isinstance(held, list) else [held]:
        text = item.get("text") if isinstance(item, dict) else item
        if isinstance(text, str):
            yield text


def _left_out(name: str) -> Part:
    return Part(Kind.LEFT_OUT, "", clean(name[:100]))


def _json(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False, indent=1))


def _words(value: Any) -> str:
    return clean(value[:200]) if isinstance(value, str) else ""
