"""Replace characters that a terminal would act on with visible marks: names, keys and metadata are untrusted.

Such characters are control characters (C0 and C1, which start escape sequences and OSC 8 links), bidirectional and
invisible ones, line separators, and lone surrogates, which no terminal accepts. Joiners stay, since scripts and emoji
need them.
"""

from __future__ import annotations

import re

_INVISIBLE = (
    r"\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f"
)
_BEYOND_ASCII = re.compile(rf"[\x7f-\x9f{_INVISIBLE}]")
_ACTING = re.compile(rf"[\x00-\x1f\x7f-\x9f{_INVISIBLE}]")
_ACTING_IN_LINES = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")


def marked(text: str) -> str:
    """Mark a string for one line: tabs and line breaks become marks too."""
    return _ACTING.sub(_mark, text)


def marked_lines(text: str) -> str:
    """Mark a text of several lines, keeping its tabs and line breaks."""
    return _ACTING_IN_LINES.sub(_mark, text)


def escaped_in_json(text: str) -> str:
    """Escape the acting characters beyond C0 in JSON as well, which leaves its strings the same."""
    return _BEYOND_ASCII.sub(lambda found: _utf_16(found[0]), text)


def _mark(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)  # Unicode's pictures of control characters
    return "␡" if code == 0x7F else f"⟨U+{code:04X}⟩"


def _utf_16(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))
