"""`carefile runs`: list executions, most recently changed first, each with its object."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import ENDED_BADLY, Described, Executions, Listed
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import Column, View, clock, lasting, plain
from carefile.cli.times import since as moment


def runs(
    connection: Connection,
    view: View,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="List only executions that failed, timed out or were aborted.")
    ] = False,
    running: Annotated[bool, typer.Option("--running", help="List only running executions.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="List only executions that started or ended since: 2h, 3d, 2026-11-20."),
    ] = None,
    error: Annotated[
        str | None, typer.Option(help="List only executions that failed with this error.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 50,
) -> Exit:
    """List executions with their objects and outcomes."""
    if failed and running:
        raise Problem("--failed cannot be combined with --running", "use one of them")
    executions = Executions(connection)
    listed = _listed(executions, moment(since), failed=failed or bool(error), running=running)
    described = executions.described(listed if error else islice(listed, limit))
    wanted = islice((item for item in described if error is None or item.error == error), limit)
    count = view.stream(
        _COLUMNS,
        (record(item) | {"console": connection.console(item.listed.arn)} for item in wanted),
        # On AWS the address ends with the name.
        below=lambda r: r["name"] if connection.endpoint else r["console"],
        nothing="No matching executions.",
    )
    if count and connection.endpoint and (address := connection.console(connection.execution_arn(""))):
        view.note(f"[dim]Console: {plain(address)}[/dim]")
    if count == limit:
        view.note(f"Showing the first {limit}; use --limit or --since to see others.")
    return Exit.DONE


def _listed(executions: Executions, since: Any, *, failed: bool, running: bool) -> Iterator[Listed]:
    if running:
        return executions.changed_since(since, "RUNNING")
    if not failed:
        return executions.changed_since(since)
    everything = [executions.changed_since(since, status) for status in ENDED_BADLY]
    return _latest_first(everything)


def _latest_first(sources: list[Iterator[Listed]]) -> Iterator[Listed]:
    """Merge lists that are each sorted latest first."""
    heads = [(head, source) for source in sources if (head := next(source, None))]
    while heads:
        index = max(range(len(heads)), key=lambda place: heads[place][0].changed)
        head, source = heads[index]
        yield head
        following = next(source, None)
        if following:
            heads[index] = (following, source)
        else:
            del heads[index]


def record(item: Described) -> dict[str, Any]:
    listed, request = item.listed, item.request
    return {
        "name": listed.name,
        "status": listed.status,
        "started": listed.started.isoformat(),
        "seconds": round(listed.took.total_seconds(), 1) if listed.took is not None else None,
        "redrives": listed.redrives,
        "bucket": request.source.bucket if request else None,
        "key": request.source.key if request else None,
        "version_id": request.version_id if request else None,
        "disposition": item.output.get("disposition"),
        "error": item.error,
        "cause": item.reason,
        "execution": listed.arn,
    }


_COLUMNS = (
    Column("Started", lambda r: clock(datetime.fromisoformat(r["started"]))[5:], width=14),
    Column("Took", lambda r: lasting(r["seconds"]), right=True, width=9),
    Column("Outcome", lambda r: r["disposition"] or r["error"] or r["status"], width=23),
    Column("Object", lambda r: r["key"] or "(malformed input)"),
)
