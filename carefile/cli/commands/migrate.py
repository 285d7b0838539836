"""`carefile migrate`: sessions of the old layout into the new one: plan, copy, verify, retire."""

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
from carefile.cli.aws.map_runs import of_backfill
from carefile.cli.commands.backfill import MOST_TOLERATED
from carefile.cli.exits import Exit
from carefile.cli.moving.copying import begun_or_gone_on_with, must_read_alike
from carefile.cli.moving.forecast import Forecaster, Would
from carefile.cli.moving.migration import Comparison, Whose
from carefile.cli.moving.old_layout import must_be_of_old_layout
from carefile.cli.moving.report import Tally, written
from carefile.cli.moving.retiring import allowed
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.map_run_view import shown_to_the_end
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
    step: Annotated[
        Step, typer.Argument(help="plan, copy, verify and, last of all, retire.", show_default=False)
    ],
    place: Annotated[
        str | None,
        typer.Argument(help=f"Where the old sessions are; without, {OLD_LAYOUT} of the landing bucket."),
    ] = None,
    *,
    folder: Annotated[Path, typer.Option(help="Where the report is kept.")] = Path("migration"),
    signed_by: Annotated[
        str | None, typer.Option(help="Who answers for the report, once every object is verified.")
    ] = None,
    retire_originals: Annotated[
        bool, typer.Option("--retire-originals", help="Really put delete markers on the originals.")
    ] = False,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Begin a copy anew, whatever became of an earlier one.")
    ] = False,
) -> Exit:
    """Bring sessions of the old layout into the new one. Each step goes on where it was interrupted."""
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
            told = sessions.setdefault(forecast.folder, Counter())
            told.update(
                objects=1,
                size=forecast.size,
                collides=forecast.collides,
                patient=forecast.patient is not None,
            )
            told["to_copy"] += forecast.would is not Would.STAY
    rows: list[dict[str, Any]] = [
        {"folder": folder, "objects": told["objects"], "to_copy": told["to_copy"], "bytes": told["size"],
         "patient": "known" if told["patient"] else "unknown", "collides": bool(told["collides"])}
        for folder, told in sorted(sessions.items())
    ]  # fmt: skip
    view.table(_SESSIONS, rows, nothing="There are no sessions.")
    view.stream(_FAULTS, faults, below=lambda r: r["why"], nothing="")
    total = sum(row["bytes"] for row in rows)
    collisions = sum(row["collides"] for row in rows)
    view.note(
        f"[bold]Nothing was written.[/bold] {len(rows)} sessions, {sum(row['objects'] for row in rows)} objects, "
        f"{sized(total)}; {would['stay']} are filed already; {collisions} sessions get a suffix."
    )
    view.note(f"`{_COPY} {plain(where)}` goes on.")
    return Exit.FOUND if faults else Exit.DONE


def _copy(connection: Connection, view: View, where: Place, *, afresh: bool) -> Exit:
    """One object that can't be taken in stops no other: that all are there is what the comparison sees to."""
    runs, command = of_backfill(connection), f"{_COPY} {where}"
    asked = {
        "bucket": where.bucket,
        "prefix": where.prefix,
        "tolerated_failure_percentage": MOST_TOLERATED,
    }
    arn, how = begun_or_gone_on_with(runs, asked, afresh=afresh)
    view.note(f"{how} as {arn.rpartition(':')[2]}.")
    return shown_to_the_end(view, runs, arn, command, same=True)


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
    report = written(folder, connection.stack, where, tally, began, signed_by)
    view.note(
        f"{tally.verified} of {tally.objects} objects verified; the report is {folder / 'report.html'}."
    )
    if report["complete"] and not signed_by:
        view.note("It is complete. --signed-by NAME signs it; before that nothing can be retired.")
    return Exit.DONE if report["complete"] else Exit.FOUND


def _retire(connection: Connection, view: View, folder: Path, *, really: bool) -> Exit:
    retirement = allowed(connection, folder, rules_of(connection))
    count = len(retirement.keys)
    if not really:
        view.note(
            f"[bold]Nothing was done.[/bold] --retire-originals retires {count} originals under "
            f"{plain(retirement.place)}."
        )
        return Exit.DONE
    with view.progress("objects") as bar:
        task = bar.add_task("Retiring", total=count)
        retired, refused, kept = retirement.run(connection, lambda done: bar.advance(task, done))
    view.note(
        f"{retired} originals retired: delete markers, every version is still there. "
        f"The report is kept in {plain(kept)}."
    )
    if refused:
        view.warn(f"{refused} were refused; the same command goes on with them.")
    return Exit.FOUND if refused else Exit.DONE


_SESSIONS = (
    Column("Session", lambda r: r["folder"]),
    Column("Patient", lambda r: r["patient"], keep=True),
    Column("Objects", lambda r: r["objects"], right=True, keep=True),
    Column("To copy", lambda r: r["to_copy"], right=True, keep=True),
    Column("Size", lambda r: sized(r["bytes"]), right=True, keep=True),
    Column("Suffix", lambda r: "yes" if r["collides"] else None, keep=True),
)
_FAULTS = (Column("Not as it should be", lambda r: r["key"]),)
