"""A note that a person leaves about something that waits. It decides nothing; whoever looks next reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.errors import RejectedAssignment
from carefile.core.messages.sender import Sender
from carefile.core.model import digest

MOST_TEXT, MOST_NAME = 1000, 256  # characters, as of a decision's reason and of who decided


@dataclass(frozen=True, slots=True)
class NoteRequest:
    """`id` keeps a note that is sent again from being recorded twice; `prefix` is the folder of what it is about."""

    id: str
    prefix: str
    by: str
    text: str
    sender: Sender


def parse(data: Mapping[str, Any]) -> NoteRequest:
    """The request in a message; RejectedAssignment where it is none."""
    fields = {name: data.get(name) for name in ("id", "prefix", "by", "text")}
    texts = {name: value.strip() for name, value in fields.items() if isinstance(value, str)}
    fits = texts.keys() == fields.keys() and all(texts.values())
    if not fits or len(texts["text"]) > MOST_TEXT or len(texts["by"]) > MOST_NAME:
        raise RejectedAssignment(
            f"malformed-note: a note has an id, a folder, a name and a text of {MOST_TEXT} characters at most"
        )
    principal = data.get("principal")
    sender = Sender(principal if isinstance(principal, str) else None)
    return NoteRequest(digest("note", texts["id"]), texts["prefix"], texts["by"], texts["text"], sender)
