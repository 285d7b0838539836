"""Text that its writer took back, marked as such: `Take [deleted: 50 mg] 5 mg`.

What negates or withdraws a statement must never be read as the statement, nor be lost.
"""

from __future__ import annotations

from enum import StrEnum
from itertools import groupby


class Mark(StrEnum):
    DELETED = "deleted"  # a change that is kept track of
    STRUCK = "struck out"  # by a line through it


class Runs:
    """Pieces of text in their order, each with what was done to it. As text, those of one mark make one."""

    def __init__(self) -> None:
        self._pieces: list[tuple[str, Mark | None]] = []

    def add(self, text: str, mark: Mark | None = None) -> None:
        if text:
            self._pieces.append((text, mark if text.strip() else self._last_mark if mark else None))

    @property
    def _last_mark(self) -> Mark | None:
        return self._pieces[-1][1] if self._pieces else None

    def __str__(self) -> str:
        runs = groupby(self._pieces, key=lambda piece: piece[1])
        return "".join(marked("".join(text for text, _ in run), mark) for mark, run in runs)

    def clear(self) -> None:
        self._pieces.clear()


def marked(text: str, mark: Mark | None) -> str:
    """The text with its mark, each line on its own, the space around it outside."""
    if mark is None:
        return text
    return "\n".join(_marked_line(line, mark) for line in text.split("\n"))


def _marked_line(line: str, mark: Mark) -> str:
    words = line.strip()
    if not words:
        return line
    start = line.index(words)
    return f"{line[:start]}[{mark}: {words}]{line[start + len(words) :]}"
