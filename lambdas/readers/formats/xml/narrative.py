"""Text for people inside XML (CDA's narrative, XHTML) as blocks: paragraphs, lists and tables.

What its author has deleted or struck through stands there as `[deleted: …]`: left out or unmarked it would mislead.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby

from lambdas.readers.formats.xml.tree import Element
from lambdas.readers.spans import Cell, laid_out

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
_DELETED = {"del", "s", "strike"}
_TABLE_PARTS = {"thead", "tbody", "tfoot"}
_NO_ROWS = {"caption", "col", "colgroup"}


@dataclass(frozen=True, slots=True)
class Rows:
    header: tuple[str, ...] | None
    rows: list[tuple[str, ...]]

    @property
    def cells(self) -> Iterator[str]:
        return chain(self.header or (), *self.rows)


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
        elif _is_deleted(child):
            text = text_in(child)
            between = "\n" if child.name in _PARAGRAPHS else " "
            yield f"{between}[deleted: {text}]{between}" if text else ""
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
            about = child.get("alt").strip() or text_in(child)
            yield f" (picture: {about}) " if about else " (picture) "
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
    """The rows of each part, cells that span several places laid out. The first row of the head names the columns."""
    header: tuple[str, ...] | None = None
    rows: list[tuple[str, ...]] = []
    first = next(table.all("tr"), None)
    for name, lines in groupby(table.elements, key=lambda part: part.name):
        parts = list(lines)
        if name in _TABLE_PARTS:
            for part in parts:
                laid = _laid_out(part.elements)
                if name == "thead" and header is None and laid:
                    header = laid.pop(0)
                rows += laid
        elif name not in _NO_ROWS:
            rows += _laid_out(parts)
    if header is None and first and rows and all(cell.name == "th" for cell in first.elements):
        header = rows.pop(0)
    return Rows(header, rows)


def _laid_out(lines: Iterable[Element]) -> list[tuple[str, ...]]:
    return [tuple(texts) for texts in laid_out(map(_cells, lines))]


def _cells(line: Element) -> list[Cell]:
    """The cells of a row; of what is none, as one cell, what it says."""
    if line.name != "tr":
        return [Cell(text)] if (text := text_in(line)) else []
    return [Cell(text_in(cell), _span(cell, "colspan"), _span(cell, "rowspan")) for cell in line.elements]


def _span(cell: Element, name: str) -> int:
    value = cell.get(name).strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 6 else 1


def _is_deleted(element: Element) -> bool:
    return (
        element.get("revised") == "delete"
        or element.name in _DELETED
        or "line-through" in element.get("style")
    )
