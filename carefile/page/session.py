"""A session as a page that a person reads: rendered when it is asked for, stored nowhere.

The same invariants as for a document's page: self-contained, every value escaped, nothing in it can run or be fetched.
"""

from __future__ import annotations

from itertools import groupby
from typing import Any

from markupsafe import Markup

from carefile.page.conversation import Conversation, Kind, Turn
from carefile.page.render import POLICY, STYLE, PageHeader, moment, template

_ROLES = {"user": "User", "assistant": "Assistant", "system": "System", "tool": "Tool"}


def render_session(conversation: Conversation, header: PageHeader) -> str:
    """The page. Never raises for anything that a session may contain."""
    by_agent = [
        (agent, list(turns)) for agent, turns in groupby(conversation.turns, key=lambda turn: turn.agent)
    ]
    return template("session.html.jinja").render(
        header=header,
        received=moment(header.received),
        conversation=conversation,
        agents=[(agent, [_shown(turn) for turn in turns]) for agent, turns in by_agent],
        style=Markup(STYLE),  # noqa: S704 the pages' own style sheet, nothing of a session
        policy=POLICY,
    )


def _shown(turn: Turn) -> dict[str, Any]:
    return {
        "who": _ROLES.get(turn.role, turn.role),
        "when": moment(turn.at),
        "at": turn.at,
        "is_redacted": turn.is_redacted,
        "parts": [
            {"text": part.text, "name": part.name, "is_text": part.kind is Kind.TEXT, "kind": part.kind.value}
            for part in turn.parts
        ],
    }
