"""One person's sitting at the inbox: who they are, and what they have before them. It lives in memory only."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field

from carefile.cli.inbox.queue import Row, View


@dataclass(frozen=True, slots=True)
class Clerk:
    """Who decides, as decisions name them."""

    name: str


@dataclass
class Sitting:
    """`csrf` goes with every form; `rows` are the ones before the person, `view` which part of the queue they are,
    and `looks_at` the key of the one whose case is open."""

    clerk: Clerk
    language: str = "en"
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    shortcuts: bool = True
    view: View = field(default_factory=View)
    rows: list[Row] = field(default_factory=list)
    looks_at: str = ""
    notice: tuple[str, dict[str, str]] | None = None
