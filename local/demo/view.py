"""Renders the demo's output for a terminal of 80 columns or more, and for a log file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from posixpath import commonpath
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.json import JSON
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from local.demo.intakes import AT_ONCE, Ended, Running

LOG_WIDTH = 100  # without a terminal
LOG_EVERY = 10
WIDEST = 120
ROOMY = 90
KIND, PATIENT, DISPOSITION, DURATION = 8, 17, 16, 8
SHOWN_FILES = 4


def console() -> Console:
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, width=LOG_WIDTH)


def heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold"))
    out.print()


def shortened(text: str, width: int) -> str:
    """Shorten in the middle: the beginning and the end of a key matter most."""
    if len(text) <= width:
        return text
    tail = (width - 1) * 3 // 4
    return f"{text[: width - 1 - tail]}…{text[len(text) - tail :]}"


class Progress:
    """Progress of the uploads: a bar and the state of each; in a log, an occasional line."""

    def __init__(self, out: Console, total: int) -> None:
        self._out = out
        self._total = total
        self._logged = 0
        self._live = Live(console=out, refresh_per_second=8, transient=True) if out.is_terminal else None

    def __enter__(self) -> Progress:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def update(self, running: Sequence[Running], ended: Sequence[Ended]) -> None:
        if self._live:
            self._live.update(self._picture(running, len(ended)))
        elif len(ended) - self._logged >= LOG_EVERY or len(ended) == self._total > self._logged:
            self._logged = len(ended)
            self._out.print(f"  {len(ended)} of {self._total} have ended")

    def _picture(self, running: Sequence[Running], ended: int) -> RenderableType:
        bar = Table.grid(padding=(0, 2))
        bar.add_row("", ProgressBar(self._total, ended, width=40), f"{ended} of {self._total} have ended")
        where = Table.grid(padding=(0, 2))
        width = max(20, self._out.width - 36)
        for one in running:
            key = Text(shortened(one.upload.key, width), style="dim")
            where.add_row("", Text(f"{one.state:<25}", style="cyan"), key)
        # Constant height, so that the display does not jump.
        return Group(bar, where, *(Text() for _ in range(AT_ONCE - len(running))))


def results(out: Console, ended: Iterable[Ended]) -> RenderableType:
    """One row per object; objects in the same session folder share a row. The reasons of failures are below the table.

    A narrow terminal gets no column for the kind, which the key shows, and so more room for the key."""
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    columns = {"patient": PATIENT, "disposition": DISPOSITION, "duration": DURATION}
    if out.width >= ROOMY:
        columns = {"kind": KIND, **columns}
    name_width = min(out.width, WIDEST) - 2 - sum(columns.values()) - len(columns) * 2
    table.add_column("object", width=name_width)
    for header, width in columns.items():
        right = header == "duration"
        table.add_column(header, width=width, no_wrap=True, justify="right" if right else "left")
    groups = _grouped(ended)
    for group in groups:
        name, *others = _row(group, name_width)
        table.add_row(name, *others[-len(columns) :])
    reasons = [
        Text(f"{first.upload.key}: {first.reason}", style="dim")
        for first, *_ in groups
        if first.execution["status"] != "SUCCEEDED" and first.reason
    ]
    return Group(table, *([Text(), *reasons] if reasons else []))


def tree(folders: dict[str, list[str]], root: str, others: int) -> Tree:
    """The folders under the root with their files, one line per folder."""
    top = Tree(Text(root, style="bold"), guide_style="dim")
    for folder in sorted(folders):
        _grow(top, folder.removeprefix(root), [key.removeprefix(folder) for key in folders[folder]])
    if others:
        top.add(Text(f"and {others} more from other uploads", style="dim"))
    return top


def event(out: Console, body: dict[str, Any], *, whole: bool) -> None:
    """Print what a consumer looks at first, or the whole event; long lines wrap."""
    if not whole:
        _summary(out, body)
        return
    for line in JSON(json.dumps(body, ensure_ascii=False)).text.split():
        out.print(Text("  ") + line, soft_wrap=True)


def _summary(out: Console, body: dict[str, Any]) -> None:
    detail = body["detail"]
    patient, location, source = detail["patient"], detail["location"], detail["source"]
    used = [one for one in detail["evidence"] if one["used"]]
    rows = {
        "detail-type": body["detail-type"],
        "event_id": f"{detail['event_id']}, revision {detail['revision']}: deduplicate by both",
        "disposition": f"{detail['disposition']}, kind {detail['kind']}",
        "patient": patient.get("id") or f"unknown ({patient.get('reason')})",
        "evidence": "; ".join(f"{one['about']} from {one['source']}" for one in used) or "none used",
        "source": f"{source['bucket']}/{source['key']}",
        "location": f"{location['prefix']}, {len(location['objects'])} objects",
    }
    for name, value in rows.items():
        out.print(Text.assemble((f"  {name:<13}", "dim"), value), soft_wrap=True)
    out.print("\n  make demo ARGS=--verbose prints it whole.", highlight=False)


def _grouped(ended: Iterable[Ended]) -> list[list[Ended]]:
    groups: dict[object, list[Ended]] = {}
    for one in ended:
        output = one.output
        in_session = output.get("classification", {}).get("kind") == "session" and "location" in output
        folder = (output["location"]["prefix"], one.disposition) if in_session else one.upload.key
        groups.setdefault(folder, []).append(one)
    return list(groups.values())


def _row(group: list[Ended], width: int) -> list[Text]:
    first = group[0]
    name = first.upload.key
    if len(group) > 1:
        name = commonpath([one.upload.key for one in group]) + "/"
    classification = first.output.get("classification", {})
    return [
        Text(shortened(name, width)),
        Text(classification.get("kind", "–")),
        _patient(classification.get("patient")),
        _disposition(group),
        Text(f"{max(one.seconds for one in group):.1f} s"),
    ]


def _patient(patient: dict[str, str] | None) -> Text:
    if patient is None:
        return Text("–")
    if patient["status"] == "known":
        return Text(shortened(patient["id"], PATIENT))
    conflict = patient.get("reason") == "conflict"
    return Text("unknown: conflict" if conflict else "unknown", style="yellow")


def _disposition(group: list[Ended]) -> Text:
    first = group[0]
    count = f" × {len(group)}" if len(group) > 1 else ""
    if not all(one.as_expected for one in group):
        return Text(f"{first.disposition}{count} !", style="bold red")
    if first.upload.expect:
        return Text("failed, expected", style="yellow")
    return Text(f"{first.disposition}{count}", style="green")


def _grow(parent: Tree, name: str, files: list[str]) -> None:
    """Add a folder; one that contains only another folder shares its line."""
    here = sorted((file for file in files if "/" not in file), key=_as_read)
    below: dict[str, list[str]] = {}
    for file in files:
        first, slash, rest = file.partition("/")
        if slash:
            below.setdefault(first, []).append(rest)
    if not here and len(below) == 1:
        ((only, inner),) = below.items()
        _grow(parent, f"{name}{only}/", inner)
        return
    branch = parent.add(
        Text.assemble((name, "cyan"), ("  " + _files(here), "dim"), no_wrap=True, overflow="ellipsis")
    )
    for folder, inner in below.items():
        _grow(branch, f"{folder}/", inner)


def _as_read(name: str) -> tuple[bool, bool, str]:
    """Sort key: the original first, the manifest last."""
    return name == "_manifest.json", not name.startswith("original."), name


def _files(names: list[str]) -> str:
    if len(names) > SHOWN_FILES:
        return f"{names[0]} … {names[-1]} ({len(names)} files)"
    return "  ".join(names)
