"""What was recognised on pages that are pictures: words with their places and how sure the engine is of them.

A box is `(left, top, right, bottom)` in pixels of the page as it is shown, upright, whose size the page gives. A
confidence is the engine's own, from 0 to 100, and no probability. Nothing recognised ever decides whose a document is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from carefile.core.documents.readers import RECOGNITION, VERSIONS
from carefile.core.model import Reading, ReadingStatus

DOUBTFUL = 70  # words below this confidence are marked for a person
_MOST_BESIDE = 3  # times the height of a label that what stands beside it may have
Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Word:
    text: str
    box: Box
    confidence: int

    @property
    def is_doubtful(self) -> bool:
        return self.confidence < DOUBTFUL


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line, from left to right. `begins_paragraph`: a blank line precedes it."""

    words: tuple[Word, ...]
    begins_paragraph: bool = False

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


@dataclass(frozen=True, slots=True)
class RecognisedPage:
    """One page. `turned` is by how many degrees it was turned clockwise to stand upright; `failed` names why it could
    not be read, and then it has no lines. `place` says which picture it is where a document has no pages.
    """

    page: int
    width: int = 0
    height: int = 0
    turned: int = 0
    lines: tuple[Line, ...] = ()
    failed: str | None = None
    place: str | None = None

    @property
    def words(self) -> list[Word]:
        return [word for line in self.lines for word in line.words]

    @property
    def text(self) -> str:
        return "\n".join(f"\n{line.text}" if line.begins_paragraph else line.text for line in self.lines)

    @property
    def confidence(self) -> int | None:
        return mean_confidence(self.words)

    def to_json(self) -> dict[str, Any]:
        confidence = self.confidence
        return {
            "page": self.page,
            **({"place": self.place} if self.place else {}),
            **({"failed": self.failed} if self.failed else {}),
            "width": self.width,
            "height": self.height,
            "turned": self.turned,
            **({} if confidence is None else {"confidence": confidence}),
            "lines": [_line_to_json(line) for line in self.lines],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> RecognisedPage:
        return cls(
            data["page"],
            data["width"],
            data["height"],
            data["turned"],
            tuple(_line_from_json(line) for line in data["lines"]),
            data.get("failed"),
            data.get("place"),
        )


@dataclass(frozen=True, slots=True)
class Recognition:
    """How a document's pictures were read: by which engine in which version, for which languages, and what it found.
    `release` is the version of what they go through before and after it. `is_evidence`: what was recognised may suggest
    and contradict.

    Of one that is pending nothing but that is known.
    """

    status: ReadingStatus
    engine: str = ""
    version: str = ""
    languages: tuple[str, ...] = ()
    pages: tuple[RecognisedPage, ...] = ()
    release: int = VERSIONS[RECOGNITION]
    is_evidence: bool = True

    @property
    def confidence(self) -> int | None:
        """The mean confidence of all words; None if there are none."""
        return mean_confidence(word for page in self.pages for word in page.words)

    @property
    def failed(self) -> tuple[RecognisedPage, ...]:
        return tuple(page for page in self.pages if page.failed)

    @property
    def summary(self) -> Reading:
        """The summary for the manifest and the event."""
        if self.status is ReadingStatus.PENDING:
            return Reading(self.status)
        reason = self.pages[0].failed if self.status is ReadingStatus.FAILED else None
        return Reading(self.status, f"{self.engine} {self.version}", self.confidence, reason)

    def to_json(self) -> dict[str, Any]:
        if self.status is ReadingStatus.PENDING:
            return {"status": self.status.value}
        confidence = self.confidence
        return {
            "status": self.status.value,
            "engine": self.engine,
            "version": self.version,
            "release": self.release,
            "languages": list(self.languages),
            **({} if confidence is None else {"confidence": confidence}),
            "pages": [page.to_json() for page in self.pages],
        }


PENDING = Recognition(ReadingStatus.PENDING)


def recognition_of(
    engine: str, version: str, languages: Iterable[str], pages: Iterable[RecognisedPage]
) -> Recognition:
    """The result of a finished reading. It failed if no page could be read."""
    found = tuple(sorted(pages, key=lambda page: page.page))
    unread = bool(found) and all(page.failed for page in found)
    status = ReadingStatus.FAILED if unread else ReadingStatus.DONE
    return Recognition(status, engine, version, tuple(languages), found)


def beside_labels(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The lines, where each that ends in a colon is followed by what stands beside it: an engine that sees columns has
    all the labels of a form first, and then all that was filled in."""
    levels = sorted((_level(line.words[0].box), number) for number, line in enumerate(lines))
    taken: set[int] = set()
    beside: dict[int, int] = {}
    for number, line in enumerate(lines):
        if not line.words[-1].text.endswith(":"):
            continue
        _, top, end, bottom = line.words[-1].box
        height = max(bottom - top, 1)
        first = bisect_left(levels, (top, -1))
        last = bisect_left(levels, (bottom, len(lines)))
        right = [
            (lines[other].words[0].box[0], other)
            for _, other in levels[first:last]
            if other != number and other not in taken and lines[other].words[0].box[0] >= end
        ]
        other = min(right)[1] if right else number
        is_label = lines[other].words[-1].text.endswith(":")
        if not is_label and _height(lines[other]) < _MOST_BESIDE * height:
            taken.add(other)
            beside[number] = other
    whole = (
        Line((*line.words, *lines[beside[number]].words), line.begins_paragraph) if number in beside else line
        for number, line in enumerate(lines)
        if number not in taken
    )
    return tuple(whole)


def _level(box: Box) -> int:
    return (box[1] + box[3]) // 2


def _height(line: Line) -> int:
    return max(word.box[3] - word.box[1] for word in line.words)


def mean_confidence(words: Iterable[Word]) -> int | None:
    """The mean over characters, so that a speck taken for a dot counts for little."""
    letters = total = 0
    for word in words:
        letters += len(word.text)
        total += len(word.text) * word.confidence
    return round(total / letters) if letters else None


def _line_to_json(line: Line) -> dict[str, Any]:
    words = [{"text": w.text, "box": list(w.box), "confidence": w.confidence} for w in line.words]
    return {"words": words, **({"begins_paragraph": True} if line.begins_paragraph else {})}


def _line_from_json(data: Mapping[str, Any]) -> Line:
    words = (Word(w["text"], tuple(w["box"]), w["confidence"]) for w in data["words"])
    return Line(tuple(words), data.get("begins_paragraph", False))


def readings_folder(source_id: str) -> str:
    """Where all that was recognised in a source's versions is kept, in the bucket of reports."""
    return f"readings/{source_id}/"
