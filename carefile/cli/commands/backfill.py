"""`carefile backfill`: take in what is there already, or first see what would become of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.inventory import inventory_at
from carefile.cli.aws.listing import Item, Place, items, must_be_accepted, must_be_there, place_in
from carefile.cli.aws.map_runs import Asked, MapRuns, of_backfill, refuse_half_finished
from carefile.cli.exits import Exit
from carefile.cli.moving.forecast import ARCHIVED, Forecaster, Would
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.map_run_view import shown_to_the_end
from carefile.cli.shown.view import Column, View, clock, sized

COMMAND = "carefile backfill"
MOST_TOLERATED = 50


def backfill(
    connection: Connection,
    view: View,
    place: Annotated[
        str | None, typer.Argument(help="What to take in: s3://bucket/prefix/", show_default=False)
    ] = None,
    *,
    inventory: Annotated[
        str | None,
        typer.Option(
            help="Take the keys from an S3 inventory, s3://…/manifest.json; without a place, all of them.",
            show_default=False,
        ),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would go where; nothing is written.")
    ] = False,
    tolerate: Annotated[
        float, typer.Option(min=0, max=MOST_TOLERATED, help="Go on while at most so many percent failed.")
    ] = 1,
    afresh: Annotated[bool, typer.Option("--afresh", help="Begin anew where an earlier run failed.")] = False,
    run: Annotated[str | None, typer.Option(help="Follow a run that goes on, or see how one ended.")] = None,
    redrive: Annotated[str | None, typer.Option(help="Go on with a run that failed.")] = None,
    failed_of: Annotated[
        str | None, typer.Option(help="Take in what failed in a run, and what it did not begin.")
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait for the end.")] = True,
) -> Exit:
    """Take in every object under a prefix, through the same states as an upload."""
    if sum(given is not None for given in (place or inventory, run, redrive, failed_of)) != 1:
        raise Problem(
            "give one of these: a place like s3://bucket/prefix/ or --inventory, --run, --redrive, --failed-of"
        )
    runs = of_backfill(connection)
    if run or redrive:
        return shown_to_the_end(view, runs, runs.redrive(redrive) if redrive else runs.arn(str(run)), COMMAND)
    if failed_of:
        return _again(connection, view, runs, failed_of, tolerate, dry_run=dry_run, follow=follow)
    listed = inventory_at(connection, inventory) if inventory else None
    where = place_in(place) if place else Place(listed.bucket if listed else "", "")
    if listed and where.bucket != listed.bucket:
        raise Problem(f"the inventory is of the bucket {listed.bucket}, and not of {where.bucket}")
    if place:
        must_be_there(connection, where)
    must_be_accepted(connection, where)
    if listed:
        view.note(f"The inventory was made {clock(listed.made)}; what came since is not in it.")
    if dry_run:
        found = listed.items(connection, where) if listed else items(connection, where)
        return _foreseen(connection, view, where, found)
    asked: dict[str, Any] = {
        "bucket": where.bucket,
        "prefix": where.prefix,
        "tolerated_failure_percentage": tolerate,
    }
    if listed:
        asked["inventory"] = {"bucket": listed.manifest.bucket, "key": listed.manifest.prefix}
    if not afresh:
        refuse_half_finished(runs, Asked(where), COMMAND)
    return _begun(view, runs, asked, follow=follow)


def _again(
    connection: Connection,
    view: View,
    runs: MapRuns,
    name: str,
    tolerate: float,
    *,
    dry_run: bool,
    follow: bool,
) -> Exit:
    """What an earlier run left undone, and nothing else: its keys are listed for a run of their own."""
    earlier = runs.look(name)
    if earlier.status == "RUNNING":
        raise Problem(f"{earlier.name} goes on", f"`{COMMAND} --run {earlier.name}` follows it")
    if earlier.asked is None or not earlier.unwell:
        raise Problem(f"nothing failed in {earlier.name}")
    where = earlier.asked.place
    if dry_run:
        moment = datetime.now(UTC)
        undone = (Item(key, 0, moment, "") for key in runs.undone(earlier))
        return _foreseen(connection, view, where, undone)
    refuse_half_finished(runs, Asked(where, whole=False, failed_of=earlier.name), COMMAND)
    key, count = runs.list_undone(earlier)
    if not count:
        raise Problem(
            f"what {earlier.name} did to each object is not known any more: that is kept for 90 days",
            f"`{COMMAND} {where}` takes in what is not filed",
        )
    view.note(f"{count} objects of {earlier.name} were not taken in.")
    asked = {
        "bucket": where.bucket,
        "prefix": where.prefix,
        "list": key,
        "failed_of": earlier.name,
        "tolerated_failure_percentage": tolerate,
    }
    return _begun(view, runs, asked, follow=follow)


def _begun(view: View, runs: MapRuns, asked: dict[str, Any], *, follow: bool) -> Exit:
    arn = runs.start(asked)
    view.note(f"Begun as {arn.rpartition(':')[2]}.")
    return shown_to_the_end(view, runs, arn, COMMAND) if follow else Exit.DONE


def _foreseen(connection: Connection, view: View, where: Place, found: Iterator[Item]) -> Exit:
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

    view.stream(_FORECASTS, forecasts(), below=_below, nothing="There is nothing.")
    view.note(f"[bold]Nothing was written.[/bold] {would.total()} objects, {sized(size)}: {_counted(would)}.")
    view.note(f"Kinds: {_counted(kinds)}. Patients: {_counted(patients)}.")
    if would[Would.MOVE]:
        view.note(
            f"[bold]{would[Would.MOVE]} are filed elsewhere than the rules say now:[/bold] taken in, they move there. "
            "What is not uploaded again, taken in or assigned stays."
        )
    if archived:
        view.note(f"{archived} are in an archive of S3 and cannot be read: restore them first.")
    if collisions:
        view.note(f"{collisions} objects meet a folder of another source, so theirs gets a suffix.")
    if kinds["document"] and patients["no-evidence"]:
        view.note("A document is not read here: its content may still tell whose it is.")
    view.note("The same command without --dry-run takes them in.")
    return Exit.FOUND if would[Would.FAIL] else Exit.DONE


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "none"


def _below(record: Any) -> str | None:
    if record["why"]:
        return str(record["why"])
    if record["was"]:
        return f"{record['was']['folder']} → {record['folder']}"
    return f"{record['folder']}{' (a suffix: another source has the name)' if record['collides'] else ''}"


_FORECASTS = (
    Column("Would", lambda r: r["would"], width=10),
    Column("Kind", lambda r: r["kind"], width=9),
    Column("Patient", lambda r: r["patient"] or (r["kind"] and f"unknown: {r['reason']}"), width=22),
    Column("Object", lambda r: r["key"]),
)
