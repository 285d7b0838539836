"""Paragraphs, headings and tables in the order in which a document has them, put into a draft.

Paragraphs that follow each other make one text, a blank line between them, so that a long letter is no long list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from lambdas.readers.draft import Draft
from lambdas.readers.table_patient import TablePatients

_LONGEST = 100_000  # characters of one text; beyond it another begins


class Flow:
    def __init__(self, draft: Draft, section: str | None = None) -> None:
        self._draft = draft
        self._section = section
        self._paragraphs: list[str] = []
        self._length = 0

    @property
    def is_full(self) -> bool:
        return self._draft.is_full

    def paragraph(self, text: str, *, is_item: bool = False) -> None:
        """A paragraph or, close to the one before it, the item of a list."""
        if not text.strip():
            return
        if self._paragraphs:
            self._paragraphs.append("\n" if is_item and self._paragraphs[-1].startswith("• ") else "\n\n")
        self._paragraphs.append(f"• {text}" if is_item else text)
        self._length += len(text)
        if self._length > _LONGEST:
            self.end()

    def heading(self, text: str, level: int) -> None:
        self.end()
        self._draft.heading(text, level, section=self._section)

    def table(
        self, rows: Iterable[Sequence[str]], header: Sequence[str] | None = None, caption: str | None = None
    ) -> None:
        """A table. Whom it names may contradict and decides nothing: the text around it is not looked at."""
        self.end()
        patients = TablePatients(self._draft, self._draft.place("table"), may_decide=False)
        patients.row(header or ())
        watched = patients.watched(rows)
        self._draft.table(watched, header, section=caption or self._section)
        deque(watched, maxlen=0)
        patients.end()

    def end(self) -> None:
        """Put down what has been collected."""
        self._draft.text("".join(self._paragraphs), section=self._section)
        self._paragraphs.clear()
        self._length = 0
