"""`result.html`: an extraction as one page that a person reads in any browser, or prints.

Invariants: the page is self-contained and can run nothing, whatever the document contains: no script, no
address from the document, no link but the one to the original beside it, a Content-Security-Policy that allows
only the page's own style sheet and, where there is one, the picture that was made here, and every value
escaped. Equal input gives an equal page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from carefile.core.documents.extraction import (
    REPLACEMENT,
    Block,
    Extraction,
    Heading,
    Reason,
    Status,
    Table,
    clean,
)
from carefile.core.documents.recognition import RecognisedPage
from carefile.core.documents.vocabulary import FACTS, MONTHS, RAW
from carefile.core.model import ReadingStatus
from carefile.page.records import come_first, groups, readable, stands_out

_HERE = Path(__file__).parent
STYLE = (_HERE / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"
_POLICY_WITH_PICTURE = f"{POLICY}; img-src data:"

_ALIGNED = re.compile(r"\S(?: {3,}|\t)\S")  # columns made of spaces, which only fixed-width letters show
_NUMBER = re.compile(r"[-+<>≤≥~]?\s*[\d.,\s]{0,30}\d\s*%?")
_OVERRIDES = {0x202D: REPLACEMENT, 0x202E: REPLACEMENT}  # by which "ABO" would read "OBA"
_FORMATS = {
    "csv": "Table (CSV)",
    "docx": "Word document",
    "eml": "E-mail",
    "xlsx": "Excel workbook",
    "mbox": "Mailbox",
    "doc": "Word document (old)",
    "xls": "Excel workbook (old)",
    "xlsb": "Excel workbook (binary)",
    "ppt": "PowerPoint presentation (old)",
    "pptx": "PowerPoint presentation",
    "msg": "Outlook message",
    "vsd": "Visio drawing",
    "vsdx": "Visio drawing",
    "odt": "OpenDocument text",
    "ods": "OpenDocument spreadsheet",
    "odp": "OpenDocument presentation",
    "zip": "ZIP archive",
    "json": "JSON",
    "ndjson": "JSON lines",
    "text": "Plain text",
    "fhir": "FHIR",
    "fhir-ndjson": "FHIR (JSON lines)",
    "hl7v2": "HL7 v2",
    "cda": "Clinical document (CDA)",
    "dicom": "DICOM",
    "empty": "Empty file",
    "unknown": "Unknown type",
}
_THIN = 200  # characters of a text that says less than the picture of its page
_TEMPLATES = ("docx", "pdf", "rtf", "xlsx")  # their title in the metadata is often that of a template
_LONGEST_TITLE = 200
_UNITS = ("kB", "MB", "GB", "TB")
_READING = {
    Status.READ: "Complete",
    Status.PARTLY_READ: "In part",
    Status.NOT_READ: "Not read",
}


@dataclass(frozen=True, slots=True)
class PageHeader:
    """What the page says about the upload. `received` is a moment in ISO 8601, `source` the landing object, `original`
    the name of the file beside the page; `statements` say why the patient is unknown, `decision` who decided.
    """

    title: str
    kind: str
    patient: str
    received: str
    source: str
    version: str
    original: str = ""
    statements: tuple[str, ...] = ()
    decision: str = ""


def render(extraction: Extraction, header: PageHeader) -> str:
    """The page. Never raises for anything that a document may contain."""
    return template("page.html.jinja").render(
        header=header,
        extraction=extraction,
        document=extraction.document,
        received=moment(header.received),
        size=_size(extraction.document.size),
        format=_FORMATS.get(extraction.document.format, extraction.document.format.upper()),
        reading=_reading(extraction),
        title=_title(extraction) or header.title,
        original=header.original and f"./{quote(header.original)}",
        picture_first=_shows_more_than_it_says(extraction),
        picture=extraction.picture and base64.b64encode(extraction.picture.data).decode(),
        words=extraction.picture and json.dumps(extraction.picture.words, ensure_ascii=False),
        pages=list(_pages(extraction)),
        records=list(groups(extraction.entities, extraction.document.format)),
        records_first=come_first(extraction.document.format),
        style=Markup(STYLE),  # noqa: S704 the page's own style sheet, nothing of a document
        policy=_POLICY_WITH_PICTURE if extraction.picture or extraction.shown else POLICY,
    )


@cache
def template(name: str) -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=as_shown,
    )
    environment.filters |= {
        "grouped": lambda number: f"{number:,}",
        "readable": readable,
        "titled": lambda name: name[:1].upper() + name[1:],
    }
    environment.tests |= {
        "aligned": _is_aligned,
        "facts": _is_facts,
        "raw": _is_raw,
    }
    environment.globals |= {"numeric_columns": _numeric_columns, "stands_out": stands_out}
    return environment.get_template(name)


def as_shown(value: Any) -> Any:
    """A text as it may stand on the page: keys from outside come in uncleaned, and no text may turn itself round."""
    return clean(value).translate(_OVERRIDES) if type(value) is str else value


def _title(extraction: Extraction) -> str:
    """What the document calls itself: in its metadata, else as its first heading, if that is its title."""
    of_its_own = extraction.document.format not in _TEMPLATES
    given = next(
        (value for name, value in extraction.document.metadata if name == "title" and of_its_own), ""
    )
    first = next((block for block in extraction.content if not isinstance(block, Table)), None)
    if not given and isinstance(first, Heading) and first.level == 1:
        given = first.text
    return " ".join(given.split())[:_LONGEST_TITLE]


def _shows_more_than_it_says(extraction: Extraction) -> bool:
    """Whether a page is a picture with little text beside it, as of a scan."""
    if extraction.picture is None or extraction.shown:
        return False
    words = sum(len(block.text) for block in extraction.content if not isinstance(block, Table))
    return words < _THIN or any(warning.code == "scanned" for warning in extraction.warnings)


def _reading(extraction: Extraction) -> str:
    if extraction.recognition and extraction.recognition.status is ReadingStatus.PENDING:
        return "Pictures are still being read"
    if extraction.recognition and extraction.status is Status.READ:
        return "Recognised from pictures"
    if extraction.picture and extraction.reason == Reason.NO_TEXT:
        return "As a picture"
    return _READING[extraction.status]


def _pages(extraction: Extraction) -> Iterator[dict[str, Any]]:
    """The blocks by page, each with the section that begins with it, unless a heading has just named it. Of a page that
    was recognised also its picture with the words over it."""
    scans = {page.page: page for page in extraction.recognition.pages} if extraction.recognition else {}
    recognised = {page.text for page in scans.values()}
    others = [
        block for block in extraction.content if isinstance(block, Table) or block.text not in recognised
    ]
    # A page that shows its recognised text beside its picture does not show it again as a block.
    for number, blocks in groupby(_with_places(others, scans), key=lambda entry: entry[0]):
        named: str | None = None
        shown = []
        for _, block in blocks:
            if block is None:
                continue
            is_new = block.section != named
            shown.append({"block": block, "section": block.section if is_new else None})
            named = block.text if isinstance(block, Heading) else block.section
        scan = scans.pop(number, None) if number is not None else None
        yield {"number": number, "blocks": shown, "scan": scan and _scan(scan, extraction)}
    for page in scans.values():  # of a document that has no pages, and pictures in it
        yield {"number": page.page, "blocks": [], "scan": _scan(page, extraction)}


def _with_places(
    blocks: list[Block], scans: Mapping[int, RecognisedPage]
) -> list[tuple[int | None, Block | None]]:
    """The blocks with their pages, and an entry for each page that was recognised, in the order of pages."""
    entries: list[tuple[int | None, Block | None]] = [(block.page, block) for block in blocks]
    if any(number is None for number, _ in entries):
        return entries
    scanned: list[tuple[int | None, Block | None]] = [(number, None) for number in scans]
    return sorted([*scanned, *entries], key=lambda entry: entry[0] or 0)


def _scan(page: RecognisedPage, extraction: Extraction) -> dict[str, Any]:
    picture = extraction.shown.get(page.page)
    data = picture and base64.b64encode(picture.data).decode()
    return {"page": page, "picture": picture, "data": data}


def _is_aligned(text: str) -> bool:
    return bool(_ALIGNED.search(text))


def _is_facts(table: Table) -> bool:
    return table.header == FACTS


def _is_raw(table: Table) -> bool:
    return table.header == RAW


def _numeric_columns(table: Table) -> frozenset[int]:
    """The columns that hold nothing but numbers, to be set flush right."""
    width = max(map(len, (*table.rows, table.header or ())), default=0)
    return frozenset(column for column in range(width) if _is_numeric(table, column))


def _is_numeric(table: Table, column: int) -> bool:
    cells = [row[column].strip() for row in table.rows if column < len(row) and row[column].strip()]
    return bool(cells) and all(len(cell) <= 32 and _NUMBER.fullmatch(cell) for cell in cells)


def moment(text: str) -> str:
    """A moment for people, in UTC. What is no moment stays as it is."""
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return text
    if when.tzinfo is not None:
        when = when.astimezone(UTC)
    zone = " UTC" if when.tzinfo else ""
    return f"{when.day} {MONTHS[when.month - 1]} {when.year}, {when:%H:%M}{zone}"


def _size(size: int) -> str:
    if size < 1000:
        return f"{size} bytes"
    power = min((len(str(size)) - 1) // 3, len(_UNITS))
    return f"{size / 1000**power:.1f} {_UNITS[power - 1]}"
