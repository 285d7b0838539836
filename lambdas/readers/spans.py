"""Rows of cells that span columns and rows, laid out so that every value stays in its own column."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lambdas.readers.limits import MAX_COLUMNS, MAX_ROWS


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    columns: int = 1
    rows: int = 1
    is_header: bool = False


def laid_out(rows: Iterable[Iterable[Cell]]) -> Iterator[list[str]]:
    """The rows as texts: a cell that spans several places stands in the first, the others are empty."""
    above: dict[int, int] = {}  # column: further rows that a cell above reaches down to
    for row in rows:
        texts: list[str] = []
        below = {column: rest - 1 for column, rest in above.items()}
        for cell in row:
            texts += [""] * _covered(above, len(texts))
            for index in range(min(max(cell.columns, 1), MAX_COLUMNS)):
                if len(texts) <= MAX_COLUMNS:  # else each row could push the next one further to the right
                    below[len(texts)] = min(cell.rows, MAX_ROWS) - 1
                texts.append("" if index else cell.text)
        texts += [""] * _covered(above, len(texts))
        above = {column: rest for column, rest in below.items() if rest > 0}
        yield texts


def _covered(above: dict[int, int], column: int) -> int:
    """How many columns from this one on are taken by cells above."""
    count = 0
    while column + count in above:
        count += 1
    return count
