"""What a workbook holds beside the values of its cells: comments, text boxes, what is hidden, formulas without a value.

Read as a stream by expat, which keeps nothing: no part of a workbook makes a tree in memory here.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING
from xml.parsers import expat

from lambdas.readers.limits import MAX_BLOCKS, MAX_CELL

if TYPE_CHECKING:
    from zipfile import ZipFile

_PLACE = re.compile(r"[A-Z]{1,3}[0-9]{1,7}")
_CODES = re.compile(r'&(?:[LCRPNDTFAZGBIUESXYOH]|"[^"]*"|\d{1,3}|K[0-9A-F]{6}|&)')  # of headers and footers
_PRINTED = {"oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader", "firstFooter"}
_NOTED = {"comments": ("t", "comment"), "threadedComment": ("text", "threadedComment"), "drawing": ("t", "p")}


@dataclass(slots=True)
class SheetFacts:
    """`uncalculated` is the first cell whose formula has no value, `printed` the header and footer of a page."""

    uncalculated: str | None = None
    hides: bool = False
    printed: list[str] = field(default_factory=list)


def facts_of_sheet(part: IO[bytes]) -> SheetFacts:
    """What the markup of a sheet says beside its values."""
    facts = SheetFacts()
    kind = place = ""
    has_formula = has_value = False
    texts: list[str] | None = None

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal kind, place, has_formula, has_value, texts
        match name:
            case "c":
                kind, place = attributes.get("t", ""), attributes.get("r", "")
                has_formula = has_value = False
            case "f":
                has_formula = True
            case "v":
                has_value = kind == "str"  # an empty text is a value
            case "row" | "col":
                facts.hides = facts.hides or attributes.get("hidden") in ("1", "true")
            case _ if name in _PRINTED:
                texts = []

    def text(data: str) -> None:
        nonlocal has_value
        has_value = has_value or bool(data.strip())
        if texts is not None and len(texts) < MAX_CELL:
            texts.append(data)

    def end(name: str) -> None:
        nonlocal texts
        if name == "c" and has_formula and not has_value and facts.uncalculated is None:
            facts.uncalculated = place if _PLACE.fullmatch(place) else ""
        elif name == "f":
            nothing_yet()
        elif name in _PRINTED and texts is not None:
            if line := " ".join(_CODES.sub(_spoken, "".join(texts)).split()):
                facts.printed.append(line)
            texts = None

    def nothing_yet() -> None:
        nonlocal has_value
        has_value = False  # what stood in the formula itself is none

    _parse(part, begin, end, text)
    return facts


def _spoken(code: re.Match[str]) -> str:
    return "&" if code[0] == "&&" else " "


@dataclass(slots=True)
class SheetNotes:
    """The comments of a sheet, each with its cell, the texts of its boxes, and how many charts it has."""

    comments: list[str] = field(default_factory=list)
    boxes: list[str] = field(default_factory=list)
    charts: int = 0


def notes_of_sheet(package: ZipFile, sheet: str) -> SheetNotes:
    """What hangs on a sheet by its relations."""
    notes = SheetNotes()
    related = dict(_relations(package, sheet))
    kinds: list[str] = [kind for kind in ("comments", "drawing") if kind in related]
    if "comments" not in related and "threadedComment" in related:
        kinds.append("threadedComment")  # else each stands among the comments, too
    for kind in kinds:
        for target in related[kind]:
            _note(package, target, kind, notes)
    return notes


def _note(package: ZipFile, target: str, kind: str, notes: SheetNotes) -> None:
    if target not in package.NameToInfo:
        return
    of_text, of_paragraph = _NOTED[kind]
    lines = notes.boxes if kind == "drawing" else notes.comments
    place = ""
    words: list[str] = []
    is_text = False

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal place, is_text
        is_text = name == of_text
        if name == of_paragraph:
            words.clear()
            place = attributes.get("ref", "") if kind != "drawing" else ""
        elif name == "br":
            words.append("\n")
        elif name == "chart":
            notes.charts += 1

    def text(data: str) -> None:
        if is_text and len(words) < MAX_CELL:
            words.append(data)

    def end(name: str) -> None:
        nonlocal is_text
        is_text = False
        if name == of_paragraph and len(lines) < MAX_BLOCKS:
            line = "".join(words).strip()
            if line:
                lines.append(f"{place}: {line}" if _PLACE.fullmatch(place) else line)
            words.clear()

    with package.open(target) as part:
        _parse(part, begin, end, text)


def _relations(package: ZipFile, part: str) -> Iterator[tuple[str, list[str]]]:
    """Where the relations of a part lead to within the package, by their kind."""
    folder, _, name = part.rpartition("/")
    path = f"{folder}/_rels/{name}.rels"
    if path not in package.NameToInfo:
        return
    found: dict[str, list[str]] = {}

    def begin(name: str, attributes: Mapping[str, str]) -> None:
        if name == "Relationship" and attributes.get("TargetMode") != "External":
            kind = attributes.get("Type", "").rpartition("/")[2]
            target = attributes.get("Target", "")
            joined = target[1:] if target.startswith("/") else posixpath.join(folder, target)
            found.setdefault(kind, []).append(posixpath.normpath(joined))

    with package.open(path) as part_:
        _parse(part_, begin, lambda _: None, lambda _: None)
    yield from found.items()


def _parse(
    part: IO[bytes],
    begin: Callable[[str, Mapping[str, str]], None],
    end: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Call back for every element, by its local name. No entity is declared: that raises ValueError."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, attributes: begin(name.rpartition(" ")[2], attributes)
    parser.EndElementHandler = lambda name: end(name.rpartition(" ")[2])
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = _refuse
    while data := part.read(1 << 16):
        parser.Parse(data)
    parser.Parse(b"", True)


def _refuse(*_: object) -> None:
    raise ValueError("the part declares entities")
