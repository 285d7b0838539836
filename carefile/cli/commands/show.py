"""`carefile show`: describe an execution, an object or a session; each leads to the others.

An execution's input names its object. The catalog entry and the stamp on a filed object name the execution that filed
it; for an object that is not filed, the inputs of the executions that changed since its upload are searched.
"""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Annotated

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry, record_of
from carefile.cli.aws.executions import Described, Executions
from carefile.cli.aws.objects import FiledObject, LandingObject, pipeline_status
from carefile.cli.aws.subject import no_object, subject
from carefile.cli.exits import Exit
from carefile.cli.patients.decided import decision_about
from carefile.cli.problem import NotThere, Problem
from carefile.cli.shown.session import describe_decision, show_session
from carefile.cli.shown.story import print_story, story_of
from carefile.cli.shown.view import View, ago, plain, sized
from carefile.core.messages.execution_names import PROMOTED, intake_name, is_express
from carefile.core.model import Source

_BEFORE = timedelta(minutes=5)  # allowance for clock skew; an execution never starts before its upload


def show(
    connection: Connection,
    view: View,
    what: Annotated[
        str,
        typer.Argument(
            help="An execution name or ARN, a landing key, a key or folder under processed/, or a session's id."
        ),
    ],
    *,
    everything: Annotated[
        bool, typer.Option("--all", help="For an object, also list every other execution of it.")
    ] = False,
) -> Exit:
    """Describe an execution, an object or a session.

    Show its path, its evidence, its errors and what to do about them.
    """
    executions, entries = Executions(connection), Entries(connection)
    found = subject(connection, executions, what)
    if found.execution:
        return _show_execution(connection, view, executions, found.execution)
    if found.session:
        return show_session(view, entries, found.session, partial(decision_about, connection))
    if found.filed:
        return _show_filed(connection, view, executions, entries, found.filed)
    if found.source is None:
        raise NotThere(f"no execution, object or session {what}", "list executions with `carefile runs`")
    return _show_landed(
        connection, view, executions, entries, found.source, found.landed, everything=everything
    )


def _show_execution(connection: Connection, view: View, executions: Executions, execution: Described) -> Exit:
    story = story_of(connection, executions, execution)
    view.thing(story, lambda out: print_story(out, story))
    return Exit.FOUND if execution.error or execution.listed.status == "ABORTED" else Exit.DONE


def _show_filed(
    connection: Connection, view: View, executions: Executions, entries: Entries, filed: FiledObject
) -> Exit:
    if not filed.execution:
        raise Problem(
            f"s3://{connection.processed}/{filed.key} was not written by an intake",
            "if it is not a folder's _manifest.json, another program wrote it: catalog it with `carefile adopt`",
        )
    entry = entries.get(filed.source_id or "")
    if entry and is_express(entry.execution) and intake_name(entry.execution) == filed.execution:
        return _show_entry(view, entry)
    of = f" for s3://{plain(entry.landing_bucket)}/{plain(entry.landing_key)}" if entry else ""
    view.note(f"Written by {filed.execution}{of}")
    return _show_execution(connection, view, executions, _kept(executions, filed.execution))


def _show_landed(
    connection: Connection,
    view: View,
    executions: Executions,
    entries: Entries,
    source: Source,
    landed: LandingObject | None,
    *,
    everything: bool,
) -> Exit:
    entry = entries.get(source.source_id)
    if entry is None and (by := entries.taken_out_by(source.source_id)):
        view.note(
            f"s3://{plain(source.bucket)}/{plain(source.key)} was taken out of the layout by {plain(by)}; "
            "`carefile unfile --undo` files it again"
        )
        if landed is None:
            return Exit.FOUND
    if landed is None and entry is None:
        raise no_object(source.bucket, source.key)
    status = pipeline_status(connection, landed) if landed else None
    view.note(_summary(source, landed, entry, status))
    if entry and entry.decision:
        view.note(describe_decision(entry.decision))
    for other in entries.same_bytes(entry) if entry else ():
        view.note(_also(other))
    if landed is None or (entry and _current(entry, landed) and not everything):
        assert entry is not None  # noqa: S101 - one of the two exists
        if is_express(entry.execution):
            return _show_entry(view, entry)
        return _show_execution(connection, view, executions, _kept(executions, entry.execution))
    with view.busy("Searching the executions since the upload …"):
        about = list(executions.about(source.bucket, source.key, landed.modified - _BEFORE))
    if not about:
        view.warn(
            "No execution was started for it. `carefile reconcile --repair --yes` repairs such objects."
        )
        return Exit.FOUND
    for item in about[1:]:
        view.note(
            f"[dim]other execution: {item.listed.name}  {item.listed.status}  {plain(item.error or '')}[/dim]"
        )
    return _show_execution(connection, view, executions, about[0])


def _show_entry(view: View, entry: Entry) -> Exit:
    """Show the catalog entry: of an intake on the express lane only the result is kept."""
    view.note("Filed on the express lane; Step Functions keeps no history of Express executions.")
    record = record_of(entry)

    def show(out: Console) -> None:
        for name, value in record.items():
            if value is not None:
                out.print(f"{name:<16}{plain(str(value))}", soft_wrap=True)

    view.thing(record, show)
    return Exit.DONE


def _kept(executions: Executions, name: str) -> Described:
    """Describe the execution of this name, or the one that the intake was promoted to."""
    found = executions.describe(name) or executions.describe(PROMOTED + intake_name(name))
    if found is None:
        raise Problem(
            f"the execution {name.rpartition(':')[2]} is no longer available",
            "Step Functions keeps executions for 90 days after they end, and does not keep Express ones; "
            "see the result with `carefile catalog KEY`",
        )
    return found


def _also(other: Entry) -> str:
    whose = f"patient {plain(other.patient)}" if other.patient is not None else "the unknown patient"
    key = f"s3://{plain(other.landing_bucket)}/{plain(other.landing_key)}"
    return f"The same bytes are also filed under {whose}, from {key}"


def _current(entry: Entry, landed: LandingObject) -> bool:
    return entry.landing_version == landed.version_id


def _summary(source: Source, landed: LandingObject | None, entry: Entry | None, status: str | None) -> str:
    text = f"s3://{plain(source.bucket)}/{plain(source.key)}"
    if landed is None:
        return f"{text}: deleted from the landing bucket, or expired; the filed copy is kept"
    text += f": {sized(landed.size)}, uploaded {ago(landed.modified)}, {status or 'no intake has ended yet'}"
    if entry and not _current(entry, landed):
        text += "; an older version is filed"
    return text
