"""The queue: what is filed as unknown and waits for a person, page by page, oldest first or newest first.

It is the catalog's own listing of the unknown patient; there is no index beside it. A search or a filter therefore
looks at a bounded number of entries, says how many, and goes on from there when it is asked to. Nothing is held but the
page before the person, so a queue of any length takes the same memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from enum import StrEnum
from threading import Lock

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry, Position, SessionSummary
from carefile.cli.inbox.records import Filed, Records
from carefile.core.model import DecisionType, Kind, UnknownReason
from carefile.core.patients.names import folded
from carefile.core.records.session_entries import Place

ROWS = 25
_STEP = 200  # entries of one request
_LOOK = 600  # entries that one search or filter looks at before it shows how far it came
_ALIKE = 60
_COUNT_STEP, _MOST_COUNTED = 500, 200_000
_THREADS = 16
_REASONS = frozenset(reason.value for reason in UnknownReason)


class Shelf(StrEnum):
    """A part of the queue. The values of reasons are the catalog's own."""

    ALL = "all"
    NO_EVIDENCE = UnknownReason.NO_EVIDENCE.value
    CONFLICT = UnknownReason.CONFLICT.value
    UNLISTED = UnknownReason.UNLISTED.value
    SUGGESTED = "suggested"  # somebody is corroborated, and a person has to confirm it
    SAME_BYTES = "same-bytes"  # another patient's folder holds the same bytes
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class View:
    """Which part of the queue somebody looks at."""

    shelf: Shelf = Shelf.ALL
    kind: str = ""
    newest_first: bool = False
    text: str = ""

    @property
    def is_narrow(self) -> bool:
        return bool(self.shelf is not Shelf.ALL or self.kind or self.text)


@dataclass(frozen=True, slots=True)
class Row:
    """A document or a session that waits. `filed` is what the record says of it, where it was asked."""

    found: Entry | SessionSummary
    filed: Filed = field(default_factory=Filed)
    same_bytes: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """The key of the catalog's item."""
        if isinstance(self.found, SessionSummary):
            return Place(self.found.bucket, self.found.prefix).key
        return self.found.source_id

    @property
    def is_session(self) -> bool:
        return isinstance(self.found, SessionSummary)

    @property
    def path(self) -> str:
        return self.found.prefix if isinstance(self.found, SessionSummary) else self.found.landing_key

    @property
    def name(self) -> str:
        if isinstance(self.found, SessionSummary):
            return self.found.session_id
        return self.found.landing_key.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Where it was uploaded; of a session nothing."""
        return "" if self.is_session else self.path.rpartition("/")[0]

    @property
    def since(self) -> str:
        """Since when it waits."""
        return self.found.cataloged_at

    @property
    def reason(self) -> str:
        return self.found.reason or UnknownReason.NO_EVIDENCE.value

    @property
    def state(self) -> str:
        """What changes when something happens to it: a decision holds for what a person saw."""
        if isinstance(self.found, SessionSummary):
            return f"{self.found.prefix} {self.found.patient} {self.found.objects} {self.found.last_activity}"
        return f"{self.found.prefix} {self.found.patient} {self.found.revision}"

    @property
    def is_decided_as_nobodys(self) -> bool:
        return self.filed.decision is not None and self.filed.decision.type is DecisionType.NOBODY

    @property
    def sort_of_evidence(self) -> tuple[object, ...]:
        """Equal for two documents where the same sender left the same traces: why one may be decided like the other."""
        named = tuple(sorted((one.source.value, one.value) for one in self.filed.about_patient))
        return (self.folder, self.reason, self.filed.rule, named)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows. `after` is where to go on, None at the end; `looked_at` is how many entries were looked at for it."""

    rows: list[Row]
    after: Position | None
    looked_at: int


class Queue:
    def __init__(self, connection: Connection, records: Records) -> None:
        self._entries, self._records = Entries(connection), records
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="inbox")
        self._lock = Lock()
        self._counted: Counter[str] = Counter()
        self._counted_to: Position | None = None
        self._counted_between = ("", "")  # since when the first and the last of them wait
        self._is_counted = False

    def page(
        self, view: View, after: Position | None = None, most: int = ROWS, without: Set[str] = frozenset()
    ) -> Page:
        """Return the next rows, after a bounded number of entries that were looked at. `without` are the keys of rows
        that were decided about a moment ago, which the catalog does not know yet."""
        rows: list[Row] = []
        looked_at, more = 0, view.shelf is not Shelf.FAILED  # what failed is in no listing of what is filed
        while more and looked_at < _LOOK:
            listed, more = self._entries.page_of_patient(
                None,
                after=after,
                most=_STEP if view.is_narrow else most + 1,
                newest_first=view.newest_first,
            )
            for start in range(0, len(listed), ROWS):
                part = listed[start : start + ROWS]
                fitting = self._fitting(view, [Row(found) for _, found in part])
                for position, found in part:
                    looked_at, after = looked_at + 1, position
                    row = fitting.get(Row(found).key)
                    if row and row.key not in without:
                        rows.append(row)
                    if len(rows) == most:
                        is_end = not more and position == listed[-1][0]
                        return Page(rows, None if is_end else after, looked_at)
        return Page(rows, after if more else None, looked_at)

    def row(self, key: str) -> Row | None:
        """Return a row by the key of its item, as it is now; None if the catalog has it no more."""
        if (item := self._entries.items([key]).get(key)) is None:
            return None
        found = SessionSummary.of_item(item) if key.startswith("session#") else Entry.of_item(item)
        return None if found is None else self._with_same_bytes(self._described([Row(found)])[0])

    def alike(self, row: Row) -> list[Row]:
        """Return other documents that wait with the same evidence, the oldest first."""
        if row.is_session or not row.filed.about_patient:
            return []
        found = self.page(View(Shelf(row.reason), Kind.DOCUMENT), most=_ALIKE).rows
        sort = row.sort_of_evidence
        return [one for one in found if one.key != row.key and one.sort_of_evidence == sort]

    def counts(self) -> Counter[str]:
        """Return how many were counted so far, by reason and kind; see `count_on`."""
        with self._lock:
            return Counter(self._counted)

    def has_counted(self, row: Row) -> bool:
        """Whether a row that waits is in the numbers already."""
        first, last = self._counted_between
        return self._is_counted or first <= row.since <= last

    def count_on(self) -> bool:
        """Count the next entries. False when all are counted, or as many as are counted at all.

        Each step reads as much as twenty pages do, so a page never waits for the numbers on it.
        """
        if self._is_counted:
            return False
        listed, more = self._entries.page_of_patient(
            None, after=self._counted_to, most=_COUNT_STEP, newest_first=False
        )
        rows = [Row(found) for _, found in listed]
        with self._lock:
            self._counted.update(row.reason for row in rows)
            self._counted[Shelf.ALL.value] += len(rows)
            moments = [*filter(None, self._counted_between), *(row.since for row in rows)]
            self._counted_between = (min(moments, default=""), max(moments, default=""))
        self._counted_to = listed[-1][0] if listed else self._counted_to
        self._is_counted = not more or self._counted[Shelf.ALL.value] >= _MOST_COUNTED
        return not self._is_counted

    def _fitting(self, view: View, rows: Sequence[Row]) -> dict[str, Row]:
        """Return the rows that are of this view, by their keys, with what their records say."""
        described = self._described([row for row in rows if _may_fit(view, row)])
        if view.shelf is Shelf.SAME_BYTES:
            described = list(self._pool.map(self._with_same_bytes, described))
        return {row.key: row for row in described if _fits(view, row)}

    def _described(self, rows: Sequence[Row]) -> list[Row]:
        def describe(row: Row) -> Row:
            if isinstance(row.found, SessionSummary):
                return row
            return replace(row, filed=self._records.filed(row.found.prefix, row.found.revision))

        return list(self._pool.map(describe, rows))

    def _with_same_bytes(self, row: Row) -> Row:
        """Add the patients under whom the same bytes are filed."""
        if isinstance(row.found, SessionSummary):
            return row
        entry = replace(row.found, content_digest=row.filed.content_digest)
        others = {one.patient for one in self._entries.same_bytes(entry) if one.patient is not None}
        return replace(row, same_bytes=tuple(sorted(others)))


def _may_fit(view: View, row: Row) -> bool:
    """Whether a row is of this view, as far as the catalog alone says."""
    if view.kind and (view.kind == Kind.SESSION) != row.is_session:
        return False
    return view.shelf.value not in _REASONS or row.reason == view.shelf.value


def _fits(view: View, row: Row) -> bool:
    if row.is_decided_as_nobodys:
        return False
    if view.shelf is Shelf.SUGGESTED and not row.filed.suggestions:
        return False
    if view.shelf is Shelf.SAME_BYTES and not row.same_bytes:
        return False
    sought = folded(view.text.strip())
    return not sought or any(sought in folded(text) for text in _texts_of(row))


def _texts_of(row: Row) -> Iterator[str]:
    yield row.path
    yield row.reason
    for one in row.filed.about_patient:
        yield one.value
