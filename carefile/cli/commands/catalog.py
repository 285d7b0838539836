"""`carefile catalog`: list what is filed for a patient, as unknown or for one landing key; and what failed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry, SessionSummary, record_of
from carefile.cli.aws.failures import still_failed
from carefile.cli.exits import Exit, listed
from carefile.cli.problem import refuse_unless_one
from carefile.cli.shown.session import describe_activity
from carefile.cli.shown.view import Column, View, clock, sized
from carefile.cli.times import since as moment
from carefile.core.model import Source
from carefile.core.records.session_entries import Place


def catalog(
    connection: Connection,
    view: View,
    key: Annotated[str | None, typer.Argument(help="A landing key.", show_default=False)] = None,
    *,
    patient: Annotated[str | None, typer.Option(help="List everything filed for this patient.")] = None,
    unknown: Annotated[bool, typer.Option("--unknown", help="List everything filed as unknown.")] = False,
    failed: Annotated[
        bool, typer.Option("--failed", help="List what failed and has not been filed since.")
    ] = False,
    sessions: Annotated[
        bool, typer.Option("--sessions", help="List only sessions, with their activity and size.")
    ] = False,
    objects: Annotated[
        bool, typer.Option("--objects", help="List every object of a session, not just the session.")
    ] = False,
    since: Annotated[
        str | None, typer.Option(help="List only what was filed or failed since: 2h, 3d.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 200,
) -> Exit:
    """List filed documents and sessions, newest first.

    A session is listed once, at the time of its latest object.
    """
    refuse_unless_one(
        [bool(key), patient is not None, unknown, failed], "list", "KEY, --patient ID, --unknown or --failed"
    )
    after = moment(since)
    if failed:
        return _failed(connection, view, after, limit)
    entries = Entries(connection)
    if key:
        bucket, _, path = (
            key.removeprefix("s3://").partition("/") if key.startswith("s3://") else ("", "", key)
        )
        entry = entries.get(Source(bucket or connection.landing, path).source_id)
        found: Iterator[Entry | SessionSummary] = iter([entry] if entry else [])
    else:
        found = _since(entries.of_patient(None if unknown else patient), after)
    if sessions:
        found = (item for item in found if isinstance(item, SessionSummary))
    if objects:
        found = _each_object(entries, found)
    what = "for that key" if key else "filed as unknown" if unknown else "for that patient"
    count = view.stream(
        (_OF_SESSIONS if sessions and not objects else _OF_UNKNOWN if unknown else _OF_PATIENT),
        (record_of(item) for item in islice(found, limit)),
        below=_filed,
        nothing=f"The catalog has {'no sessions' if sessions else 'no entries'} {what}.",
    )
    if count == limit:
        view.note(f"Showing the first {limit}; use --limit to see more.")
    if unknown and count:
        view.note("[bold]carefile inbox[/bold] shows those that wait, and lets you decide whose they are.")
    return listed(count, named=not unknown)


def _since(
    entries: Iterator[Entry | SessionSummary], after: datetime | None
) -> Iterator[Entry | SessionSummary]:
    """Stop at the first older entry: they are sorted newest first."""
    for entry in entries:
        if after and datetime.fromisoformat(entry.cataloged_at) < after:
            return
        yield entry


def _each_object(entries: Entries, found: Iterator[Entry | SessionSummary]) -> Iterator[Entry]:
    for item in found:
        if isinstance(item, SessionSummary):
            yield from entries.in_session(Place(item.bucket, item.prefix))
        else:
            yield item


def _failed(connection: Connection, view: View, after: datetime | None, limit: int) -> Exit:
    """List objects that were not filed, in that version or a later one, since their latest failure."""
    failures = islice(still_failed(connection, after), limit)
    count = view.stream(_OF_FAILED, failures, below=lambda r: r["cause"], nothing="No unresolved failures.")
    if count == limit:
        view.note(f"Showing the first {limit}; use --limit to see more.")
    return listed(count, faults=True)


def _filed(record: Any) -> str:
    return str(record["prefix"])


def _named(record: Any) -> str:
    return str(record["key"] if "key" in record else f"{record['session_id']}  {describe_activity(record)}")


def _why(record: Any) -> str:
    """Why nobody is known, or that a person decided that it is no patient's."""
    return "nobody's" if record.get("is_nobodys") else str(record["reason"])


def _at(name: str, heading: str) -> Column:
    return Column(heading, lambda r: clock(datetime.fromisoformat(r[name])), width=19)


_SIZE = Column("Size", lambda r: sized(r["size"]), right=True, width=9)
_OF_PATIENT = (
    _at("cataloged_at", "Cataloged"),
    Column("Kind", lambda r: r["kind"], width=8),
    _SIZE,
    Column("Object", _named),
)
_OF_UNKNOWN = (*_OF_PATIENT[:2], Column("Reason", _why, width=11), *_OF_PATIENT[2:])
_OF_SESSIONS = (
    _at("last_activity", "Last activity"),
    _at("first_activity", "First activity"),
    Column("Messages", lambda r: r["messages"] or (r["snapshots"] and "snapshot") or 0, right=True, width=8),
    Column("Objects", lambda r: r["objects"], right=True, width=7),
    _SIZE,
    Column("Session", lambda r: r["session_id"]),
    Column("Agents", lambda r: ", ".join(r["agents"])),
)
_OF_FAILED = (
    _at("failed_at", "Failed"),
    Column("Error", lambda r: r["error"], width=18),
    Column("Object", lambda r: r["key"]),
)
