"""Show what is being watched: a display that is redrawn in a terminal, a line per change in a pipe."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from carefile.cli.shown.marks import marked
from carefile.cli.shown.view import Column, View, lasting, styled

_ENDED = 200  # rows remembered; the terminal's height decides how many are shown
_BESIDE = 16 + 8 + 22 + 3 * 2  # what stands beside an object's key


class Lines:
    """A line per change: for pipes, logs and --json."""

    def __init__(self, view: View, columns: Sequence[Column]) -> None:
        self._view, self._columns, self._first = view, columns, True

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, changed: Sequence[Mapping[str, Any]], running: Sequence[Mapping[str, Any]]) -> None:
        del running
        if changed:
            self._view.stream(self._columns, changed, nothing="", heading=self._first)
            self._first = False


class Display:
    """What runs, and below it what has ended, redrawn in place and as high as the terminal."""

    def __init__(self, view: View) -> None:
        self._out = view.out
        self._ended: deque[Mapping[str, Any]] = deque(maxlen=_ENDED)
        self._counts = Counter[str]()
        self._live = Live(console=view.out, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Display:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def update(self, changed: Sequence[Mapping[str, Any]], running: Sequence[Mapping[str, Any]]) -> None:
        for record in changed:
            if record["status"] != "RUNNING":
                self._ended.appendleft(record)
                self._counts[record["disposition"] or record["error"] or record["status"]] += 1
        self._live.update(self._picture(running), refresh=True)

    def _picture(self, running: Sequence[Mapping[str, Any]]) -> Group:
        height = max(self._out.height - 3, 4)
        shown = [*list(running)[: height // 2], *self._ended][:height]
        table = Table.grid(padding=(0, 2, 0, 0))
        for record in shown:
            table.add_row(*self._cells(record))
        counts = ", ".join(f"{count} {outcome}" for outcome, count in self._counts.most_common())
        summary = f"{len(running)} running" + (f"; ended: {counts}" if counts else "")
        return Group(Text(summary, style="bold"), table, Text("Ctrl-C ends it.", style="dim"))

    def _cells(self, record: Mapping[str, Any]) -> list[Text]:
        outcome = record["state"] or record["disposition"] or record["error"] or record["status"]
        cell = styled(outcome)
        if record["status"] == "RUNNING":
            cell.stylize("cyan")
        took = Text(lasting(record["seconds"]) or "", justify="right")
        width = max(self._out.width - _BESIDE, 16)
        return [
            _cut(cell, 16),
            _cut(took, 8),
            _cut(styled(named_patient(record)), 22),
            Text(shortened(marked(record["key"] or "(malformed input)"), width)),
        ]


def named_patient(record: Mapping[str, Any]) -> str | None:
    """Name the patient, or say why nobody is known; nothing before that is decided."""
    if record["patient"]:
        return str(record["patient"])
    return f"unknown ({record['reason']})" if record["reason"] else None


def shortened(text: str, width: int) -> str:
    """Shorten in the middle: the beginning and the end of a key matter most."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 3 // 4
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


def _cut(text: Text, width: int) -> Text:
    text.truncate(width, overflow="ellipsis", pad=True)
    return text
