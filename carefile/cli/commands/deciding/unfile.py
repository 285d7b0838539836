"""`carefile unfile`: take one document or session out of the layout, or file it again; without --yes, only preview."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.console import Console

from carefile.cli.aws.connection import Connection
from carefile.cli.exits import Exit
from carefile.cli.patients.unfiling import Decided, Unfiler
from carefile.cli.shown.view import View, plain
from carefile.cli.times import span
from carefile.core.messages.events import iso_8601
from carefile.core.model import Decision, DecisionType, Disposition


def unfile(
    connection: Connection,
    view: View,
    key: Annotated[
        str,
        typer.Argument(
            help="A landing key, s3://bucket/key, or a document's or session's folder under processed/.",
            show_default=False,
        ),
    ],
    *,
    by: Annotated[str, typer.Option("--by", help="Who decides this.", show_default=False)],
    reason: Annotated[str, typer.Option("--reason", help="Why.", show_default=False)],
    undo: Annotated[
        bool, typer.Option("--undo", help="File again what was taken out, named by its landing key.")
    ] = False,
    timeout: Annotated[str, typer.Option(help="Maximum time to wait.")] = "10m",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; without it, only preview.")] = False,
) -> Exit:
    """Take a document or a whole session out of the layout.

    Its objects get delete markers, and the same bytes are not filed again under their keys; other bytes are. Without
    --yes, only preview.
    """
    unfiler, patience = Unfiler(connection), span(timeout)
    found = unfiler.taken_out(key) if undo else unfiler.filed(key)
    plan: dict[str, Any] = {
        "undo": undo,
        "objects": [one.to_json() for one in found],
        "same_bytes": [other.landing_key for one in found for other in unfiler.alike(one)],
    }
    if not yes:
        view.thing(plan, partial(_show, plan))
        view.note("[bold]Nothing was done.[/bold] Use --yes to do it.")
        return Exit.DONE
    if not view.as_json:
        view.thing(plan, partial(_show, plan))
    kind = DecisionType.TAKE_BACK if undo else DecisionType.UNFILE
    decision = Decision(kind, by, iso_8601(datetime.now(UTC)), reason)
    for one in found:
        unfiler.record(one, decision)
        unfiler.note(one, decision)
    started = [(one, unfiler.start(one)) for one in found]
    with view.busy("Waiting for the intakes …"):
        ended = [(one, unfiler.follow(arn, patience)) for one, arn in started]
    return _report(view, plan | {"decision": decision.to_json()}, ended, undo=undo)


def _show(plan: dict[str, Any], out: Console) -> None:
    for one in plan["objects"]:
        where = f" in {plain(one['place'])}" if one["place"] else ""
        out.print(f"{plain(one['key'])}{where}", soft_wrap=True)
    for other in plan["same_bytes"]:
        out.print(f"  The same bytes stay filed from {plain(other)}", soft_wrap=True)


def _report(
    view: View, plan: dict[str, Any], ended: list[tuple[Decided, dict[str, Any]]], *, undo: bool
) -> Exit:
    results = [one.to_json() | result for one, result in ended]
    if view.as_json:
        view.thing(plan | {"objects": results}, lambda _: None)
    wanted = {Disposition.CATALOGED, Disposition.DUPLICATE} if undo else {Disposition.UNFILED}
    wrong = [result for result in results if result["disposition"] not in wanted]
    done = "filed again" if undo else "taken out of the layout"
    view.note(f"{len(results) - len(wrong)} of {len(results)} objects {done}.")
    for result in wrong:
        how = result["reason"] or result["disposition"] or result["status"]
        view.warn(f"{plain(result['key'])}: {plain(how)}")
        view.note(f"[dim]{plain(result['execution'])}[/dim]")
    if wrong and undo:
        view.warn("If its upload is gone, upload it again: the decision no longer holds it back.")
    return Exit.FOUND if wrong else Exit.DONE
