"""What a document's text says of patients: numbers, names and dates of birth beside their labels, and where.

Nothing here knows who is listed. Invariants: what was recognised on a picture says so; a number with a doubtful
character is not mentioned; what a text says of another person than its patient (a mother, a guarantor) is marked.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING

from carefile.core.patients.dates import all_dates, birth_date, first_date
from carefile.core.patients.labels import Label, Labelled, TextLabels
from carefile.core.patients.names import flattened, name_words

if TYPE_CHECKING:
    from carefile.core.documents.extraction import Block, Extraction
    from carefile.core.documents.recognition import RecognisedPage

FIELDS = "fields"  # of a clinical format
_MOST_TEXT = 400_000  # characters
_MOST_MENTIONS = 200
_SEPARATOR = re.compile(r"[ \t\u00a0:=#.\-–—()|»>]*\n?[ \t\u00a0:=#.\-–—()|»>]*")
_SAID_SO = re.compile(r"[:=\t\n|]")
_NUMBER = re.compile(r"[^\W_](?:[\w./\-]{0,62}[^\W_])?")
_GROUPS = re.compile(r"\d{1,4}(?: \d{2,4}){1,4}(?![\w])")
_NAME_PART = re.compile(r"(?:[^\W\d_]|['’])+(?:[-.](?:[^\W\d_]|['’])+)*\.?")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_BETWEEN_PARTS = re.compile(r"(?:,? {0,2}|-)")
_PARTICLES = frozenset((
    "de", "del", "la", "las", "los", "da", "das", "do", "dos", "di", "van", "von", "der", "den", "y", "e", "al", "bin",
))  # fmt: skip
_MOST_PARTS = 8
_MOST_BETWEEN = 40  # characters
_ROWS_APART = "\f\n"
_PARAGRAPH = re.compile(r"\n[ \t\f]*\n")
_DATE_WITHIN = 40  # characters after its label
# Where a text stops speaking of the person whom it named before.
_TURN = re.compile(r"\n[ \t]*\n|(?<=[^\W\d_]{3})[.!?](?=\s)|;")


class Whose(StrEnum):
    """Whether a text speaks of its patient. On the line of a relative's label it does not; on the next ones of that
    paragraph it may."""

    PATIENT = "patient"
    UNSURE = "unsure"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Mention:
    """Something beside a label. `values` are its readings: of a date the days that it may be, of a number its forms.
    Those of one `group` are one heading: nothing that could be about somebody else is between them."""

    label: Label
    values: tuple[str, ...]
    page: int | None
    section: str | None
    whose: Whose = Whose.PATIENT
    recognised: bool = False
    group: int = 0

    @property
    def place(self) -> str:
        where = f"page {self.page}" if self.page else self.section or "text"
        return f"{where}, recognised" if self.recognised else where


@dataclass(frozen=True, slots=True)
class _Passage:
    text: str
    page: int | None = None
    section: str | None = None
    recognised: bool = False
    doubtful: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Mentions:
    """Everything that a text mentions. `whole`: all of the document's text was looked at, and none is still to be."""

    found: tuple[Mention, ...] = ()
    whole: bool = True
    passages: tuple[_Passage, ...] = ()

    def of(self, *labels: Label, others: bool = False) -> list[Mention]:
        return [it for it in self.found if it.label in labels and (others or it.whose is not Whose.OTHER)]

    @property
    def numbers(self) -> list[Mention]:
        return self.of(Label.IDENTIFIER)

    @property
    def names(self) -> list[Mention]:
        return self.of(Label.NAME)

    @property
    def birth_dates(self) -> list[Mention]:
        return self.of(Label.BIRTH_DATE)

    @cached_property
    def words(self) -> dict[str, list[int]]:
        """Where each word of the text stands, counted in words; there is a gap between passages."""
        found: dict[str, list[int]] = {}
        at = 0
        for passage in self.passages:
            for match in _WORD.finditer(passage.text):
                for word in name_words(match.group()):
                    found.setdefault(word, []).append(at)
                    at += 1
            at += _MOST_PARTS
        return found

    @cached_property
    def dates(self) -> list[Mention]:
        """Every date of the text, labelled or not, but other people's birth dates."""
        others = {
            date
            for it in self.of(Label.BIRTH_DATE, others=True)
            if it.whose is Whose.OTHER
            for date in it.values
        }
        return [
            Mention(Label.BIRTH_DATE, tuple(sorted(dates)), it.page, it.section, Whose.UNSURE, it.recognised)
            for it in self.passages
            for dates in all_dates(flattened(it.text))
            if not dates & others
        ]

    def may_name(self, patient: str | None) -> bool:
        """Whether there is anything to hold against the directory, for an object that is a patient's, or nobody's."""
        return bool(self.found) or (patient is None and bool(self.dates))

    def holds_name(self, name: str) -> bool:
        """Whether all words of a name, two at least, stand side by side, in any order."""
        words = name_words(name)
        if len(words) < 2 or not all(len(word) == 1 or word in self.words for word in words):
            return False
        rarest = min(words, key=lambda it: len(self.words.get(it, ())))
        spread = len(words) + 1
        return any(
            all(any(abs(at - here) < spread for at in self.words.get(it, ())) for it in words)
            for here in self.words.get(rarest, ())[:_MOST_MENTIONS]
        )


def mentions_in(content: Extraction | None, labels: TextLabels) -> Mentions:
    """What the text of a document mentions, recognised text included."""
    if content is None:
        return Mentions()
    from carefile.core.documents.extraction import Status  # loaded by documents only, here and below

    left = _MOST_TEXT
    passages: list[_Passage] = []
    whole = content.status is Status.READ and not content.cuts and content.recognition is None
    for passage in _joined(_passages(content, labels)):
        if len(passage.text) > left:
            whole = False
            break
        left -= len(passage.text)
        passages.append(passage)
    found: list[Mention] = []
    for passage in passages:
        found += _whole_names([*_mentions(passage, labels, found[-1].group + 1 if found else 0)])
    whole = whole and len(found) <= _MOST_MENTIONS
    found = [*_fields(content), *found]
    return Mentions(tuple(found[:_MOST_MENTIONS]), whole, tuple(passages))


def _fields(content: Extraction) -> Iterator[Mention]:
    """Yield the names and birth dates of the patients whom the fields of a clinical format describe. They never decide
    with the text."""
    for entity in content.entities:
        if entity.type != "Patient":
            continue
        facts = dict(entity.attributes)
        if name := facts.get("name", ""):
            yield Mention(Label.NAME, (name,), None, FIELDS, Whose.UNSURE)
        if born := birth_date(facts.get("birth date", "")[:10]):
            yield Mention(Label.BIRTH_DATE, (born,), None, FIELDS, Whose.UNSURE)


def _passages(content: Extraction, labels: TextLabels) -> Iterator[_Passage]:
    from carefile.core.documents.scans import block_of

    recognition = content.recognition
    pages = recognition.pages if recognition else ()
    recognised = {block_of(page) for page in pages}
    for block in content.content:
        if block not in recognised:
            yield _Passage(unicodedata.normalize("NFC", _text(block, labels)), block.page, block.section)
    for page in pages if recognition and recognition.is_evidence else ():
        yield _recognised(page)


def _joined(passages: Iterable[_Passage]) -> Iterator[_Passage]:
    """Join what stands in one place, so that a label and its value, or a heading and what it is of, are one text."""
    held: _Passage | None = None
    for it in passages:
        if (
            held
            and not (it.recognised or held.recognised)
            and (it.page, it.section) == (held.page, held.section)
        ):
            held = _Passage(f"{held.text}\n{it.text}", it.page, it.section)
        else:
            if held:
                yield held
            held = it
    if held:
        yield held


def _text(block: Block, labels: TextLabels) -> str:
    from carefile.core.documents.extraction import Table

    if not isinstance(block, Table):
        return block.text
    rows = [
        [_line(cell) for cell in row] for row in (*((block.header,) if block.header else ()), *block.rows)
    ]
    header, *others = rows or [[]]
    if not _are_labels(header, labels):
        return _below_one_another(rows)
    return "".join(
        "\n".join(f"{name}: {cell}" for name, cell in zip(header, row, strict=False) if cell) + "\n\n"
        for row in others
    )


def _below_one_another(rows: Iterable[Sequence[str]]) -> str:
    """The rows as lines. A row of one cell is a sentence or a title, and in no heading with rows of labels and values,
    though a title may say whom the rows below it are about."""
    text, before = "", 0
    for row in rows:
        cells = sum(map(bool, row))
        text += _ROWS_APART if before and (cells == 1) != (before == 1) else ""
        text += "\t".join(row) + "\n"
        before = cells
    return text


def _are_labels(header: Sequence[str], labels: TextLabels) -> bool:
    """Whether a row names its columns: two cells or more are labels and no value is among them."""
    kinds = [next(labels.found_in(flattened(cell)), None) for cell in header]
    facts = sum(it is not None for it in kinds)
    return facts >= 2 and not any(map(str.isdigit, "".join(header)))


def _line(cell: str) -> str:
    return " ".join(cell.split())


def _recognised(page: RecognisedPage) -> _Passage:
    text, doubtful = "", []
    for line in page.lines:
        text += "\n" * line.begins_paragraph
        for word in line.words:
            said = unicodedata.normalize("NFC", word.text)
            if word.is_doubtful:
                doubtful.append((len(text), len(text) + len(said)))
            text += f"{said} "
        text = text[:-1] + "\n" if line.words else text + "\n"
    return _Passage(text, None if page.place else page.page, page.place, True, tuple(doubtful))


def _mentions(passage: _Passage, labels: TextLabels, group: int) -> Iterator[Mention]:
    """Yield what stands beside each label. From a relative's label on it is of another person, until the sentence or
    paragraph ends or a patient is named."""
    text = passage.text
    flat = flattened(text)
    found = list(labels.found_in(flat))
    turns = [match.end() for match in _TURN.finditer(flat)] if found else []
    other_at, no_patient_at, end = -1, -1, 0
    in_group: set[Label] = set()
    for label, following in pairwise((*found, None)):
        assert label is not None  # noqa: S101 - only the last one is none
        line = flat.rfind("\n", 0, label.start) + 1
        turn = bisect_right(turns, label.start)
        if turn and turns[turn - 1] > other_at:
            other_at = -1
        if label.label is Label.OTHER_PERSON:
            other_at = label.start
        elif label.label is Label.NO_PERSON:
            no_patient_at = label.start
        start = _SEPARATOR.match(text, label.end).end()  # type: ignore[union-attr]
        values = _values(text, flat, label, start, following.start if following else len(text))
        if not values or (label.label is Label.IDENTIFIER and _is_doubtful(passage, start)):
            continue
        if label.label is Label.PATIENT and other_at < line:
            other_at = -1
        is_name = label.label not in (Label.IDENTIFIER, Label.BIRTH_DATE)
        whose = Whose.PATIENT
        if other_at >= line or (is_name and no_patient_at >= line):
            whose = Whose.OTHER
        elif other_at >= 0:
            whose = Whose.UNSURE
        kind = Label.NAME if label.label is Label.PATIENT else label.label
        if kind in in_group or not _is_beside(text[end : label.start]):
            group, in_group = group + 1, set()
        in_group |= {kind} if whose is not Whose.OTHER else set()
        # A date's reading may be longer than what stands there, which ends with its line.
        line_end = text.find("\n", start)
        end = min(start + len(values[0]), line_end if line_end >= 0 else len(text))
        yield Mention(kind, values, passage.page, passage.section, whose, passage.recognised, group)


def _is_beside(between: str) -> bool:
    """Whether what stands between two values belongs to one heading: blanks or a few words, in the same paragraph. A
    line about a namesake may end just above the heading."""
    return not _PARAGRAPH.search(between) and (not between.strip() or len(between) <= _MOST_BETWEEN)


def _is_doubtful(passage: _Passage, start: int) -> bool:
    """Whether the engine was not sure of a character of the number that begins here, in any of its groups."""
    found = (pattern.match(passage.text, start) for pattern in (_NUMBER, _GROUPS))
    end = max(match.end() for match in found if match)
    return any(a < end and start < b for a, b in passage.doubtful)


def _values(text: str, flat: str, label: Labelled, start: int, until: int) -> tuple[str, ...]:
    said_so = bool(_SAID_SO.search(text, label.end, start))
    if start >= until:
        return ()
    if label.label is Label.IDENTIFIER:
        return _numbers(text, start, said_so)
    if label.label is Label.BIRTH_DATE:
        first = first_date(flat[start : min(until, start + _DATE_WITHIN)].split("\n")[0])
        return tuple(sorted(first)) if first else ()
    if label.label in (Label.NAME, Label.PATIENT, Label.FAMILY_NAME) and said_so:
        name = _name(text, start, until)
        return (name,) if name else ()
    return ()


def _whole_names(found: Sequence[Mention]) -> Iterator[Mention]:
    """Yield the mentions, family names joined to the given names beside them."""
    joined: set[int] = set()
    names = [at for at, it in enumerate(found) if it.label in (Label.NAME, Label.FAMILY_NAME)]
    for before, after in pairwise(names):
        labels = {found[before].label, found[after].label}
        if labels == {Label.NAME, Label.FAMILY_NAME} and not {before, after} & joined:
            first, second = sorted((found[before], found[after]), key=lambda it: it.label is not Label.NAME)
            joined |= {before, after}
            yield replace(first, values=(f"{first.values[0]} {second.values[0]}",))
    for at, it in enumerate(found):
        if at not in joined:
            yield replace(it, label=Label.NAME) if it.label is Label.FAMILY_NAME else it


def _numbers(text: str, start: int, said_so: bool) -> tuple[str, ...]:
    match = _NUMBER.match(text, start)
    if match is None or not (said_so or any(map(str.isdigit, match.group()))):
        return ()
    grouped = _GROUPS.match(text, start)
    return (match.group(), *({grouped.group().replace(" ", "")} if grouped else ()))


def _name(text: str, start: int, until: int) -> str:
    """The run of capitalised words from here, as far as it is on one line."""
    at, parts = start, 0
    while at < until and parts < _MOST_PARTS:
        match = _NAME_PART.match(text, at, until)
        if match is None or not (_is_capitalised(match.group()) or match.group().lower() in _PARTICLES):
            break
        parts += 1
        end = match.end()
        at = _BETWEEN_PARTS.match(text, end, until).end()  # type: ignore[union-attr]
    return text[start : end if parts else start].strip(" ,-")


def _is_capitalised(word: str) -> bool:
    first = word.lstrip("'’")[:1]
    return first.isupper() or (first.isalpha() and first.lower() == first.upper())
