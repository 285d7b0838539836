"""Who looks at what: a claim on a document, so that two people do not decide about it at once.

A claim is one conditional write, is renewed while its page is open, and expires by itself if its holder leaves without
a word. It keeps nobody from deciding elsewhere: that a decision is about what the person saw, the decision itself
checks.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

SECONDS = 120


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody else's claim, and until when it holds, in seconds since 1970."""

    by: str
    until: float


class Claims(Protocol):
    def take(self, key: str, by: str) -> Claim | None:
        """Take or renew a claim; return the claim of somebody else that is in the way."""

    def release(self, key: str) -> None: ...

    def others(self, keys: Sequence[str]) -> dict[str, Claim]:
        """Return the claims of others on these."""


@dataclass
class NoClaims:
    """For a deployment without a table of claims: everybody may look at everything at once."""

    holder: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    clock: Callable[[], float] = time.time

    def take(self, key: str, by: str) -> Claim | None:
        return None

    def release(self, key: str) -> None:
        return None

    def others(self, keys: Sequence[str]) -> dict[str, Claim]:
        return {}
