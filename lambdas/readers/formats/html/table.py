"""Tables of an HTML document: those that hold values. One that only arranges a page is no table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.readers.formats.html.tree import NEVER, Walk, Words, attribute, text_in, tidy
from lambdas.readers.marks import Mark, marked
from lambdas.readers.spans import Cell, laid_out

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_ARRANGED = frozenset(
    ("table", "h1", "h2", "h3", "h4", "h5", "h6", "form", "hr")
)  # in a cell: a page, not a value


@dataclass(frozen=True, slots=True)
class HtmlTable:
    caption: str
    header: list[str] | None
    rows: list[list[str]]


def table_of(table: LexborNode, mark: Mark | None = None) -> HtmlTable | None:
    """The table, None if it arranges a page: holds other tables or headings, or has but one column. `mark` is what is
    done to all of it.
    """
    words = Words()
    caption = ""
    rows: list[list[Cell]] = []
    walk = Walk(table)
    for node, begins in walk:
        words.follow(node, begins)
        if not begins:
            continue
        if node.tag in _ARRANGED and node.mem_id != table.mem_id:
            return None
        if node.tag == "tr" or (node.tag in ("td", "th") and not rows):
            rows.append([])
        if node.tag in ("td", "th"):
            if _is_arranged(node):
                return None
            rows[-1].append(_cell(node, words.mark_around(node) or mark))
            walk.skip()
        elif node.tag == "caption":
            caption = tidy(text_in(node))
            walk.skip()
        elif node.tag in NEVER:
            walk.skip()
    if max(map(len, rows), default=0) < 2:
        return None
    texts = list(laid_out(rows))
    has_header = len(rows) > 1 and bool(rows[0]) and all(cell.is_header for cell in rows[0])
    return HtmlTable(caption, texts[0] if has_header else None, texts[1:] if has_header else texts)


def _is_arranged(cell: LexborNode) -> bool:
    return any(begins and node.tag in _ARRANGED for node, begins in Walk(cell))


def _cell(node: LexborNode, mark: Mark | None) -> Cell:
    return Cell(
        marked(tidy(text_in(node)), mark), _span(node, "colspan"), _span(node, "rowspan"), node.tag == "th"
    )


def _span(node: LexborNode, name: str) -> int:
    value = attribute(node, name).strip()
    return int(value) if value.isdecimal() and len(value) < 6 else 1
