"""What a command prints. Results go to stdout, everything about the work itself to stderr.

With `--json` a table is one JSON object a line (so that the longest can be streamed), a single thing one indented
object. Nothing that a terminal would act on reaches it, whoever wrote it: it is shown as a mark (`marks.py`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
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
from rich.table import Table
from rich.text import Text

from carefile.cli.shown.advice import OTHER, advice_for
from carefile.cli.shown.marks import escaped_in_json, marked, marked_lines

Record = Mapping[str, Any]
_PIPE_WIDTH = 200
STYLES = {
    "SUCCEEDED": "green", "cataloged": "green", "duplicate": "green", "ok": "green",
    "RUNNING": "cyan", "running": "cyan", "superseded": "yellow", "withdrawn": "yellow", "warning": "yellow",
    "FAILED": "red", "TIMED_OUT": "red", "ABORTED": "red", "failed": "red",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its heading, and what stands in it for a record. `keep` is never broken or cut; `width` is for
    streamed lines, where nobody knows what is still to come."""

    heading: str
    of: Callable[[Record], object]
    keep: bool = False
    right: bool = False
    width: int = 0


class _Marking(Console):
    """Shows what could act on the terminal as marks, in every string and in whatever is made of strings."""

    def render_str(self, text: str, **how: Any) -> Text:
        # Here too, as rich drops some control characters without a trace.
        return super().render_str(marked_lines(text), **how)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for text, style, control in super().render(renderable, options):
            yield Segment(text if control else marked_lines(text), style, control)


class _Output(_Marking):
    """Where the results go. A reader that has seen enough (head, less) ends the command and is no failure."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


class View:
    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self.out = _Output(width=None if sys.stdout.isatty() else _PIPE_WIDTH, highlight=False)
        self.err = _Marking(stderr=True, highlight=False)

    def table(self, columns: Iterable[Column], records: Iterable[Record], *, nothing: str) -> int:
        """Print records; how many there were. `nothing` is said (to a person) when there are none."""
        if self.as_json:
            return sum(self._line(record) for record in records)
        columns = list(columns)
        table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(
                column.heading,
                overflow="fold",
                no_wrap=column.keep,
                justify="right" if column.right else "left",
            )
        for record in records:
            table.add_row(*(shown(column.of(record)) for column in columns))
        if table.row_count:
            self.out.print(table)
        else:
            self.note(nothing)
        return table.row_count

    def stream(
        self,
        columns: Sequence[Column],
        records: Iterable[Record],
        *,
        nothing: str,
        below: Callable[[Record], str | None] = lambda _: None,
    ) -> int:
        """Print records one by one as they come; how many there were. `below` stands under a record, where copying
        it does not break it."""
        count = 0
        for record in records:
            if self.as_json:
                self._line(record)
            else:
                if not count:
                    heading = [Text(column.heading, style="bold") for column in columns]
                    self.out.print(_aligned(columns, heading), soft_wrap=True)
                cells = [shown(column.of(record)) for column in columns]
                self.out.print(_aligned(columns, cells), soft_wrap=True)
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
        """One thing: as JSON, or as `show` prints it."""
        if self.as_json:
            print(_json(record, indent=2))  # noqa: T201
        else:
            show(self.out)

    def note(self, text: str) -> None:
        """About the work, for the person only."""
        if not self.as_json:
            self.err.print(text, soft_wrap=True)

    def warn(self, text: str) -> None:
        """About the work, also for a script's log."""
        self.err.print(text, soft_wrap=True)

    def progress(self, unit: str) -> Progress:
        """A bar with rate and time left; silent where nobody watches."""
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
        """Where a bar is drawn: on a terminal results and bar share one console, so that neither tears the other."""
        return self.out if self.out.is_terminal else self.err

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Something that takes a while and nobody knows how long."""
        if self.as_json or not self.err.is_terminal:
            return Progress(disable=True)
        return self._watched.status(text)


class _Rate(TextColumn):
    """How many a second, over the whole time: bursts and waits for quotas even out."""

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


def shown(value: object) -> Text:
    """A cell: what is not there is a dash, and words with a meaning have a colour."""
    text = "–" if value is None or value == "" else marked(str(value))
    return Text(text, style=STYLES.get(text, "red" if _is_error(text) else ""))


def _is_error(text: str) -> bool:
    return advice_for(text) is not OTHER


def verbatim(text: str) -> Text:
    """Text from outside where rich takes a `Text`."""
    return Text(marked(text))


def plain(text: object) -> str:
    """Text from outside, so that no bracket in a name is taken for a style, and nothing in it acts."""
    return escape(marked(str(text)))


def ago(moment: datetime, now: datetime | None = None) -> str:
    seconds = int(((now or datetime.now(UTC)) - moment).total_seconds())
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {unit} ago"
    return f"{max(seconds, 0)} s ago"


def clock(moment: datetime) -> str:
    """A moment in the person's own time zone."""
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
