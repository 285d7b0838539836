"""What was extracted from a document, in one shape for all formats: the content of `extracted_data.json`.

Invariants: nothing here depends on the moment, so equal input gives equal bytes; `to_json()` is valid against
`schemas/extracted_data.v3.json`, which is v1 with the reader and, where pages are pictures, how these were read; text
that went through `clean` is valid UTF-8 and holds no control characters but tab and line feed; warnings and reasons
never quote the document.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from carefile.core.documents.picture import Picture
from carefile.core.documents.readers import NOBODY, RECOGNITION, VERSIONS, Readers
from carefile.core.documents.recognition import Recognition
from carefile.core.model import ReadingStatus

SCHEMA_VERSION = "3.0"

# Lone surrogates, control characters but tab and line feed, and the two code points that are never
# characters: each breaks UTF-8, HTML or XML, or the terminal of whoever looks at it.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
REPLACEMENT = "\ufffd"


def clean(text: str) -> str:
    """The text with line ends as line feeds and every unfit character replaced by U+FFFD."""
    return _UNFIT.sub(REPLACEMENT, text.replace("\r\n", "\n").replace("\r", "\n"))


def is_clean(text: str) -> bool:
    return "\r" not in text and not _UNFIT.search(text)


class Status(StrEnum):
    READ = "read"
    PARTLY_READ = "partly-read"
    NOT_READ = "not-read"


class Reason(StrEnum):
    """Why a document was not read, or only in part."""

    EMPTY = "empty"
    UNSUPPORTED = "unsupported"
    ENCRYPTED = "encrypted"
    DAMAGED = "damaged"
    NO_TEXT = "no-text"
    TOO_LARGE = "too-large"
    TOO_COMPLEX = "too-complex"
    TOO_SLOW = "too-slow"
    CUT = "cut"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DocumentFacts:
    """What is known of the file itself. `media_type` is what the content is, `declared_type` what was
    claimed.
    """

    name: str
    size: int
    bytes_read: int
    format: str
    media_type: str
    declared_type: str | None = None
    encoding: str | None = None
    language: str | None = None
    pages: int | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the document; `level` 1 is the document's own title."""

    text: str
    level: int = 1
    page: int | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class TextBlock:
    """Text as it stands, line breaks kept, on a page or in a section where the format has such."""

    text: str
    page: int | None = None
    section: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of cells. Rows may differ in length; `header` is None where the document names no columns."""

    rows: tuple[tuple[str, ...], ...]
    header: tuple[str, ...] | None = None
    page: int | None = None
    section: str | None = None


Block = Heading | TextBlock | Table


@dataclass(frozen=True, slots=True)
class Entity:
    """An entity of a clinical format: a patient, an observation, a study, an attachment.

    `type` is the format's own word for it, `where` its place in the document.
    """

    type: str
    where: str
    attributes: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PatientCandidate:
    """A patient id that the content names. `where` is its place; `system` whose id it is, and `type` of what kind, as
    HL7's table 0203 calls it, if the format says so.

    Of several identifiers of one record the format's preferred one has the lowest `rank`; `scope` is the
    record's place, and a record whose scope begins with another's lies within it.
    """

    value: str
    where: str
    system: str | None = None
    rank: int = 0
    scope: str = ""
    type: str | None = None


@dataclass(frozen=True, slots=True)
class ReadingWarning:
    """Something a person should know: `code` for machines, `message` for people."""

    code: str
    message: str
    where: str | None = None


@dataclass(frozen=True, slots=True)
class Cut:
    """What was left out: of `what`, only `limit` were kept of `total`, where the total is known."""

    what: str
    why: str
    limit: int
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Extraction:
    """Everything that was extracted from one document. `content` is in the document's own order.

    `candidates_complete` is False when some of the content that may name a patient was not looked at: what
    the candidates say may then contradict another source, but is no ground to decide on alone. `recognition` is what
    an engine made of its pages that are pictures, and `shown` how these look, by their number. `reader` read it, at
    `reader_version`.
    """

    document: DocumentFacts
    status: Status
    reason: str | None = None
    content: tuple[Block, ...] = ()
    entities: tuple[Entity, ...] = ()
    patient_candidates: tuple[PatientCandidate, ...] = ()
    candidates_complete: bool = True
    warnings: tuple[ReadingWarning, ...] = ()
    cuts: tuple[Cut, ...] = ()
    picture: Picture | None = None
    recognition: Recognition | None = None
    shown: Mapping[int, Picture] = field(default_factory=dict, hash=False)
    reader: str = NOBODY
    reader_version: int = VERSIONS[NOBODY]

    def __post_init__(self) -> None:
        if (self.status is Status.READ) != (self.reason is None):
            raise ValueError("a reason is given exactly when not everything was read")

    @property
    def readers(self) -> Readers:
        """All that made this record."""
        made = Readers({self.reader: self.reader_version})
        if self.recognition and self.recognition.status is not ReadingStatus.PENDING:
            made[RECOGNITION] = self.recognition.release
        return made

    def to_json(self) -> dict[str, Any]:
        """The content of `extracted_data.json`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "status": self.status.value,
            **_given(reason=self.reason),
            "document": _facts_to_json(self.document),
            "content": [_block_to_json(block) for block in self.content],
            "entities": [
                {"type": e.type, "where": e.where, "attributes": _pairs(e.attributes)} for e in self.entities
            ],
            "patient": {
                "candidates": [_candidate_to_json(candidate) for candidate in self.patient_candidates],
                "complete": self.candidates_complete,
            },
            "warnings": [
                {"code": w.code, "message": w.message, **_given(where=w.where)} for w in self.warnings
            ],
            "cuts": [
                {"what": c.what, "why": c.why, "limit": c.limit, **_given(total=c.total)} for c in self.cuts
            ],
            "reader": {"name": self.reader, "version": self.reader_version},
            **_given(reading=self.recognition and self.recognition.to_json()),
        }

    def to_bytes(self) -> bytes:
        """The file `extracted_data.json`: UTF-8, the same bytes for the same extraction."""
        indent = (
            None if self.recognition else 1
        )  # a line for each number of each box would be most of the file
        return (json.dumps(self.to_json(), ensure_ascii=False, indent=indent) + "\n").encode("utf-8")

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Extraction:
        """The extraction that `to_json` wrote down."""
        facts = dict(data["document"])
        facts["metadata"] = _tuples(facts["metadata"])
        return cls(
            document=DocumentFacts(**facts),
            status=Status(data["status"]),
            reason=data.get("reason"),
            content=tuple(_block_from_json(block) for block in data["content"]),
            entities=tuple(Entity(e["type"], e["where"], _tuples(e["attributes"])) for e in data["entities"]),
            patient_candidates=tuple(PatientCandidate(**c) for c in data["patient"]["candidates"]),
            candidates_complete=data["patient"]["complete"],
            warnings=tuple(ReadingWarning(**w) for w in data["warnings"]),
            cuts=tuple(Cut(**c) for c in data["cuts"]),
            reader=data["reader"]["name"],
            reader_version=data["reader"]["version"],
        )


def _given(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}


def _pairs(pairs: tuple[tuple[str, str], ...]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in pairs]


def _tuples(pairs: Iterable[Mapping[str, str]]) -> tuple[tuple[str, str], ...]:
    return tuple((pair["name"], pair["value"]) for pair in pairs)


def _facts_to_json(facts: DocumentFacts) -> dict[str, Any]:
    return {
        "name": facts.name,
        "size": facts.size,
        "bytes_read": facts.bytes_read,
        "format": facts.format,
        "media_type": facts.media_type,
        **_given(
            declared_type=facts.declared_type,
            encoding=facts.encoding,
            language=facts.language,
            pages=facts.pages,
        ),
        "metadata": _pairs(facts.metadata),
    }


def _candidate_to_json(candidate: PatientCandidate) -> dict[str, Any]:
    return {
        "value": candidate.value,
        "where": candidate.where,
        **_given(system=candidate.system, type=candidate.type),
        "rank": candidate.rank,
        "scope": candidate.scope,
    }


def _block_to_json(block: Block) -> dict[str, Any]:
    place = _given(page=block.page, section=block.section)
    if isinstance(block, Heading):
        return {"type": "heading", "level": block.level, "text": block.text, **place}
    if isinstance(block, TextBlock):
        return {"type": "text", "text": block.text, **place}
    header = _given(header=None if block.header is None else list(block.header))
    return {"type": "table", **header, "rows": [list(row) for row in block.rows], **place}


def _block_from_json(data: Mapping[str, Any]) -> Block:
    members = dict(data)
    kind = members.pop("type")
    if kind == "heading":
        return Heading(**members)
    if kind == "text":
        return TextBlock(**members)
    if "header" in members:
        members["header"] = tuple(members["header"])
    return Table(**members | {"rows": tuple(tuple(row) for row in members["rows"])})
