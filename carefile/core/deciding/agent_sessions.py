"""The trees that the session managers of the Strands Agents SDK write: what is below a session, and whose it is.

    S3SessionManager          {prefix}/session_{id}/session.json, agents/agent_{id}/…, multi_agents/multi_agent_{id}/…
    SnapshotSessionManager    {prefix}/session/{id}/scopes/{agent|multiAgent}/{id}/snapshots/…
                              {prefix}/context/{id}/scopes/agent/{id}/…        what it took out of the context

A session of snapshots has two folders in its store, which are one session. Its sub-paths begin at the store, so the
manager finds it again in a store that begins at the session's folder. A store that the program named itself has no
folder `session`; its sub-paths begin at the session's id.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_SNAPSHOTS, _CONTEXT = "session/", "context/"
_MESSAGE_LOG = re.compile(
    r"agents/agent_(?P<agent>[^/]+)/(?:agent\.json|messages/(?P<message>message_\d+\.json))"
)
_SNAPSHOT = re.compile(
    r"(?:(?:session|context)/)?[^/]+/scopes/(?:agent|multiAgent)/(?P<agent>[^/]+)/"
    r"(?:(?P<snapshot>snapshots/(?:snapshot_latest|immutable_history/snapshot_[\w-]+)\.json)|.+)"
)


@dataclass(frozen=True, slots=True)
class Part:
    """What an object is in its session: whose, and whether it is one message, or one snapshot of all of them."""

    agent: str | None = None
    is_message: bool = False
    is_snapshot: bool = False


def part_of(sub_path: str) -> Part:
    """What the manager that wrote it uses an object for, by its sub-path."""
    if found := _MESSAGE_LOG.fullmatch(sub_path):
        return Part(found["agent"], is_message=bool(found["message"]))
    if found := _SNAPSHOT.fullmatch(sub_path):
        return Part(found["agent"], is_snapshot=bool(found["snapshot"]))
    return Part()


def is_of_snapshots(sub_path: str) -> bool:
    """Whether the manager of snapshots wrote an object of this sub-path."""
    return _SNAPSHOT.fullmatch(sub_path) is not None


def snapshot_tree(key: str, session_start: int, session_end: int) -> tuple[str, str]:
    """The tree of a session of snapshots that has its id at this place in a landing key, and the key's sub-path."""
    before, session = key[:session_start], key[session_start:session_end]
    for store in (_SNAPSHOTS, _CONTEXT):
        if before == store or before.endswith(f"/{store}"):
            root = before.removesuffix(store)
            return f"{root}{_SNAPSHOTS}{session}/", key.removeprefix(root)
    return f"{before}{session}/", key.removeprefix(before)


def prefixes_of(tree: str) -> tuple[str, ...]:
    """The prefixes under which a tree's objects are, in the order of keys."""
    root, session = _split(tree)
    if root != _SNAPSHOTS and not root.endswith(f"/{_SNAPSHOTS}"):
        return (tree,)
    return (f"{root.removesuffix(_SNAPSHOTS)}{_CONTEXT}{session}", tree)


def keys_of(tree: str, sub_path: str) -> tuple[str, ...]:
    """The landing keys that an object of this sub-path may have come from, if a manager of snapshots wrote it."""
    if not is_of_snapshots(sub_path):
        return ()
    root, _ = _split(tree)
    return (root.removesuffix(_SNAPSHOTS) + sub_path, root + sub_path)


def _split(tree: str) -> tuple[str, str]:
    """Split a tree into what precedes its last folder and that folder, both with their slashes."""
    before, slash, last = tree.rstrip("/").rpartition("/")
    return before + slash, f"{last}/"
