"""What a session's entry keeps of each of its objects, and how that is packed into bytes.

What an object contributes is some 25 bytes; the identities of the objects also lead from the session to their entries.
What stands in keys is whatever an uploader wrote, so an agent's name is cut.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from carefile.core.model import digest

_KEY_PREFIX = "session#"
_DIGEST_BYTES = 16
_NO_AGENT = -1
_FLAGS = {"is_message": 1, "in_conflict": 2, "is_snapshot": 4, "is_nobodys": 8}
# What comes from keys is bounded: an agent's name may be a kilobyte, and every agent of a session may have one.
MAX_AGENT_BYTES = 64


@dataclass(frozen=True, slots=True)
class Place:
    """A session's folder."""

    bucket: str
    prefix: str

    @property
    def key(self) -> str:
        """The key of the session's item. It stands among the sources' and can be none of them."""
        return _KEY_PREFIX + digest("session", self.bucket, self.prefix)

    def part(self, number: int) -> str:
        """The key of the item that holds a part of a large session's objects."""
        return f"{self.key}#{number}"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a session's numbers need of one of its objects. Times are in milliseconds since 1970."""

    size: int
    modified: int
    cataloged: int
    agent: str | None = None
    is_message: bool = False
    is_snapshot: bool = False
    in_conflict: bool = False
    is_nobodys: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """An object of a session at one of its revisions. Without facts, it has left the session."""

    revision: int
    facts: Facts | None


def is_session_key(key: str) -> bool:
    return key.startswith(_KEY_PREFIX)


def oldest_first(seen: Mapping[str, Seen]) -> list[tuple[str, Seen]]:
    """Those that left, and then the objects by the time they were written."""
    return sorted(
        seen.items(), key=lambda row: (row[1].facts.modified if row[1].facts else 0, row[1].revision, row[0])
    )


def packed(seen: Mapping[str, Seen]) -> bytes:
    """The digests of the sources as they are, and the rest column by column, oldest first: so it packs best."""
    rows = oldest_first(seen)
    agents = sorted({one.facts.agent for one in seen.values() if one.facts and one.facts.agent})
    columns: list[list[Any]] = [[one.revision for _, one in rows]]
    before = Facts(0, 0, 0)
    times: list[list[int]] = [[], []]
    for _, one in rows:
        if one.facts:
            times[0].append(one.facts.modified - before.modified)
            times[1].append(one.facts.cataloged - one.facts.modified)
            before = one.facts
    columns += times
    columns.append([one.facts.size if one.facts else None for _, one in rows])
    present = [one.facts for _, one in rows if one.facts]
    columns.append([agents.index(facts.agent) if facts.agent else _NO_AGENT for facts in present])
    columns.append([sum(flag * getattr(facts, name) for name, flag in _FLAGS.items()) for facts in present])
    text = json.dumps([agents, *columns], ensure_ascii=False, separators=(",", ":"))
    digests = b"".join(bytes.fromhex(source_id) for source_id, _ in rows)
    return len(rows).to_bytes(4, "big") + digests + zlib.compress(text.encode("utf-8", "surrogatepass"), 9)


def unpacked(data: bytes) -> dict[str, Seen]:
    """The inverse of `packed`."""
    count = int.from_bytes(data[:4], "big")
    end = 4 + count * _DIGEST_BYTES
    sources = [data[at : at + _DIGEST_BYTES].hex() for at in range(4, end, _DIGEST_BYTES)]
    agents, revisions, steps, delays, sizes, whose, flags = json.loads(zlib.decompress(data[end:]))
    seen: dict[str, Seen] = {}
    modified, rest = 0, zip(steps, delays, whose, flags, strict=True)
    for source_id, revision, size in zip(sources, revisions, sizes, strict=True):
        if size is None:
            seen[source_id] = Seen(revision, None)
            continue
        step, delay, agent, flag = next(rest)
        modified += step
        name = None if agent == _NO_AGENT else short(agents[agent])
        flags = {kind: bool(flag & bit) for kind, bit in _FLAGS.items()}
        facts = Facts(size, modified, modified + delay, name, **flags)
        seen[source_id] = Seen(revision, facts)
    return seen


def short(agent: str) -> str:
    """Shorten an agent's name for the entry: a long one is cut, and ends in a hash of the whole."""
    whole = agent.encode("utf-8", "surrogatepass")
    if len(whole) <= MAX_AGENT_BYTES:
        return agent
    return f"{whole[: MAX_AGENT_BYTES - 12].decode('utf-8', 'ignore')}…{digest('agent', agent)[:8]}"
