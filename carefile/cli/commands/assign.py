"""`carefile assign`: decide whose a session or a document is, and move it there.

Without --yes it only previews the move. After a failure the same command resumes.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.patients.deciding import Decider, Wish, name_of
from carefile.cli.patients.listed.doubt import refuse_nobody, warn_of
from carefile.cli.patients.moving import Move
from carefile.cli.problem import refuse_unless_one
from carefile.cli.shown.view import View, plain
from carefile.cli.times import span
from carefile.core.model import DecisionType


def assign(
    connection: Connection,
    view: View,
    *,
    patient: Annotated[str | None, typer.Option(help="The patient to assign it to.")] = None,
    nobody: Annotated[
        bool, typer.Option("--nobody", help="Decide that it is no patient's: it stays unknown.")
    ] = False,
    take_back: Annotated[
        bool, typer.Option("--take-back", help="Take the decision back: the evidence decides again.")
    ] = False,
    session: Annotated[str | None, typer.Option(help="The session to assign, by its id.")] = None,
    document: Annotated[
        str | None,
        typer.Option(help="The document to assign, by its folder: processed/unknown_scan/."),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(help="The landing key of the document, or of any object of the session."),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="The patient it is filed under now. Can be repeated."),
    ] = None,
    bucket: Annotated[
        str | None, typer.Option(help="The landing bucket of --key, if there are several.")
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="Who decides this. Default: whose credentials these are.")
    ] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="Why.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Preview the move; same as without --yes.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Wait until the move has ended.")] = True,
    timeout: Annotated[str, typer.Option(help="Maximum time to wait.")] = "1h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Move it; without it, only preview.")] = False,
) -> Exit:
    """Assign a session or document to a patient and move it, or decide that it is no patient's.

    Without --yes, only preview the move.
    """
    refuse_nobody(patient)
    decision = _decision(patient, nobody=nobody, take_back=take_back)
    names = _names({"session_id": session, "prefix": document, "key": key})
    patience, decider = span(timeout), Decider(connection)
    wish = Wish(
        decision,
        by or name_of(connection),
        reason,
        **names,
        bucket=bucket,
        patient_id=patient,
        taken_from=tuple(from_ or ()),
    )
    plan = decider.preview(wish)
    if patient is not None:
        warn_of(connection, view, patient)
    move = Move(plan, partial(_show, plan), lambda: decider.decide(wish), decider, _done)
    return move.run(view, yes=yes and not dry_run, follow=follow, patience=patience)


def _decision(patient: str | None, *, nobody: bool, take_back: bool) -> DecisionType:
    refuse_unless_one(
        [patient is not None, nobody, take_back], "decide", "--patient ID, --nobody or --take-back"
    )
    if patient is not None:
        return DecisionType.ASSIGN
    return DecisionType.NOBODY if nobody else DecisionType.TAKE_BACK


def _names(names: dict[str, str | None]) -> dict[str, str]:
    given = {name: value for name, value in names.items() if value is not None}
    refuse_unless_one([True for _ in given], "assign", "--session, --document or --key")
    return given


def _show(plan: dict[str, Any], out: Console) -> None:
    subject = plan["subject"]
    what = subject.get("session_id") or subject["folder"]
    out.print(
        f"[bold]{plain(what)}[/bold], from {plain(subject['bucket'])}/{plain(subject['path'])}",
        soft_wrap=True,
    )
    for place in plan["filed"]:
        objects = f"{place['objects']} object" + ("s" if place["objects"] != 1 else "")
        out.print(f"  {objects} in {plain(place['folder'])}", soft_wrap=True)
    if plan["nothing_to_move"]:
        out.print("  It is already there.")
    elif "to" not in plan:
        out.print("  → where its own evidence says")
    else:
        out.print(f"  → {plain(plan['to'])}", soft_wrap=True)


def _done(result: dict[str, Any], objects: str) -> str:
    said = "Nothing to move."
    if not result["nothing_to_move"]:
        said = f"[green]Moved.[/green] {objects} filed again; nothing is left in the old place."
    if "session_id" in result["subject"] and "to" in result:
        said += "\nLater uploads to this session are filed there automatically."
    return said
