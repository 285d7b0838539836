"""`carefile forget`: delete everything of one patient, for good. Without --yes it shows what that would be."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from carefile.connection import Connection
from carefile.exits import Exit
from carefile.forgetting import Forgetter, Tally, refuse_placeholder
from carefile.problem import Problem
from carefile.times import span
from carefile.traces import Finder, Traces, subject_of
from carefile.view import Column, View, sized
from lambdas.core.events import iso_8601

_RULES = Path(__file__).resolve().parents[2] / "rules/default.json"


def forget(
    connection: Connection,
    view: View,
    *,
    patient: Annotated[str, typer.Option(help="Whose everything.")],
    include: Annotated[
        list[str] | None,
        typer.Option(
            help="A landing key that is the patient's too, whatever it is filed as. May be repeated."
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it. Nothing brings it back.")] = False,
    report: Annotated[
        Path | None, typer.Option(help="Write what was done to this file (JSON); it names nobody.")
    ] = None,
    rest: Annotated[
        str, typer.Option(help="How long a folder's bare claim stays; a later run removes it.")
    ] = "1d",
    bypass_governance: Annotated[
        bool, typer.Option("--bypass-governance", help="Delete also what is retained in governance mode.")
    ] = False,
) -> Exit:
    """Delete everything of one patient: all versions, manifests, catalog and ledger."""
    refuse_placeholder(patient, json.loads(_RULES.read_text(encoding="utf-8"))["placeholders"])
    if report and report.exists() and not yes:
        raise Problem(f"{report} is there already", "name another file")
    forgetter = Forgetter(connection, patient, rest=span(rest), bypass=bypass_governance)
    with view.busy("Looking for everything of the patient …"):
        traces = Finder(connection, patient).find(include or ())
        before = forgetter.tally(traces)
    _plan(view, traces, before)
    done, after = before, before
    if yes:
        with view.busy("Deleting …"):
            done = forgetter.forget(traces)
            done.bytes = before.bytes
        with view.busy("Looking again …"):
            after = forgetter.tally(Finder(connection, patient).find(include or ()))
    told = _told(connection, patient, traces, done, after, yes=yes)
    if report:
        report.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
    if view.as_json:
        view.thing(told, lambda _: None)
    _end(view, done, after, yes=yes)
    return Exit.FOUND if done.held or done.left or (yes and _anything(after)) else Exit.DONE


def _anything(tally: Tally) -> bool:
    return bool(
        tally.landing_versions or tally.layout_versions or tally.catalog_entries or tally.session_entries
    )


def _plan(view: View, traces: Traces, tally: Tally) -> None:
    if view.as_json:
        return
    for count, what in (
        (tally.landing_versions, "versions and delete markers in the landing bucket"),
        (tally.layout_versions, "versions and delete markers in the layout"),
        (tally.catalog_entries, "catalog entries of objects"),
        (tally.session_entries, "catalog entries of sessions"),
        (tally.ledger_items, "ledger items"),
    ):
        view.out.print(f"{count:>9} {what}")
    view.out.print(f"{sized(tally.bytes):>9} altogether")

    def undecided() -> Iterator[dict[str, Any]]:
        for source, why in traces.undecided.items():
            yield {"bucket": source.bucket, "key": source.key, "why": why}

    if traces.undecided:
        view.out.print("\nFor a person to look at; nothing of these is deleted:")
        view.stream((Column("Landing object", lambda r: r["key"]),), undecided(), below=_why, nothing="")
        view.note("What is the patient's of these: --include KEY.")


def _why(record: Any) -> str:
    return str(record["why"])


def _end(view: View, done: Tally, after: Tally, *, yes: bool) -> None:
    if done.held:
        view.warn(
            f"{len(done.held)} landing objects are kept as a whole: a version is under legal hold or retention."
        )
    if not yes:
        view.note("[bold]Nothing was deleted.[/bold] --yes deletes it for good.")
        return
    if done.left:
        view.warn(
            f"{len(done.left)} versions could not be deleted: these credentials may not, or they are locked."
        )
    if _anything(after) and not done.held:
        view.warn("A second look found more: something was on its way. Give the command again in a while.")
    if after.claims_left:
        view.note(
            f"{after.claims_left} empty claims of folders stay, whose names hold the patient's id: give the command "
            "again when they have rested (--rest, a day), and they go too."
        )
    view.note("What is not deleted by this, logs of AWS and backups among it, is in docs/retention.md.")


def _told(
    connection: Connection, patient: str, traces: Traces, done: Tally, after: Tally, *, yes: bool
) -> dict[str, Any]:
    """What is put on record. It names neither the patient nor a key."""
    return {
        "stack": connection.stack,
        "at": iso_8601(datetime.now(UTC)),
        "subject": subject_of(patient),
        "deleted": yes,
        "sources": sorted(trace.source.source_id for trace in traces.mine),
        "counts": _counts(done),
        "second_look": _counts(after) if yes else None,
        "kept_under_lock": sorted(source.source_id for source in done.held),
        "not_deleted": len(done.left),
        "claims_left": after.claims_left,
        "for_a_person": len(traces.undecided),
    }


def _counts(tally: Tally) -> dict[str, int]:
    names = (
        "landing_versions",
        "layout_versions",
        "catalog_entries",
        "session_entries",
        "ledger_items",
        "bytes",
    )
    return {name: getattr(tally, name) for name in names}
