"""Text for people inside XML (CDA's narrative, XHTML) as blocks: paragraphs, lists and tables."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lambdas.readers.formats.xml.tree import Element
from lambdas.readers.limits import MAX_COLUMNS

_BLANKS = re.compile(r"[ \t\r\n]+")
_AROUND_BREAKS = re.compile(r" ?\n ?")
_PARAGRAPHS = {
    "paragraph",
    "p",
    "div",
    "caption",
    "blockquote",
    "pre",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "dt",
    "dd",
}
_LISTS = {"list", "ul", "ol"}
_ITEMS = {"item", "li"}
_UNSHOWN = {"script", "style", "head"}
_PICTURES = {"renderMultiMedia", "img"}


@dataclass(frozen=True, slots=True)
class Rows:
    header: tuple[str, ...] | None
    rows: list[tuple[str, ...]]


def blocks_of(narrative: Element) -> Iterator[str | Rows]:
    """Texts and tables in the document's order. Neighbouring paragraphs are one text."""
    pieces: list[str] = []
    for piece in _pieces(narrative, 0):
        if isinstance(piece, str):
            pieces.append(piece)
            continue
        if text := _joined(pieces):
            yield text
        pieces = []
        yield piece
    if text := _joined(pieces):
        yield text


def text_in(element: Element) -> str:
    """All of it as one text, tables as lines."""
    return _joined([piece if isinstance(piece, str) else _as_lines(piece) for piece in _pieces(element, 0)])


def _as_lines(table: Rows) -> str:
    return "\n".join(map(" | ".join, [table.header or (), *table.rows]))


def _joined(pieces: list[str]) -> str:
    text = re.sub(r"\n{3,}", "\n\n", _AROUND_BREAKS.sub("\n", re.sub(" +", " ", "".join(pieces))))
    # Indents were made of a letter that no white space is collapsed with.
    return text.strip().replace("\u2007", " ")


def _pieces(element: Element, depth: int) -> Iterator[str | Rows]:
    for child in element.children:
        if isinstance(child, str):
            yield _BLANKS.sub(" ", child)
        elif child.name == "br":
            yield "\n"
        elif child.name == "table":
            for caption in child.all("caption"):
                yield f"\n{text_in(caption)}"
            yield "\n"
            yield _table(child)
        elif child.name in _LISTS:
            yield "\n"
            yield from _items(child, depth)
        elif child.name in _PARAGRAPHS:
            yield "\n"
            yield from _pieces(child, depth)
            yield "\n"
        elif child.name in _PICTURES:
            yield " (picture) "
        elif child.name not in _UNSHOWN:
            yield from _pieces(child, depth)


def _items(element: Element, depth: int) -> Iterator[str | Rows]:
    is_numbered = element.name == "ol" or element.get("listType") == "ordered"
    number = 0
    for child in element.elements:
        if child.name not in _ITEMS:
            yield from _pieces(child, depth)
            yield "\n"
            continue
        number += 1
        yield "\u2007\u2007" * depth + (f"{number}. " if is_numbered else "• ")
        inner = list(_pieces(child, depth + 1))
        while inner and isinstance(inner[0], str) and not inner[0].strip():
            inner.pop(0)
        yield from inner
        yield "\n"


def _table(table: Element) -> Rows:
    header: tuple[str, ...] | None = None
    rows = []
    for part in table.elements:
        if part.name == "tr":
            rows.append(_row(part))
        elif part.name in ("thead", "tbody", "tfoot"):
            for line in part.all("tr"):
                if part.name == "thead" and header is None:
                    header = _row(line)
                else:
                    rows.append(_row(line))
    first = next(table.all("tr"), None)
    if header is None and first and all(cell.name == "th" for cell in first.elements):
        header = rows.pop(0)
    return Rows(header, rows)


def _row(line: Element) -> tuple[str, ...]:
    cells: list[str] = []
    for cell in line.elements:
        if cell.name in ("td", "th"):
            span = cell.get("colspan")
            cells.append(text_in(cell))
            cells.extend([""] * (min(int(span), MAX_COLUMNS) - 1 if re.fullmatch("[0-9]{1,3}", span) else 0))
    return tuple(cells)
