"""`carefile backfill`: take in what is there already, or first see what would become of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from carefile.connection import Connection
from carefile.exits import Exit
from carefile.forecast import Forecaster, Would
from carefile.listing import Place, items, must_be_accepted, must_be_there, place_in
from carefile.map_run_view import shown_to_the_end
from carefile.map_runs import of_backfill, refuse_half_finished
from carefile.problem import Problem
from carefile.rule_table import rules_of
from carefile.view import Column, View, plain, sized

COMMAND = "carefile backfill"
MOST_TOLERATED = 50


def backfill(
    connection: Connection,
    view: View,
    place: Annotated[
        str | None, typer.Argument(help="What to take in: s3://bucket/prefix/", show_default=False)
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go where; nothing is written.")
    ] = False,
    tolerate: Annotated[
        float, typer.Option(min=0, max=MOST_TOLERATED, help="Go on while at most so many percent failed.")
    ] = 1,
    afresh: Annotated[bool, typer.Option("--afresh", help="Begin anew where an earlier run failed.")] = False,
    run: Annotated[str | None, typer.Option(help="Follow a run that goes on, or see how one ended.")] = None,
    redrive: Annotated[str | None, typer.Option(help="Go on with a run that failed.")] = None,
    follow: Annotated[bool, typer.Option(help="Wait for the end.")] = True,
) -> Exit:
    """Take in every object under a prefix, through the same states as an upload."""
    if sum(given is not None for given in (place, run, redrive)) != 1:
        raise Problem("give one of these: a place like s3://bucket/prefix/, --run or --redrive")
    if place is None:
        runs = of_backfill(connection)
        arn = runs.redrive(redrive) if redrive else runs.arn(str(run))
        return shown_to_the_end(view, runs, arn, COMMAND)
    where = place_in(place)
    must_be_there(connection, where)
    must_be_accepted(connection, where)
    if dry_run:
        return _foreseen(connection, view, where)
    runs = of_backfill(connection)
    asked = {"bucket": where.bucket, "prefix": where.prefix, "tolerated_failure_percentage": tolerate}
    if not afresh:
        refuse_half_finished(runs, asked, COMMAND)
    arn = runs.start(asked)
    view.note(f"Begun as {arn.rpartition(':')[2]}.")
    if not follow:
        return Exit.DONE
    return shown_to_the_end(view, runs, arn, COMMAND)


def _foreseen(connection: Connection, view: View, where: Place) -> Exit:
    forecaster = Forecaster(connection, where.bucket, rules_of(connection))
    would, kinds, patients = Counter[str](), Counter[str](), Counter[str]()
    collisions = size = 0

    def forecasts() -> Iterator[dict[str, Any]]:
        nonlocal collisions, size
        for forecast in forecaster.of(items(connection, where)):
            would[forecast.would.value] += 1
            if forecast.kind:
                kinds[forecast.kind] += 1
                patients["known" if forecast.patient else forecast.reason or "unknown"] += 1
                size += forecast.size
            collisions += forecast.collides
            yield forecast.to_json()

    view.stream(_FORECASTS, forecasts(), below=_below, nothing="There is nothing.")
    view.note(f"[bold]Nothing was written.[/bold] {would.total()} objects, {sized(size)}: {_counted(would)}.")
    view.note(f"Kinds: {_counted(kinds)}. Patients: {_counted(patients)}.")
    if collisions:
        view.note(f"{collisions} objects meet a folder of another source, so theirs gets a suffix.")
    if kinds["document"] and patients["no-evidence"]:
        view.note("A document is not read here: its content may still tell whose it is.")
    view.note(f"`{COMMAND} {plain(where)}` takes them in.")
    return Exit.FOUND if would[Would.FAIL] else Exit.DONE


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _below(record: Any) -> str | None:
    if record["why"]:
        return str(record["why"])
    return f"{record['folder']}{' (a suffix: another source has the name)' if record['collides'] else ''}"


_FORECASTS = (
    Column("Would", lambda r: r["would"], width=10),
    Column("Kind", lambda r: r["kind"], width=9),
    Column("Patient", lambda r: r["patient"] or (r["kind"] and f"unknown: {r['reason']}"), width=22),
    Column("Object", lambda r: r["key"]),
)
