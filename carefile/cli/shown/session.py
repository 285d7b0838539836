"""A session as `carefile show` tells it: whose it is, when, who spoke, and each object with its execution."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from rich.console import Console
from rich.table import Table

from carefile.cli.aws.entries import Entries, Entry, SessionSummary, record_of
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View, clock, plain, sized
from carefile.core.records.session_entries import Place


def show_session(view: View, entries: Entries, place: Place) -> Exit:
    session = entries.session(place)
    if session is None:
        raise Problem(
            f"the catalog knows no session at {place.prefix}",
            "`carefile catalog --sessions --patient ID` lists them; a new one is there after some ten seconds",
        )
    objects = entries.in_session(place)
    story = record_of(session) | {"object_entries": [_told(item) for item in objects]}
    view.thing(story, lambda out: _print(out, session, objects))
    return Exit.DONE


def in_words(record: dict[str, Any]) -> str:
    """Messages or snapshots, and whose."""
    counted = [(record["messages"], "message"), (record["snapshots"], "snapshot")]
    shown = [f"{count} {what}{'' if count == 1 else 's'}" for count, what in counted if count] or [
        "0 messages"
    ]
    agents = ", ".join(record["agents"])
    more = f" and {record['more_agents']} more" if record["more_agents"] else ""
    return ", ".join(shown) + (f" by {agents}{more}" if agents else "")


def _told(entry: Entry) -> dict[str, Any]:
    record = record_of(entry)
    return {name: record[name] for name in ("key", "filed_key", "size", "modified", "revision", "execution")}


def _print(out: Console, session: SessionSummary, objects: list[Entry]) -> None:
    whose = "nobody known" if session.patient is None else plain(session.patient)
    reason = f" ({session.reason})" if session.reason else ""
    out.print(f"[bold]{plain(session.session_id)}[/bold] of {whose}{reason}", soft_wrap=True)
    out.print(f"s3://{plain(session.bucket)}/{plain(session.prefix)}", soft_wrap=True, style="dim")
    begun, last = (datetime.fromisoformat(at) for at in (session.first_activity, session.last_activity))
    out.print(f"{plain(in_words(record_of(session)))}, {session.objects} objects, {sized(session.size)}")
    if session.incomplete:
        out.print("It has more objects than an entry holds; these numbers are of an earlier moment.")
    out.print(f"from {clock(begun)} to {clock(last)}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("Object", "Written", "Size", "Execution"):
        table.add_column(heading, overflow="fold", justify="right" if heading == "Size" else "left")
    for entry in objects:
        table.add_row(
            plain(entry.key.removeprefix(session.prefix)),
            clock(datetime.fromisoformat(entry.modified)),
            sized(entry.size),
            plain(entry.execution.rpartition(":")[2]),
        )
    out.print()
    out.print(table)
