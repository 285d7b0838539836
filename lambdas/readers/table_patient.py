"""Whose the rows of a table are: by the columns that are called as fields of a patient's id (`Patient ID`, `MRN #`).

The row that names the columns is looked for everywhere, since a title may stand above it and a second table below. A
cell may also name the one beside it, as in a form. Where the two can't be distinguished, what is found is doubtful.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.formats.json.objects import RELATION


class AsShown(str):
    """A number as its cell shows it, by a format of the cell: what the id was before is not certain."""

    __slots__ = ()


class TablePatients:
    """Given the rows of one table in their order. A table that `may_decide` is all of its document; in one that is
    `ragged`, a row of another width than its header's may be shifted, and names nobody.
    """

    def __init__(
        self, draft: Draft, place: str = "", *, may_decide: bool = True, ragged: bool = False
    ) -> None:
        self._draft = draft
        self._place = place
        self._may_decide = may_decide
        self._ragged = ragged
        self._header: Sequence[str] = ()
        self._columns: list[tuple[int, int]] = []
        self._beside: list[tuple[int, int]] = []
        self._is_doubtful = False
        self._seen: set[tuple[str, ...]] = set()
        self._count = 0

    def watched(self, rows: Iterable[Sequence[str]]) -> Iterator[Sequence[str]]:
        """The same rows, looked at on their way."""
        for row in rows:
            self.row(row)
            yield row

    def row(self, cells: Sequence[str]) -> None:
        ranks = map(self._draft.fields.rank, cells)
        if columns := [(at, rank) for at, rank in enumerate(ranks) if rank is not None]:
            self.end()
            self._begin(cells, columns)
        elif self._columns and not self._draft.names_too_many:
            self._count += 1
            if self._beside and not any(_may_be_id(_at(cells, at)) for at, _ in self._columns):
                self.end()  # it was no header
            else:
                self._beside = []
                self._describe_row(cells)

    def end(self) -> None:
        """A header that nothing stands below is none: its fields name what is beside them."""
        for at, rank in self._beside:
            self._count += 1
            where = f"{self._place}beside {self._header[at]}"
            candidate = PatientCandidate(
                self._header[at + 1].strip(), where, None, rank, f"{self._place}beside {self._count}"
            )
            self._draft.candidate(candidate, is_doubtful=True)
        self._columns, self._beside = [], []

    def _begin(self, cells: Sequence[str], columns: list[tuple[int, int]]) -> None:
        self._header, self._columns = cells, columns
        self._beside = [(at, rank) for at, rank in columns if _may_be_id(_at(cells, at + 1))]
        has_relatives = any(cell.strip().lower() in RELATION for cell in cells)
        self._is_doubtful = not self._may_decide or bool(self._beside) or has_relatives
        self._seen.clear()

    def _describe_row(self, cells: Sequence[str]) -> None:
        """The patient that a row names, each combination of ids once."""
        is_shifted = self._ragged and len(cells) != len(self._header)
        values = tuple("" if is_shifted else _at(cells, at).strip() for at, _ in self._columns)
        if values in self._seen:
            return
        self._seen.add(values)
        scope = f"{self._place}row {self._count}"
        for value, (at, rank) in zip(values, self._columns, strict=True):
            where = f"{scope}: {self._header[at]}"
            is_sure = _may_be_id(value) and not isinstance(_at(cells, at), AsShown)
            is_doubtful = self._is_doubtful or not is_sure
            self._draft.candidate(PatientCandidate(value, where, None, rank, scope), is_doubtful=is_doubtful)


def describe_form(fields: Iterable[tuple[str, str]], place: str, draft: Draft) -> None:
    """Whom the fields of a form name. They stand beside a text that is not looked at, and decide nothing."""
    for name, value in fields:
        rank = draft.fields.rank(name.rpartition(".")[2].partition("[")[0])
        if rank is not None and value.strip():
            candidate = PatientCandidate(value.strip(), f"{place}: {name}", None, rank, place)
            draft.candidate(candidate, is_doubtful=True)


def _may_be_id(cell: str) -> bool:
    """Nearly every id holds a digit, and no blank; a name of a column or a word of a form seldom does."""
    cell = cell.strip()
    return any(character.isdigit() for character in cell) and len(cell.split()) == 1


def _at(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""
