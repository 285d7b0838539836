"""DOCX: headings, text and tables in their order, then headers, footers and notes, through python-docx.

Walked by the document's own markup, since python-docx's list of paragraphs passes over what stands in content
controls, text boxes and insertions. Deleted and struck text is marked as such, check boxes and symbols are characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.flow import Flow
from lambdas.readers.formats.html.reader import describe_html
from lambdas.readers.formats.office.symbols import CHECKED, UNCHECKED, UNKNOWN, is_symbol_font, symbol
from lambdas.readers.formats.office.zip_safely import damaged, data_of, open_office
from lambdas.readers.formats.text.rtf import describe_rtf
from lambdas.readers.limits import MAX_TEXT_BYTES
from lambdas.readers.marks import Mark, Runs
from lambdas.readers.media_types import detect
from lambdas.readers.source import Content, Source
from lambdas.readers.spans import Cell, laid_out

if TYPE_CHECKING:
    from docx.document import Document

_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = (
    "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"  # a second copy, for old readers
)
_P, _TABLE, _ROW, _CELL = f"{_W}p", f"{_W}tbl", f"{_W}tr", f"{_W}tc"
_M = "{http://schemas.openxmlformats.org/officeDocument/2006/math}"
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_R = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_NEVER = {_FALLBACK, f"{_W}moveFrom", f"{_W}instrText", f"{_W}delInstrText", f"{_W}rPr", f"{_W}pPr"}
_WORDS = {f"{_W}t", f"{_W}delText", f"{_M}t", f"{_A}t"}
_CHUNK = f"{_W}altChunk"
_OFF = ("0", "false", "off")
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
        _describe_facts(document, draft)
        letter = _Letter(_levels(document), _struck_styles(document))
        letter.describe(document.element.body, Flow(draft), document.part, draft)
        _describe_other_parts(document, letter, draft)
    except Exception as error:  # of every kind, for a damaged package
        damaged(error, draft)


def _describe_facts(document: Document, draft: Draft) -> None:
    properties = document.core_properties
    for name in _FACTS:
        draft.fact(name.replace("_", " "), str(getattr(properties, name) or ""))
    for name in ("created", "modified"):
        moment = getattr(properties, name)
        draft.fact(name, moment.isoformat() if moment else "")


def _levels(document: Document) -> dict[str, int]:
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


def _struck_styles(document: Document) -> frozenset[str]:
    """The ids of the styles whose text has a line through it."""
    return frozenset(
        style.get(f"{_W}styleId") or ""
        for style in document.styles.element.iter(f"{_W}style")
        if (format_ := style.find(f"{_W}rPr")) is not None and _has_line(format_)
    )


def _has_line(format_: Any) -> bool:
    lines = (format_.find(f"{_W}{name}") for name in ("strike", "dstrike"))
    return any(line is not None and line.get(f"{_W}val") not in _OFF for line in lines)


def _describe_other_parts(document: Document, letter: _Letter, draft: Draft) -> None:
    for relation in document.part.rels.values():
        kind = relation.reltype.rpartition("/")[2]
        if relation.is_external:
            continue
        if section := _PARTS.get(kind):
            letter.describe(
                _parsed(relation.target_part.blob), Flow(draft, section), relation.target_part, draft
            )
        elif kind == "diagramData":
            paragraphs = _parsed(relation.target_part.blob).iter(f"{_A}p")
            draft.text("\n".join(filter(None, map(letter.text, paragraphs))), section="Diagram")
        elif kind == "chart":
            draft.warn("charts", "The document has charts. They are not shown here.")


def _parsed(blob: bytes) -> Any:
    from lxml import etree

    return etree.fromstring(blob, etree.XMLParser(resolve_entities=False, no_network=True))


class _Letter:
    """How a document's markup becomes text: which styles are headings, and which draw a line through it."""

    def __init__(self, levels: dict[str, int], struck: frozenset[str]) -> None:
        self._levels = levels
        self._struck = struck

    def describe(self, root: Any, flow: Flow, part: Any, draft: Draft) -> None:
        for block in _blocks(root):
            if flow.is_full:
                break
            if block.tag == _TABLE:
                self._describe_table(block, flow)
            elif block.tag == _CHUNK:
                flow.end()
                _describe_chunk(part, block.get(f"{_R}id") or "", draft)
            else:
                self._describe_paragraph(block, flow)
        flow.end()

    def _describe_paragraph(self, block: Any, flow: Flow) -> None:
        text = self.text(block)
        style = block.find(f"{_W}pPr/{_W}pStyle")
        level = self._levels.get(style.get(f"{_W}val") or "") if style is not None else None
        if level and text.strip():
            flow.heading(text, level)
        else:
            flow.paragraph(text, is_item=block.find(f"{_W}pPr/{_W}numPr") is not None)

    def _describe_table(self, table: Any, flow: Flow) -> None:
        rows = [[self._cell(cell) for cell in _inside(row, _CELL)] for row in _inside(table, _ROW)]
        if max(map(len, rows), default=0) < 2:
            for cell in (cell for row in rows for cell in row):
                flow.paragraph(cell.text)
            return
        texts = list(laid_out(rows))
        is_headed = next(table.iter(f"{_W}tblHeader"), None) is not None
        flow.table(texts[1:] if is_headed else texts, texts[0] if is_headed else None)

    def _cell(self, cell: Any) -> Cell:
        span = cell.find(f"{_W}tcPr/{_W}gridSpan")
        value = span.get(f"{_W}val") or "" if span is not None else ""
        return Cell(self.text(cell).strip(), int(value) if value.isdecimal() and len(value) < 4 else 1)

    def text(self, root: Any) -> str:
        """All text in an element, each paragraph inside of it on a line of its own."""
        runs = Runs()
        waiting: list[tuple[Any, Mark | None, str]] = [
            (root, None, "")
        ]  # with its mark, and the font of its run
        while waiting:
            element, mark, font = waiting.pop()
            if isinstance(element, str):
                runs.add(element)
                continue
            tag = element.tag
            if tag in _WORDS:
                words = element.text or ""
                runs.add(_in_font(words, font) if font else words, mark)
            elif tag in _BREAKS:
                runs.add(_BREAKS[tag], mark)
            elif tag == f"{_W}sym":
                runs.add(_symbol(element), mark)
            elif tag == f"{_W}ffData":
                runs.add(_form_field(element))
            elif tag not in _NEVER and isinstance(tag, str):
                if tag == _P and element is not root:
                    waiting.append(("\n", None, ""))
                if tag == f"{_W}del":
                    mark = Mark.DELETED
                elif tag == f"{_W}r":
                    mark, font = mark or self._line_through(element), _symbol_font(element)
                waiting += ((child, mark, font) for child in reversed(element))
        return str(runs)

    def _line_through(self, run: Any) -> Mark | None:
        format_ = run.find(f"{_W}rPr")
        if format_ is None:
            return None
        style = format_.find(f"{_W}rStyle")
        is_struck = style is not None and style.get(f"{_W}val") in self._struck
        switched_off = any(
            line is not None and line.get(f"{_W}val") in _OFF
            for line in (format_.find(f"{_W}strike"), format_.find(f"{_W}dstrike"))
        )
        return Mark.STRUCK if _has_line(format_) or (is_struck and not switched_off) else None


def _symbol_font(run: Any) -> str:
    """The font of a run, if it is one that draws symbols for letters."""
    fonts = run.find(f"{_W}rPr/{_W}rFonts")
    name = "" if fonts is None else fonts.get(f"{_W}ascii") or fonts.get(f"{_W}hAnsi") or ""
    return name if is_symbol_font(name) else ""


def _in_font(words: str, font: str) -> str:
    """Letters as a font of symbols draws them: those that Office has moved, and those that it has not."""
    return "".join(
        symbol(ord(it), font) if 0xF000 <= ord(it) <= 0xF0FF or ord(it) < 0x100 else it for it in words
    )


def _symbol(element: Any) -> str:
    try:
        return symbol(int(element.get(f"{_W}char") or "", 16), element.get(f"{_W}font") or "")
    except ValueError:
        return UNKNOWN


def _form_field(data: Any) -> str:
    """A box that is ticked or not, and the entry that is chosen from a list: no text of the document says it."""
    if (box := data.find(f"{_W}checkBox")) is not None:
        state = box.find(f"{_W}checked")
        state = box.find(f"{_W}default") if state is None else state
        return CHECKED if state is not None and state.get(f"{_W}val") not in _OFF else UNCHECKED
    if (choices := data.find(f"{_W}ddList")) is not None:
        entries = [entry.get(f"{_W}val") or "" for entry in choices.findall(f"{_W}listEntry")]
        result = choices.find(f"{_W}result")
        chosen = "0" if result is None else result.get(f"{_W}val") or ""
        return (
            entries[int(chosen)]
            if chosen.isdecimal() and len(chosen) < 4 and int(chosen) < len(entries)
            else ""
        )
    return ""


def _describe_chunk(part: Any, id_: str, draft: Draft) -> None:
    """A document of another format that stands in this one, as Word shows it. One of Word's own is not read."""
    relation = part.rels.get(id_)
    if relation is None or relation.is_external:
        return
    data, kind = relation.target_part.blob, relation.target_part.content_type.lower()
    if data.lstrip().startswith(b"{\\rtf"):
        describe_rtf(data[:MAX_TEXT_BYTES], draft)
    elif data.startswith(b"PK") or "message" in kind or data[:20].lower().startswith(b"mime-version"):
        draft.warn("embedded", "The document holds other documents. They are not read.")
    elif decoded := Source(Content(data, len(data)), "", kind).decoded:
        if "html" in kind or decoded.text.lstrip().startswith("<"):
            describe_html(decoded.text, draft, is_part=True)
        else:
            draft.text(decoded.text)


def _blocks(root: Any) -> Iterator[Any]:
    """The paragraphs and tables, whatever holds them; what stands inside of them is theirs."""
    waiting = [root]
    while waiting:
        element = waiting.pop()
        if element.tag in (_P, _TABLE, _CHUNK):
            yield element
        elif element.tag not in _NEVER:
            waiting += reversed(element)


def _inside(root: Any, tag: str) -> Iterator[Any]:
    """The nearest elements of this name, through content controls."""
    waiting = list(reversed(root))
    while waiting:
        element = waiting.pop()
        if element.tag == tag:
            yield element
        elif element.tag not in _NEVER and element.tag not in (_TABLE, _P):
            waiting += reversed(element)


READER = Reader(
    "docx",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    _recognises,
    _read,
    isolated=True,
    needs_whole=True,
)
