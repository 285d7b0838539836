"""DOCX: headings, text and tables in their order, then headers, footers and notes, through python-docx.

Walked by the document's own markup, since python-docx's list of paragraphs passes over what stands in content
controls, text boxes and insertions. Deleted text is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lambdas.readers.base import Reader, Source
from lambdas.readers.draft import Draft
from lambdas.readers.flow import Flow
from lambdas.readers.formats.office.zip_safely import damaged, data_of, open_office
from lambdas.readers.media_types import detect
from lambdas.readers.spans import Cell, laid_out

if TYPE_CHECKING:
    from docx.document import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = (
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # a second copy, for old readers
)
_P, _TABLE, _ROW, _CELL = f"{_W}p", f"{_W}tbl", f"{_W}tr", f"{_W}tc"
_NEVER = {_FALLBACK, f"{_W}del", f"{_W}moveFrom", f"{_W}delText", f"{_W}instrText"}
_BREAKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
_HEADING = re.compile(r"(?:heading|überschrift|titre|título|titolo|kop) ?([1-9])", re.IGNORECASE)
_PARTS = {part: part.capitalize() for part in ("header", "footer", "footnotes", "endnotes", "comments")}
_MAIN = re.compile(r"word/document\d*\.xml")
_FACTS = ("title", "author", "subject", "keywords", "last_modified_by")


def _recognises(source: Source) -> bool:
    return detect(source)[0] == "docx"


def _read(source: Source, draft: Draft) -> None:
    import docx

    package = open_office(source, _MAIN, draft)
    if package is None:
        return
    try:
        document = docx.Document(data_of(package))
        _tell_facts(document, draft)
        _tell(document.element.body, _styles(document), Flow(draft))
        _tell_other_parts(document, draft)
    except Exception as error:  # of every kind, for a damaged package
        damaged(error, draft)


def _tell_facts(document: Document, draft: Draft) -> None:
    properties = document.core_properties
    for name in _FACTS:
        draft.fact(name.replace("_", " "), str(getattr(properties, name) or ""))
    for name in ("created", "modified"):
        moment = getattr(properties, name)
        draft.fact(name, moment.isoformat() if moment else "")


def _styles(document: Document) -> dict[str, int]:
    """The levels of the styles that are headings, by the styles' ids."""
    levels = {}
    for style in document.styles.element.iter(f"{_W}style"):
        name = style.find(f"{_W}name")
        called = "" if name is None else name.get(f"{_W}val") or ""
        if match := _HEADING.fullmatch(called):
            levels[style.get(f"{_W}styleId") or ""] = int(match[1])
        elif called.lower() == "title":
            levels[style.get(f"{_W}styleId") or ""] = 1
    return levels


def _tell_other_parts(document: Document, draft: Draft) -> None:
    from lxml import etree

    for relation in document.part.rels.values():
        section = _PARTS.get(relation.reltype.rpartition("/")[2])
        if section and not relation.is_external:
            parser = etree.XMLParser(resolve_entities=False, no_network=True)
            root = etree.fromstring(relation.target_part.blob, parser)
            _tell(root, {}, Flow(draft, section))


def _tell(root: Any, headings: dict[str, int], flow: Flow) -> None:
    for block in _blocks(root):
        if flow.is_full:
            break
        if block.tag == _TABLE:
            _tell_table(block, flow)
            continue
        text = _text(block)
        style = block.find(f"{_W}pPr/{_W}pStyle")
        level = headings.get(style.get(f"{_W}val") or "") if style is not None else None
        if level and text.strip():
            flow.heading(text, level)
        else:
            flow.paragraph(text, is_item=block.find(f"{_W}pPr/{_W}numPr") is not None)
    flow.end()


def _blocks(root: Any) -> Iterator[Any]:
    """The paragraphs and tables, whatever holds them; what stands inside of them is theirs."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag in (_P, _TABLE):
            yield element
        elif element.tag not in _NEVER:
            waiting += reversed(element)


def _tell_table(table: Any, flow: Flow) -> None:
    rows = [[_cell(cell) for cell in _inside(row, _CELL)] for row in _inside(table, _ROW)]
    if max(map(len, rows), default=0) < 2:
        for cell in (cell for row in rows for cell in row):
            flow.paragraph(cell.text)
        return
    texts = list(laid_out(rows))
    is_headed = next(table.iter(f"{_W}tblHeader"), None) is not None
    flow.table(texts[1:] if is_headed else texts, texts[0] if is_headed else None)


def _inside(root: Any, tag: str) -> Iterator[Any]:
    """The nearest elements of this name, through content controls."""
    waiting = list(reversed(root))
    while waiting:
        element = waiting.pop()
        if element.tag == tag:
            yield element
        elif element.tag not in _NEVER and element.tag not in (_TABLE, _P):
            waiting += reversed(element)


def _cell(cell: Any) -> Cell:
    span = cell.find(f"{_W}tcPr/{_W}gridSpan")
    value = span.get(f"{_W}val") or "" if span is not None else ""
    return Cell(_text(cell).strip(), int(value) if value.isdecimal() and len(value) < 4 else 1)


def _text(root: Any) -> str:
    """All text in an element, each paragraph inside of it on a line of its own."""
    parts: list[str] = []
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if isinstance(element, str):
            parts.append(element)
        elif element.tag == f"{_W}t":
            parts.append(element.text or "")
        elif element.tag in _BREAKS:
            parts.append(_BREAKS[element.tag])
        elif element.tag not in _NEVER and isinstance(element.tag, str):
            if element.tag == _P and element is not root:
                waiting.append("\n")
            waiting += reversed(element)
    return "".join(parts)


READER = Reader(
    "docx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    _recognises,
    _read,
    isolated=True,
    needs_whole=True,
)
