"""The text of a PDF page as it looks: top to bottom, and what stands in columns kept apart by spaces.

A PDF holds text in whatever order its maker wrote it, and a table's cells without anything between them. Nothing is
interpreted as a table here, so that no value can slip into a wrong column; and no character is lost or doubled: if
the laid-out text would not hold exactly those of the page, the page's text is taken as PDFium gives it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2

_MOST_RUNS = 4_000  # on a page; more are a drawing or a trap
_WIDEST_LINE = 100  # characters that fit on a page of `result.html`
_COLUMN_GAP = 2.0  # character widths between two runs that make them two columns
_BETWEEN_COLUMNS = 3  # spaces at least
_WIDE_STEP = 1.45  # of the usual step from line to line: a paragraph begins
_PROSE = 30  # characters on both sides of a gap: two columns of prose, not of values
_HYPHENS = (
    "\ufffe\x02"  # PDFium's marks for a hyphen at a line's end, where it joins the two halves of a word
)


@dataclass(frozen=True, slots=True)
class _Run:
    """Characters that stand together on one line, with their box on the page."""

    text: str
    left: float
    bottom: float
    right: float
    top: float

    @property
    def middle(self) -> float:
        return (self.bottom + self.top) / 2


def page_text(page: pypdfium2.PdfTextPage, *, is_turned: bool) -> str:
    """The text of a page. `is_turned` means that the page is shown turned, so its lines do not run across."""
    plain: str = page.get_text_bounded()
    joined = _without(plain, _HYPHENS)
    count = page.count_rects()
    if is_turned or not 0 < count <= _MOST_RUNS:
        return joined
    runs = [_Run(page.get_text_bounded(*box).strip(), *box) for box in map(page.get_rect, range(count))]
    laid_out = _lay_out([run for run in runs if run.text])
    return laid_out if laid_out and _letters(laid_out, "-") == _letters(joined, "-") else joined


def _lay_out(runs: list[_Run]) -> str | None:
    """The runs as lines, None where that is no good way to read them."""
    widths = [(run.right - run.left) / len(run.text) for run in runs if len(run.text) > 1]
    if not widths or any(_is_upright(run) for run in runs):
        return None
    left = min(run.left for run in runs)
    unit = max(median(widths), (max(run.right for run in runs) - left) / _WIDEST_LINE, 0.1)
    lines = _lines(runs)
    parts = [_columns(line, unit) for line in lines]
    side_by_side = sum(len(p) > 1 and all(len(text) > _PROSE for _, text in p) for p in parts)
    if side_by_side > len(lines) / 3:
        return None
    middles = [_middle(line) for line in lines]
    steps = [above - below for above, below in pairwise(middles)]
    usual = median(steps) if steps else 0
    text = [_line_text(parts[0], left, unit)]
    for part, step in zip(parts[1:], steps, strict=True):
        text.append(("\n" if step > _WIDE_STEP * usual else "") + _line_text(part, left, unit))
    return "\n".join(text)


def _lines(runs: list[_Run]) -> list[list[_Run]]:
    """Runs that overlap in height by half share a line. From top to bottom, each from left to right."""
    lines: list[list[_Run]] = []
    for run in sorted(runs, key=lambda run: (-run.middle, run.left)):
        tallest = max(lines[-1], key=lambda other: other.top - other.bottom) if lines else None
        if tallest and (
            tallest.bottom <= run.middle <= tallest.top or run.bottom <= tallest.middle <= run.top
        ):
            lines[-1].append(run)
        else:
            lines.append([run])
    return [sorted(line, key=lambda run: run.left) for line in lines]


def _columns(line: Sequence[_Run], unit: float) -> list[tuple[float, str]]:
    """The line's parts that a gap keeps apart, with where each begins."""
    parts: list[tuple[float, str]] = []
    end = float("-inf")
    for run in line:
        gap = run.left - end
        if not parts or gap > _COLUMN_GAP * unit:
            parts.append((run.left, run.text))
        else:
            start, text = parts[-1]
            parts[-1] = (start, text + (" " if gap > 0.15 * unit else "") + run.text)
        end = max(end, run.right)
    return parts


def _line_text(parts: Sequence[tuple[float, str]], left: float, unit: float) -> str:
    if len(parts) == 1:
        return _with_hyphen(parts[0][1])  # a heading in the middle of the page need not stand there
    text = ""
    for start, part in parts:
        column = round((start - left) / unit)
        text = text.ljust(max(column, len(text) + _BETWEEN_COLUMNS if text else 0)) + _with_hyphen(part)
    return text


def _with_hyphen(text: str) -> str:
    return text[:-1] + "-" if text.endswith(tuple(_HYPHENS)) else text


def _middle(line: Sequence[_Run]) -> float:
    return median(run.middle for run in line)


def _is_upright(run: _Run) -> bool:
    return len(run.text) > 3 and run.top - run.bottom > 2 * (run.right - run.left)


def _without(text: str, characters: str) -> str:
    return text.translate(dict.fromkeys(map(ord, characters)))


def _letters(text: str, ignored: str) -> Counter[str]:
    return Counter(_without("".join(text.split()), ignored + _HYPHENS))
