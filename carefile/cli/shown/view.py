"""Command output. Results go to stdout, everything about the command's own progress to stderr.

With `--json` a table is one JSON object per line (so that any length can be streamed), a single result one indented
object. Characters that a terminal would act on never reach it: they are shown as marks (`marks.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.segment import Segment
from rich.text import Text

from carefile.cli.shown.advice import OTHER, advice_for
from carefile.cli.shown.marks import escaped_in_json, marked, marked_lines

Record = Mapping[str, Any]
_PIPE_WIDTH = 200
STYLES = {
    "SUCCEEDED": "green", "cataloged": "green", "duplicate": "green", "ok": "green", "settled": "green",
    "RUNNING": "cyan", "running": "cyan", "superseded": "yellow", "withdrawn": "yellow", "warning": "yellow",
    "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "red", "failed": "red",
    "contradicted": "red", "open": "yellow",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its heading, and a function from a record to its cell. `width` is for streamed lines, whose later cells
    are not known yet. Where a line is too long for the terminal, its last cells stand on a line of their own, whole, so
    that they can be copied; only `prose` is wrapped, between words."""

    heading: str
    of: Callable[[Record], object]
    right: bool = False
    width: int = 0
    prose: bool = False


class _Marking(Console):
    """A console that shows characters the terminal would act on as marks, in everything it renders."""

    def render_str(self, text: str, **how: Any) -> Text:
        # Here too, since rich silently drops some control characters.
        return super().render_str(marked_lines(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else marked_lines(text), style, control)


class _Output(_Marking):
    """The console for results. A closed pipe (head, less) ends the command and is not a failure."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class View:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = _Output(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
        self.err = _Marking(stderr=True, highlight=False)

    def table(self, columns: Sequence[Column], records: Iterable[Record], *, nothing: str) -> int:
        """Print records as a table and return their number; print `nothing` as a note if there are none."""
        if self.as_json:
            return sum(self._line(record) for record in records)
        count = print_table(self.out, columns, records)
        if not count:
            self.note(nothing)
        return count

    def stream(
        self,
        columns: Sequence[Column],
        records: Iterable[Record],
        *,
        nothing: str,
        below: Callable[[Record], str | None] = lambda _: None,
        heading: bool = True,
    ) -> int:
        """Print records as they arrive and return their number. `below` is printed under a record on a line of its own,
        so that it can be copied in one piece."""
        count = 0
        for record in records:
            if self.as_json:
                self._line(record)
            else:
                if heading and not count:
                    _print_row(self.out, columns, [Text(column.heading, style="bold") for column in columns])
                _print_row(self.out, columns, [styled(column.of(record)) for column in columns])
                if under := below(record):
                    self.out.print(Text(f"  {marked(under)}", style="dim"), soft_wrap=True)
            count += 1
        if not count and nothing:
            self.note(nothing)
        return count

    def _line(self, record: Record) -> int:
        print(_json(record), flush=True)  # noqa: T201
        return 1

    def thing(self, record: Record, show: Callable[[Console], None]) -> None:
        """Print a single result: as JSON, or with `show`."""
        if self.as_json:
            print(_json(record, indent=2))  # noqa: T201
        else:
            show(self.out)

    def note(self, text: str) -> None:
        """Print a message for the operator; omitted with `--json`."""
        if not self.as_json:
            self.err.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        """Print a message to stderr, even with `--json`."""
        self.err.print(text, soft_wrap=True)

    def progress(self, unit: str) -> Progress:
        """Return a progress bar with rate and time left; silent unless stderr is a terminal."""
        return Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            _Rate(unit),
            TimeRemainingColumn(compact=True),
            console=self._watched,
            transient=True,
            disable=self.as_json or not self.err.is_terminal,
        )

    @property
    def _watched(self) -> Console:
        """The console for progress: on a terminal, that of the results, so that the two do not overwrite each other."""
        return self.out if self.out.is_terminal else self.err

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Show a spinner while something of unknown length runs."""
        if self.as_json or not self.err.is_terminal:
            return Progress(disable=True)
        return self._watched.status(text)


def print_table(out: Console, columns: Sequence[Column], records: Iterable[Record]) -> int:
    """Print records in columns as wide as what is in them, and return their number."""
    rows = [[styled(column.of(record)) for column in columns] for record in records]
    if rows:
        fitted = [
            replace(column, width=max(len(column.heading), *(cells[at].cell_len for cells in rows)))
            for at, column in enumerate(columns)
        ]
        _print_row(out, fitted, [Text(column.heading, style="bold") for column in fitted])
        for cells in rows:
            _print_row(out, fitted, cells)
    return len(rows)


def print_facts(out: Console, facts: Iterable[tuple[str, object]]) -> None:
    """Print values beside their names, each whole on a line, so that it can be copied."""
    rows = [(name, value if isinstance(value, Text) else verbatim(str(value))) for name, value in facts]
    width = max((len(name) for name, _ in rows), default=0)
    for name, text in rows:
        out.print(Text(f"{name:<{width}}  ", style="dim") + text, soft_wrap=True)


def _print_row(out: Console, columns: Sequence[Column], cells: Sequence[Text]) -> None:
    """Print a line, or as many of its first cells as fit and each of the others below."""
    first, most = len(columns), out.width if out.is_terminal else sys.maxsize
    while first > 1 and _aligned(columns[:first], cells[:first]).cell_len > most:
        first -= 1
    out.print(_aligned(columns[:first], cells[:first]), soft_wrap=True)
    for column, cell in zip(columns[first:], cells[first:], strict=True):
        below = Padding(cell, (0, 0, 0, 2)) if column.prose else Text("  ") + cell
        out.print(below, soft_wrap=not column.prose)


class _Rate(TextColumn):
    """The average rate since the start, which evens out bursts and waits for quotas."""

    def __init__(self, unit: str) -> None:
        super().__init__("")
        self._unit = unit

    def render(self, task: Task) -> Text:
        speed = task.completed / task.elapsed if task.elapsed else 0
        return Text(f"{speed:.1f} {self._unit}/s", style="dim")


def _aligned(columns: Sequence[Column], cells: Sequence[Text]) -> Text:
    line = Text()
    for column, cell in zip(columns, cells, strict=True):
        space = " " * max(column.width - cell.cell_len, 0)
        line.append_text(Text(space) + cell if column.right else cell + Text(space))
        line.append("  ")
    line.rstrip()
    return line


def _json(record: Record, indent: int | None = None) -> str:
    return escaped_in_json(json.dumps(record, ensure_ascii=False, indent=indent, default=str))


def styled(value: object) -> Text:
    """Render a cell: a dash if there is no value, in colour if it is a status or an error, or as it says itself."""
    if isinstance(value, Text):
        return value
    text = "–" if value is None or value == "" else marked(str(value))
    return Text(text, style=STYLES.get(text, "red" if _is_error(text) else ""))


def _is_error(text: str) -> bool:
    return advice_for(text) is not OTHER


def verbatim(text: str) -> Text:
    """Render untrusted text as a rich `Text`, without acting characters."""
    return Text(marked(text))


def plain(text: object) -> str:
    """Escape untrusted text, so that its brackets are no markup and nothing in it acts on the terminal."""
    return escape(marked(str(text)))


def ago(moment: datetime, now: datetime | None = None) -> str:
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{max(seconds, 0)} s ago"


def clock(moment: datetime) -> str:
    """Format a time in the local time zone."""
    return moment.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def lasting(duration: timedelta | float | None) -> str | None:
    if duration is None:
        return None
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if seconds < 60:
        return f"{seconds:.1f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60)} s"
    return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60)} min"


def sized(count: int | None) -> str | None:
    if count is None:
        return None
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024 or unit == "GiB":
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
