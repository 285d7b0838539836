"""`carefile backfill`: ingest existing objects, or preview where they would be filed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.inventory import inventory_at
from carefile.cli.aws.listing import Item, Place, items, must_be_accepted, must_be_there, place_in
from carefile.cli.aws.map_runs import MOST_TOLERATED, MapRuns, Scope, backfill_runs, refuse_half_finished
from carefile.cli.exits import Exit
from carefile.cli.moving.forecast import ARCHIVED, Forecaster, Would
from carefile.cli.problem import Problem, refuse_unless_one
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.map_run_view import follow_to_end
from carefile.cli.shown.view import Column, View, clock, sized

COMMAND = "carefile backfill"


def backfill(
    connection: Connection,
    view: View,
    place: Annotated[
        str | None, typer.Argument(help="The prefix to ingest: s3://bucket/prefix/", show_default=False)
    ] = None,
    *,
    inventory: Annotated[
        str | None,
        typer.Option(
            help="Read the keys from the manifest.json of an S3 inventory.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Preview where objects would be filed; write nothing.")
    ] = False,
    tolerate: Annotated[
        float,
        typer.Option(min=0, max=MOST_TOLERATED, help="Stop the run if more than this percentage fails."),
    ] = 1,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Start a new run even if an earlier one failed.")
    ] = False,
    run: Annotated[str | None, typer.Option(help="Follow a running backfill, or show how one ended.")] = None,
    redrive: Annotated[str | None, typer.Option(help="Resume a backfill that failed.")] = None,
    failed_of: Annotated[
        str | None,
        typer.Option(help="Ingest only what failed in a backfill, or was not started."),
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait until the run has ended.")] = True,
) -> Exit:
    """Ingest every existing object under a prefix.

    Objects pass through the same states as an upload.
    """
    refuse_unless_one(
        [given is not None for given in (place or inventory, run, redrive, failed_of)],
        "ingest",
        "s3://bucket/prefix/, --inventory, --run, --redrive or --failed-of",
    )
    runs = backfill_runs(connection)
    if run or redrive:
        return follow_to_end(view, runs, runs.redrive(redrive) if redrive else runs.arn(str(run)), COMMAND)
    if failed_of:
        return _retry(connection, view, runs, failed_of, tolerate, dry_run=dry_run, follow=follow)
    listed = inventory_at(connection, inventory) if inventory else None
    where = place_in(place) if place else Place(listed.bucket if listed else "", "")
    if listed and where.bucket != listed.bucket:
        raise Problem(
            f"the inventory lists the bucket {listed.bucket}, not {where.bucket}",
            "use an inventory of that bucket",
        )
    if place:
        must_be_there(connection, where)
    must_be_accepted(connection, where)
    if listed:
        view.note(f"The inventory was created {clock(listed.made)}; later objects are not in it.")
    if dry_run:
        found = listed.items(connection, where) if listed else items(connection, where)
        return _preview(connection, view, where, found)
    request: dict[str, Any] = {
        "bucket": where.bucket,
        "prefix": where.prefix,
        "tolerated_failure_percentage": tolerate,
    }
    if listed:
        request["inventory"] = {"bucket": listed.manifest.bucket, "key": listed.manifest.prefix}
    if not afresh:
        refuse_half_finished(runs, Scope(where), COMMAND)
    return _start(view, runs, request, follow=follow)


def _retry(
    connection: Connection,
    view: View,
    runs: MapRuns,
    name: str,
    tolerate: float,
    *,
    dry_run: bool,
    follow: bool,
) -> Exit:
    """Ingest only what an earlier run left undone: its keys are listed for a run of their own."""
    earlier = runs.describe(name)
    if earlier.status == "RUNNING":
        raise Problem(f"{earlier.name} is still running", f"follow it with `{COMMAND} --run {earlier.name}`")
    if earlier.scope is None or not earlier.unsuccessful:
        raise Problem(f"nothing failed in {earlier.name}", "there is nothing to do")
    where = earlier.scope.place
    if dry_run:
        moment = datetime.now(UTC)
        undone = (Item(key, 0, moment, "") for key in runs.undone(earlier))
        return _preview(connection, view, where, undone)
    refuse_half_finished(runs, Scope(where, whole=False, failed_of=earlier.name), COMMAND)
    key, count = runs.list_undone(earlier)
    if not count:
        raise Problem(
            f"the results of {earlier.name} have expired: they are kept for 90 days",
            f"ingest what is not filed with `{COMMAND} {where}`",
        )
    view.note(f"{count} objects of {earlier.name} were not ingested.")
    request = {
        "bucket": where.bucket,
        "prefix": where.prefix,
        "list": key,
        "failed_of": earlier.name,
        **({"reread": earlier.scope.reread} if earlier.scope.reread else {}),
        "tolerated_failure_percentage": tolerate,
    }
    return _start(view, runs, request, follow=follow)


def _start(view: View, runs: MapRuns, request: dict[str, Any], *, follow: bool) -> Exit:
    arn = runs.start(request)
    view.note(f"Started as {arn.rpartition(':')[2]}.")
    return follow_to_end(view, runs, arn, COMMAND) if follow else Exit.DONE


def _preview(connection: Connection, view: View, where: Place, found: Iterator[Item]) -> Exit:
    forecaster = Forecaster(connection, where.bucket, rules_of(connection))
    would, kinds, patients = Counter[str](), Counter[str](), Counter[str]()
    collisions = archived = size = 0

    def forecasts() -> Iterator[dict[str, Any]]:
        nonlocal archived, collisions, size
        for forecast in forecaster.of(found):
            would[forecast.would.value] += 1
            if forecast.kind:
                kinds[forecast.kind] += 1
                patients["known" if forecast.patient else forecast.reason or "unknown"] += 1
                size += forecast.size
            collisions += forecast.collides
            archived += forecast.why == ARCHIVED
            yield forecast.to_json()

    view.stream(_FORECASTS, forecasts(), below=_details, nothing="No objects found.")
    view.note(f"[bold]Nothing was written.[/bold] {would.total()} objects, {sized(size)}: {_counted(would)}.")
    view.note(f"Kinds: {_counted(kinds)}. Patients: {_counted(patients)}.")
    if would[Would.MOVE]:
        view.note(
            f"[bold]{would[Would.MOVE]} would move:[/bold] the current rules file them elsewhere. "
            "They stay where they are until they are ingested, uploaded again or assigned."
        )
    if archived:
        view.note(f"{archived} are in an archive of S3 and cannot be read: restore them first.")
    if collisions:
        view.note(f"{collisions} objects get a folder with a suffix: another source owns the plain name.")
    if kinds["document"] and patients["no-evidence"]:
        view.note("A preview does not read documents: their content may still identify the patient.")
    view.note("Run the same command without --dry-run to ingest them.")
    return Exit.FOUND if would[Would.FAIL] else Exit.DONE


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _details(record: Any) -> str | None:
    if record["why"]:
        return str(record["why"])
    if record["was"]:
        return f"{record['was']['folder']} → {record['folder']}"
    return f"{record['folder']}{' (with a suffix: another source has the plain name)' if record['collides'] else ''}"


_FORECASTS = (
    Column("Action", lambda r: r["would"], width=10),
    Column("Kind", lambda r: r["kind"], width=9),
    Column("Patient", lambda r: r["patient"] or (r["kind"] and f"unknown: {r['reason']}"), width=22),
    Column("Object", lambda r: r["key"]),
)
