"""An extraction while it is being read: collects, cleans, keeps within the limits, and says what it left out.

Whatever a reader gives, the finished extraction is bounded and clean; if the reader breaks down half-way,
what it had collected stays.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from carefile.core.deciding.patient_fields import STANDARD_FIELDS, PatientFields
from carefile.core.documents.extraction import (
    Block,
    Cut,
    DocumentFacts,
    Entity,
    Extraction,
    Heading,
    PatientCandidate,
    ReadingWarning,
    Reason,
    Status,
    Table,
    TextBlock,
    clean,
    is_clean,
)
from lambdas.readers import limits
from lambdas.readers.source import Source

_PATIENTS = "patient identifiers"


@dataclass(slots=True)
class Draft:
    """Written by readers. `format` and `media_type` may be made more precise while reading. `fields` are the names
    under which a patient's id stands.
    """

    format: str
    media_type: str
    fields: PatientFields = STANDARD_FIELDS
    encoding: str | None = None
    language: str | None = None
    pages: int | None = None
    candidates_complete: bool = True
    reason: Reason | None = None
    _metadata: list[tuple[str, str]] = field(default_factory=list)
    _content: list[Block] = field(default_factory=list)
    _entities: list[Entity] = field(default_factory=list)
    _candidates: list[PatientCandidate] = field(default_factory=list)
    _names: set[tuple[str, str | None, str | None, int]] = field(default_factory=set)
    _certain: set[tuple[str | None, str]] = field(default_factory=set)
    _doubted: set[tuple[str | None, str]] = field(default_factory=set)
    _warnings: list[ReadingWarning] = field(default_factory=list)
    _cuts: dict[str, Cut] = field(default_factory=dict)
    _places: int = 0
    _room: int = limits.MAX_TEXT

    @property
    def is_full(self) -> bool:
        """Whether any further text would be left out."""
        return self._room <= 0 or len(self._content) >= limits.MAX_BLOCKS

    @property
    def blocks(self) -> tuple[Block, ...]:
        """What has been put down so far."""
        return tuple(self._content)

    @property
    def names_too_many(self) -> bool:
        """Whether there are more patients in the document than are kept, so that it can't decide whose it is."""
        return _PATIENTS in self._cuts

    def fact(self, name: str, value: str) -> None:
        """A pair of the document's own metadata: title, author, when it was made."""
        value = _short(value.strip())
        if value and len(self._metadata) < limits.MAX_METADATA:
            self._metadata.append((_short(name), value))

    def text(self, text: str, page: int | None = None, section: str | None = None) -> None:
        most = 2 * max(self._room, 0) + 2  # line ends of two characters become one
        text = self._within_room(clean(text[:most]))
        if text.strip() and self._has_block():
            self._content.append(TextBlock(text, page, section and _short(section)))

    def heading(self, text: str, level: int = 2, page: int | None = None, section: str | None = None) -> None:
        text = self._within_room(_short(text, limits.MAX_CELL))
        if text.strip() and self._has_block():
            self._content.append(Heading(text, min(max(level, 1), 6), page, section and _short(section)))

    def table(
        self,
        rows: Iterable[Sequence[str]],
        header: Sequence[str] | None = None,
        page: int | None = None,
        section: str | None = None,
        count_all: bool = True,
    ) -> None:
        """A table. `count_all` is False where `rows` are known not to be all the rows that there are."""
        kept: list[tuple[str, ...]] = []
        top = None if header is None else self._row(header)
        remaining = iter(rows)
        for row in remaining:
            if len(kept) >= limits.MAX_ROWS:
                total = limits.MAX_ROWS + 1 + sum(1 for _ in remaining) if count_all else None
                self.cut("rows", "A table has more rows than are kept.", limits.MAX_ROWS, total)
                break
            if self._room <= 0:
                self._no_room()
                break
            kept.append(self._row(row))
        if (kept or top) and self._has_block():
            self._content.append(Table(tuple(kept), top, page, section and _short(section)))

    def entity(self, type_: str, where: str, attributes: Iterable[tuple[str, str]] = ()) -> None:
        if len(self._entities) >= limits.MAX_BLOCKS:
            self.cut("records", "The document has more records than are kept.", limits.MAX_BLOCKS)
            return
        pairs: list[tuple[str, ...]] = []
        for name, value in attributes:
            if len(pairs) == limits.MAX_ATTRIBUTES:
                self.cut("facts", "A record has more facts than are kept.", limits.MAX_ATTRIBUTES)
                break
            pairs.append(self._row((name, value)))
        type_, where = _short(type_), _short(where, limits.MAX_PLACE)
        self._entities.append(Entity(type_, where, tuple((name, value) for name, value in pairs)))

    def place(self, what: str) -> str:
        """Where in the document a part without an address of its own stands, as no other does: `table 3: `."""
        self._places += 1
        return f"{what} {self._places}: "

    @property
    def names_somebody(self) -> bool:
        return bool(self._candidates)

    def doubt(self, code: str, message: str) -> None:
        """Say why the content alone must not decide whose it is."""
        self.candidates_complete = False
        self.warn(code, message)

    def candidate(self, candidate: PatientCandidate, *, is_doubtful: bool = False) -> None:
        """A patient id that the content names. One that cannot be an id is not kept, and not passed over
        either. A doubtful one may be somebody else's, or no patient's: unless it stands elsewhere without doubt, the
        content decides nothing.
        """
        if candidate.value:
            (self._doubted if is_doubtful else self._certain).add((candidate.system, candidate.value))
        if _is_odd(candidate.scope, limits.MAX_PLACE) or _is_odd(candidate.value, limits.MAX_CANDIDATE):
            self.doubt("odd-patient-id", "A patient identifier is too long or holds control characters.")
            return
        name = (candidate.value, candidate.system, candidate.type, candidate.rank)
        if len(self._candidates) >= limits.MAX_CANDIDATES:
            if name in self._names:
                return
            if len(self._candidates) >= (most := 2 * limits.MAX_CANDIDATES):
                self.candidates_complete = False
                self.cut(_PATIENTS, "The document names more patients than are kept.", most)
                return
        self._names.add(name)
        self._candidates.append(
            replace(
                candidate,
                where=_short(candidate.where, limits.MAX_PLACE),
                system=candidate.system and _short(candidate.system),
                type=candidate.type and _short(candidate.type),
            )
        )

    def give_up(self, reason: Reason, message: str, code: str | None = None) -> None:
        """Say why the rest is not read. What was read so far stays."""
        self.reason = reason
        self.doubt(code or reason.value, message)

    def warn(self, code: str, message: str, where: str | None = None) -> None:
        """Warn a person of something, without a word of the document in it. The same warning is given once."""
        warning = ReadingWarning(code, message, where)
        if warning not in self._warnings and len(self._warnings) < limits.MAX_WARNINGS:
            self._warnings.append(warning)

    def cut(self, what: str, why: str, limit: int, total: int | None = None) -> None:
        self._cuts.setdefault(what, Cut(what, why, limit, total))

    def finish(self, source: Source) -> Extraction:
        if self._doubted - self._certain:
            self.doubt("doubtful-patient", "An identifier in this document may be somebody else's.")
        reason = self.reason or (Reason.CUT if self._cuts else None)
        got_something = bool(self._content or self._entities)
        unread = Status.PARTLY_READ if got_something else Status.NOT_READ
        facts = DocumentFacts(
            name=clean(source.name)[: limits.MAX_NAME],
            size=source.size,
            bytes_read=len(source.data),
            format=self.format,
            media_type=self.media_type,
            declared_type=clean(source.declared_type)[: limits.MAX_CELL] or None,
            encoding=self.encoding,
            language=self.language,
            pages=self.pages,
            metadata=tuple(self._metadata),
        )
        return Extraction(
            document=facts,
            status=Status.READ if reason is None else unread,
            reason=reason and reason.value,
            content=tuple(self._content),
            entities=tuple(self._entities),
            patient_candidates=tuple(self._candidates),
            candidates_complete=self.candidates_complete,
            warnings=tuple(self._warnings),
            cuts=tuple(self._cuts.values()),
        )

    def _row(self, cells: Sequence[str]) -> tuple[str, ...]:
        if len(cells) > limits.MAX_COLUMNS:
            self.cut("columns", "A table has more columns than are kept.", limits.MAX_COLUMNS, len(cells))
        row = []
        for cell in cells[: limits.MAX_COLUMNS]:
            if len(cell) > limits.MAX_CELL:
                self.cut("cells", "A cell is longer than is kept.", limits.MAX_CELL)
            row.append(self._within_room(clean(cell[: limits.MAX_CELL])))
            self._room -= 1  # so that empty cells are not unbounded
        return tuple(row)

    def _within_room(self, text: str) -> str:
        if len(text) > self._room:
            self._no_room()
        text = text[: self._room] if self._room > 0 else ""
        self._room -= len(text)
        return text

    def _no_room(self) -> None:
        self.cut("text", "The document holds more text than is kept.", limits.MAX_TEXT)

    def _has_block(self) -> bool:
        if len(self._content) < limits.MAX_BLOCKS:
            return True
        self.cut("blocks", "The document has more parts than are kept.", limits.MAX_BLOCKS)
        return False


def _short(text: str, most: int = limits.MAX_METADATA_VALUE) -> str:
    return clean(text[:most])


def _is_odd(text: str, most: int) -> bool:
    return len(text) > most or not is_clean(text)
