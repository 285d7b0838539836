"""`carefile migrate`: migrate sessions of the old layout to the new one: plan, copy, verify, retire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import (
    Place,
    items,
    must_be_accepted,
    must_be_there,
    place_in,
)
from carefile.cli.aws.map_runs import MOST_TOLERATED, backfill_runs
from carefile.cli.exits import Exit
from carefile.cli.moving.copying import must_read_alike, start_or_resume
from carefile.cli.moving.forecast import Forecaster, Would
from carefile.cli.moving.migration import Comparison, Whose
from carefile.cli.moving.old_layout import must_be_of_old_layout
from carefile.cli.moving.report import Tally, write_report
from carefile.cli.moving.retiring import plan_retirement
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.map_run_view import follow_to_end
from carefile.cli.shown.view import Column, View, plain, sized
from carefile.core.deciding.rules import RuleTable

OLD_LAYOUT = "medical-notes/"
_COPY = "carefile migrate copy"


class Step(StrEnum):
    PLAN = "plan"
    COPY = "copy"
    VERIFY = "verify"
    RETIRE = "retire"


def migrate(
    connection: Connection,
    view: View,
    step: Annotated[Step, typer.Argument(help="The step to run.", show_default=False)],
    place: Annotated[
        str | None,
        typer.Argument(
            help=f"The prefix of the old sessions; by default {OLD_LAYOUT} in the landing bucket."
        ),
    ] = None,
    *,
    folder: Annotated[Path, typer.Option(help="The local folder of the report.")] = Path("migration"),
    signed_by: Annotated[
        str | None, typer.Option(help="Sign the report with this name if every object is verified.")
    ] = None,
    retire_originals: Annotated[
        bool,
        typer.Option("--retire-originals", help="Confirm `retire`: put delete markers on the originals."),
    ] = False,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Start a new copy even if an earlier one failed.")
    ] = False,
) -> Exit:
    """Migrate sessions of the old layout to the new one.

    Run the steps in order: plan, copy, verify, retire. Every step can be interrupted and resumed.
    """
    if step is Step.RETIRE:
        return _retire(connection, view, folder, really=retire_originals)
    where = place_in(place) if place else Place(connection.landing, OLD_LAYOUT)
    must_be_there(connection, where)
    must_be_accepted(connection, where)
    rules = rules_of(connection)
    must_be_of_old_layout((item.key for item in items(connection, where)), rules)
    if step is Step.PLAN:
        return _plan(connection, view, where, rules)
    if step is Step.COPY:
        must_read_alike(connection, where.bucket, items(connection, where), rules)
        return _copy(connection, view, where, afresh=afresh)
    return _verify(connection, view, where, folder, signed_by, rules)


def _plan(connection: Connection, view: View, where: Place, rules: RuleTable) -> Exit:
    forecaster, whose = (
        Forecaster(connection, where.bucket, rules),
        Whose(connection, where.bucket, rules),
    )
    sessions = dict[str, Counter[str]]()
    would, faults = Counter[str](), list[dict[str, Any]]()
    for forecast in forecaster.of(items(connection, where)):
        would[forecast.would.value] += 1
        if forecast.would is Would.SKIP:
            continue
        why = forecast.why or whose.why_not(forecast.key, forecast.patient)
        if why:
            faults.append(forecast.to_json() | {"why": why})
        if forecast.folder:
            session = sessions.setdefault(forecast.folder, Counter())
            session.update(
                objects=1,
                size=forecast.size,
                collides=forecast.collides,
                patient=forecast.patient is not None,
            )
            session["to_copy"] += forecast.would is not Would.STAY
    rows: list[dict[str, Any]] = [
        {"folder": folder, "objects": counts["objects"], "to_copy": counts["to_copy"], "bytes": counts["size"],
         "patient": "known" if counts["patient"] else "unknown", "collides": bool(counts["collides"])}
        for folder, counts in sorted(sessions.items())
    ]  # fmt: skip
    view.table(_SESSIONS, rows, nothing="No sessions found.")
    view.stream(_FAULTS, faults, below=lambda r: r["why"], nothing="")
    total = sum(row["bytes"] for row in rows)
    collisions = sum(row["collides"] for row in rows)
    view.note(
        f"[bold]Nothing was written.[/bold] {len(rows)} sessions, {sum(row['objects'] for row in rows)} objects, "
        f"{sized(total)}; {would['stay']} already filed; {collisions} sessions get a suffix."
    )
    view.note(f"Next step: `{_COPY} {plain(where)}`")
    return Exit.FOUND if faults else Exit.DONE


def _copy(connection: Connection, view: View, where: Place, *, afresh: bool) -> Exit:
    """Copy as many objects as possible: one that cannot be ingested stops no other, and `verify` finds it."""
    runs, command = backfill_runs(connection), f"{_COPY} {where}"
    request = {
        "bucket": where.bucket,
        "prefix": where.prefix,
        "tolerated_failure_percentage": MOST_TOLERATED,
    }
    arn, action = start_or_resume(runs, request, afresh=afresh)
    view.note(f"{action} {arn.rpartition(':')[2]}.")
    return follow_to_end(view, runs, arn, command, same=True)


def _verify(
    connection: Connection, view: View, where: Place, folder: Path, signed_by: str | None, rules: RuleTable
) -> Exit:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    began, tally = datetime.now(UTC), Tally()
    with view.progress("objects") as bar:
        task = bar.add_task("Comparing", total=None)
        comparison = Comparison(connection, where, folder, rules)

        def faults() -> Iterator[dict[str, Any]]:
            for line in comparison.run(lambda count: bar.advance(task, count)):
                tally.add(line)
                if not line["verified"]:
                    yield line

        view.stream(_FAULTS, faults(), below=lambda r: r["why"], nothing="")
    report = write_report(folder, connection.stack, where, tally, began, signed_by)
    view.note(
        f"{tally.verified} of {tally.objects} objects verified; see the report in {folder / 'report.html'}."
    )
    if report["complete"] and not signed_by:
        view.note("The report is complete. Sign it with --signed-by NAME before you retire the originals.")
    return Exit.DONE if report["complete"] else Exit.FOUND


def _retire(connection: Connection, view: View, folder: Path, *, really: bool) -> Exit:
    retirement = plan_retirement(connection, folder, rules_of(connection))
    count = len(retirement.keys)
    if not really:
        view.note(
            f"[bold]Nothing was done.[/bold] Use --retire-originals to retire {count} originals under "
            f"{plain(retirement.place)}."
        )
        return Exit.DONE
    with view.progress("objects") as bar:
        task = bar.add_task("Retiring", total=count)
        retired, refused, kept = retirement.run(connection, lambda done: bar.advance(task, done))
    view.note(
        f"{retired} originals retired with delete markers; every version is kept. "
        f"The report is kept in {plain(kept)}."
    )
    if refused:
        view.warn(f"S3 refused {refused}; run the same command again to retry them.")
    return Exit.FOUND if refused else Exit.DONE


_SESSIONS = (
    Column("Patient", lambda r: r["patient"]),
    Column("Objects", lambda r: r["objects"], right=True),
    Column("To copy", lambda r: r["to_copy"], right=True),
    Column("Size", lambda r: sized(r["bytes"]), right=True),
    Column("Suffix", lambda r: "yes" if r["collides"] else None),
    Column("Session", lambda r: r["folder"]),
)
_FAULTS = (Column("Not verified", lambda r: r["key"]),)
