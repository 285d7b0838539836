"""`carefile assign`: say whose a session or a document is, and have it moved there.

Without --yes it only shows what would be moved. Given again after a failure it goes on where that was.
"""

from __future__ import annotations

from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.patients.assigning import Assigner
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import advice_for
from carefile.cli.shown.view import View, plain
from carefile.cli.times import span


def assign(
    connection: Connection,
    view: View,
    *,
    patient: Annotated[str, typer.Option(help="Whose it is.", show_default=False)],
    session: Annotated[str | None, typer.Option(help="A session, by its id.")] = None,
    document: Annotated[
        str | None, typer.Option(help="A document, by its folder: processed/unknown_scan/.")
    ] = None,
    key: Annotated[
        str | None, typer.Option(help="A document, or the session of an object, by its landing key.")
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", help="A patient it is filed under now; may be given several times."),
    ] = None,
    bucket: Annotated[
        str | None, typer.Option(help="The landing bucket of --key, where there are several.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would be moved.")] = False,
    follow: Annotated[bool, typer.Option(help="Wait for its end.")] = True,
    timeout: Annotated[str, typer.Option(help="How long to wait.")] = "1h",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it; without, only show what would be moved.")
    ] = False,
) -> Exit:
    """Move a session or a document to the patient it belongs to; without --yes only show what would be moved."""
    request = _request(patient, {"session_id": session, "prefix": document, "key": key}, from_ or [], bucket)
    patience, assigner = span(timeout), Assigner(connection)
    plan = assigner.plan(request)
    if dry_run or not yes:
        view.thing(plan, partial(_show, plan))
        view.note("[bold]Nothing was done.[/bold] --yes does it.")
        return Exit.DONE
    if not view.as_json:
        view.thing(plan, partial(_show, plan))
    begun = assigner.begin(request)
    if begun.redriven:
        view.note("An earlier try had failed; it goes on where it was.")
    if not follow:
        view.thing({"execution": begun.arn}, lambda out: out.print(begun.arn, soft_wrap=True))
        return Exit.DONE
    with view.busy("Moving …"):
        ended = assigner.follow(begun, patience)
    return _told(view, ended)


def _request(
    patient: str, names: dict[str, str | None], replaced: list[str], bucket: str | None
) -> dict[str, Any]:
    given = {name: value for name, value in names.items() if value is not None}
    if len(given) != 1:
        raise Problem("what is to be assigned is not clear", "give one of --session, --document and --key")
    if bucket is not None:
        given["bucket"] = bucket
    request: dict[str, Any] = {"patient_id": patient, **given}
    return request | ({"from": sorted(set(replaced))} if replaced else {})


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
        out.print("  All of it is there already.")
    else:
        out.print(f"  → {plain(plan['to'])}", soft_wrap=True)


def _told(view: View, ended: dict[str, Any]) -> Exit:
    if view.as_json:
        view.thing(ended, lambda out: None)
    status, result = ended["status"], ended["result"]
    if status == "SUCCEEDED":
        if result["nothing_to_move"]:
            view.note("Nothing was to be moved.")
        else:
            count = result["taken_in"]
            view.note(f"[green]Moved.[/green] {count} taken in again, and nothing is left where it was.")
        if "session_id" in result["subject"]:
            view.note("What is uploaded of this session later goes there by itself.")
        return Exit.DONE
    if status == "RUNNING":
        view.note("It has not ended yet, and goes on by itself.")
    else:
        advice = advice_for(ended["error"] or status)
        view.warn(f"[red]Not wholly moved.[/red] {plain(ended['reason'] or advice.means)}")
        view.warn(f"  to do: {advice.to_do} Then give the same command again. {advice.anchor}")
    view.note(f"[dim]{plain(ended['execution'])}[/dim]")
    return Exit.FOUND
