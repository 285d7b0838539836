"""What desktops and transfer tools leave behind, as far as an event pattern can say it: so it costs nothing.

The list is the rule table's `ignore`, of names; a pattern sees the whole key, and its `*` crosses slashes. So it says
only what means the same: exact names, ends of names, and folders. The rest (`._*`: a folder may begin so) comes in, and
ends as `ignored`. Invariant: no key is kept out that the functions would not ignore.

EventBridge's wildcards know upper and lower case, so those in another case come in too.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path


def kept_out_of(rules_file: Path) -> list[str]:
    """The wildcards of the keys that start nothing, by the rule table of a stage."""
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
