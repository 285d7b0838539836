"""Keeps leftovers of desktops and transfer tools out by event pattern, where they cost nothing.

The rule table's `ignore` lists names, but a pattern matches the whole key and its `*` crosses slashes. So only entries
with the same meaning as a pattern are used: exact names, suffixes and folders. Others (`._*` could match a folder) are
taken in and end as `ignored`. Invariant: no key is excluded that the functions would not ignore.

EventBridge wildcards are case-sensitive, so leftovers in another case are taken in too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


def excluded_keys(rules_file: Path) -> list[str]:
    """List wildcards for the keys that a stage's rule table ignores."""
    names = json.loads(rules_file.read_text(encoding="utf-8")).get("ignore", ())
    return [wildcard for name in names for wildcard in _wildcards(name)]


def _wildcards(name: str) -> Iterator[str]:
    plain = name.removesuffix("/")
    if "*" in plain.removeprefix("*") or (name != plain and "*" in plain):
        return
    if name != plain:
        yield from (f"{name}*", f"*/{name}*")
    elif plain.startswith("*"):
        yield plain
    else:
        yield from (plain, f"*/{plain}")
