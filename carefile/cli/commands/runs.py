"""`carefile runs`: list the objects that went through the pipeline, the latest change first, or watch them go."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from time import monotonic, sleep
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import ENDED_BADLY, Described, Executions, Listed
from carefile.cli.aws.watching import Seen, Watcher
from carefile.cli.exits import Exit, listed
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import refuse_misspelt
from carefile.cli.shown.live import Display, Lines, named_patient
from carefile.cli.shown.view import Column, View, clock, lasting, plain
from carefile.cli.times import since as moment
from carefile.cli.times import span

_EVERY_ON_AWS = 2.5  # two lists and, of two each second, one to spare
_EVERY = 1.0


def runs(
    connection: Connection,
    view: View,
    *,
    failed: Annotated[
        bool, typer.Option("--failed", help="List only what failed, timed out or was aborted.")
    ] = False,
    running: Annotated[bool, typer.Option("--running", help="List only what is running.")] = False,
    since: Annotated[
        str | None,
        typer.Option(help="List only what started or ended since: 2h, yesterday, 2026-11-20."),
    ] = None,
    error: Annotated[str | None, typer.Option(help="List only what failed with this error.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Maximum number to list.")] = 50,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Keep watching, until Ctrl-C.")] = False,
    timeout: Annotated[str | None, typer.Option(help="With --watch: end after this long.")] = None,
) -> Exit:
    """List objects with their outcome and patient, or --watch them.

    Each is an execution of the pipeline; on the express lane, only those that it handed over.
    """
    if failed and running:
        raise Problem("--failed cannot be combined with --running", "use one of them")
    if timeout and not watch:
        raise Problem("--timeout is for --watch", "use them together, or leave it out")
    refuse_misspelt(error)
    executions, after = Executions(connection), moment(since)
    if watch:
        _note_express_lane(connection, view)
        wanted = _Wanted(failed=failed, running=running, error=error)
        ends = monotonic() + span(timeout).total_seconds() if timeout else None
        every = _EVERY_ON_AWS if connection.endpoint is None else _EVERY
        return _watch(view, Watcher(executions, after or datetime.now(UTC)), wanted, every, ends)
    every_one = _listed(executions, after, failed=failed or bool(error), running=running)
    described = executions.described(every_one if error else islice(every_one, limit))
    found = islice((item for item in described if error is None or item.error == error), limit)
    count = view.stream(
        _COLUMNS,
        (record(item) | {"console": connection.console(item.listed.arn)} for item in found),
        below=lambda r: r["cause"],
        nothing="No matching executions.",
    )
    if count and (address := connection.console(connection.execution_arn(""))) and connection.endpoint:
        view.note(f"[dim]Console: {plain(address)}[/dim]")
    if count:
        view.note("[dim]`carefile show KEY` says why, and what to do.[/dim]")
    else:
        _note_express_lane(connection, view)
    if count == limit:
        view.note(f"Showing the first {limit}; use --limit or --since to see others.")
    return listed(count, faults=failed or error is not None)


def _note_express_lane(connection: Connection, view: View) -> None:
    if connection.has_express_lane:
        view.note(
            "Uploads take the express lane, which keeps no executions: only what it handed over is listed here. "
            "`carefile catalog` lists what is filed."
        )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What of the changes is shown."""

    failed: bool
    running: bool
    error: str | None

    def holds(self, one: Seen) -> bool:
        listed = one.execution.listed
        if self.error is not None:
            return one.execution.error == self.error
        if self.failed:
            return listed.status in ENDED_BADLY
        return one.running or not self.running


def _watch(view: View, watcher: Watcher, wanted: _Wanted, every: float, ends: float | None) -> Exit:
    """Show each change until Ctrl-C, which is how it ends, or until the time is over."""
    bad = counted = 0
    code = Exit.INTERRUPTED
    with suppress(KeyboardInterrupt), _shown(view) as shown:
        while True:
            look = watcher.look()
            changed = [one for one in look.changed if wanted.holds(one)]
            bad += sum(one.execution.listed.status in ENDED_BADLY for one in changed)
            counted += look.counted
            shown.update(
                [_seen(one) for one in changed], [_seen(one) for one in look.running if wanted.holds(one)]
            )
            if ends is not None and monotonic() + every > ends:
                code = Exit.FOUND if bad else Exit.DONE
                break
            sleep(every)
    if counted:
        view.note(f"{counted} came too fast to be listed; see `carefile runs --since 1h --limit {counted}`.")
    if bad:
        view.note(f"[red]{bad} failed.[/red] `carefile show KEY` says why, and what to do.")
    return code


def _shown(view: View) -> Display | Lines:
    return Display(view) if view.out.is_terminal and not view.as_json else Lines(view, _CHANGES)


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
        **_whose(item),
        "error": item.error,
        "cause": item.reason,
        "execution": listed.arn,
    }


def _whose(item: Described) -> dict[str, str | None]:
    """The patient as decided; before that, and for what failed, whom a hint names."""
    found = item.output.get("classification")
    patient = found.get("patient") if isinstance(found, dict) else None
    if isinstance(patient, dict):
        return {"patient": patient.get("id"), "reason": patient.get("reason")}
    hints = item.request.hints if item.request else None
    return {"patient": hints.patient_id if hints else None, "reason": None}


def _seen(one: Seen) -> dict[str, Any]:
    running = one.running
    return record(one.execution) | {
        "state": one.state if running else None,
        "seconds": round(one.seconds, 1),
        "at": one.at.isoformat(),
    }


def _outcome(found: Any) -> str:
    return str(found["disposition"] or found["error"] or found["status"])


_COLUMNS = (
    Column("Started", lambda r: clock(datetime.fromisoformat(r["started"]))[5:], width=14),
    Column("Took", lambda r: lasting(r["seconds"]), right=True, width=9),
    Column("Outcome", _outcome, width=14),
    Column("Patient", named_patient, width=22),
    Column("Object", lambda r: r["key"] or "(malformed input)"),
)
_CHANGES = (
    Column("At", lambda r: clock(datetime.fromisoformat(r["at"]))[11:], width=8),
    Column("State", lambda r: r["state"] or _outcome(r), width=18),
    *_COLUMNS[1:2],
    *_COLUMNS[3:],
)
