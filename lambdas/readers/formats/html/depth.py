"""How far an HTML text can be parsed in bounded time.

For each element that begins, parsers look up the tree for what it would close: a text of a million nested elements
takes them hours.
"""

from __future__ import annotations

import re

from lambdas.readers.limits import MAX_HTML_STEPS

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]*)")
# Elements that hold nothing, or that the next of their kind closes: they make no tree deep.
# fmt: off
_SHALLOW = frozenset((
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr",
    "p", "li", "dt", "dd", "tr", "td", "th", "thead", "tbody", "tfoot", "option", "optgroup", "rt", "rp",
))
# fmt: on


def end_of_what_is_parsed(text: str) -> int:
    """Where the work that the tags before make, at worst, is too much; the text's length if it nowhere is."""
    depth = steps = 0
    for tag in _TAG.finditer(text):
        steps += depth
        if steps > MAX_HTML_STEPS:
            return tag.start()
        if tag[2].lower() not in _SHALLOW:
            depth = max(0, depth - 1) if tag[1] else depth + 1
    return len(text)
