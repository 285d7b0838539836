"""`carefile adopt`: catalog what others wrote into the layout, where it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Annotated, Any

import typer
from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Item, Place, items, must_be_there, place_in
from carefile.cli.aws.map_runs import Asked, of_adoption, refuse_half_finished
from carefile.cli.exits import Exit
from carefile.cli.moving.into_landing import IntoLanding
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.map_run_view import shown_to_the_end
from carefile.cli.shown.view import Column, View, plain
from carefile.core.deciding.adoption import classify_standing
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import MANIFEST

COMMAND = "carefile adopt"
_THREADS = 24
_PATIENCE = 600.0  # seconds
_BATCH = 480
_STAMP = "carefile-source"


def adopt(
    connection: Connection,
    view: View,
    place: Annotated[
        str | None,
        typer.Argument(
            help="What to look at: s3://bucket/processed/…; all of it without.", show_default=False
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what others wrote; nothing is written.")
    ] = False,
    tolerate: Annotated[
        float, typer.Option(min=0, max=50, help="Go on while at most so many percent failed.")
    ] = 1,
    afresh: Annotated[bool, typer.Option("--afresh", help="Begin anew where an earlier run failed.")] = False,
    run: Annotated[str | None, typer.Option(help="Follow a run that goes on, or see how one ended.")] = None,
    redrive: Annotated[str | None, typer.Option(help="Go on with a run that failed.")] = None,
    follow: Annotated[bool, typer.Option(help="Wait for the end.")] = True,
    into_landing: Annotated[
        bool,
        typer.Option(
            "--into-landing",
            help="Bring an adopted session of nobody into the landing bucket, so that it can be assigned.",
        ),
    ] = False,
) -> Exit:
    """Tag, claim and catalog what others wrote into the layout, without a copy."""
    if run or redrive:
        if place or (run and redrive):
            raise Problem("give one of these: a place, --run or --redrive")
        runs = of_adoption(connection)
        return shown_to_the_end(view, runs, runs.redrive(redrive) if redrive else runs.arn(str(run)), COMMAND)
    where = place_in(place) if place else Place(connection.processed, connection.layout.prefix)
    if where.bucket != connection.processed or not connection.layout.holds(where.prefix):
        raise Problem(
            f"{where} is not in the layout",
            f"the layout is s3://{connection.processed}/{connection.layout.prefix}; "
            "`carefile backfill` takes in what is elsewhere",
        )
    must_be_there(connection, where)
    if into_landing:
        return _into_landing(connection, view, where, dry_run=dry_run)
    if dry_run:
        return _foreseen(connection, view, where)
    runs = of_adoption(connection)
    asked = {"bucket": where.bucket, "prefix": where.prefix, "tolerated_failure_percentage": tolerate}
    if not afresh:
        refuse_half_finished(runs, Asked(where), COMMAND)
    arn = runs.start(asked)
    view.note(f"Begun as {arn.rpartition(':')[2]}.")
    return shown_to_the_end(view, runs, arn, COMMAND) if follow else Exit.DONE


def _into_landing(connection: Connection, view: View, where: Place, *, dry_run: bool) -> Exit:
    moves = IntoLanding(connection, rules_of(connection), where.prefix.rstrip("/") + "/")
    moving = moves.plan()
    if dry_run:
        view.note(
            f"[bold]Nothing was written.[/bold] {len(moving)} objects would be copied to {plain(moves.place)}, filed, "
            "compared, and retired where they stand."
        )
        return Exit.DONE
    copied = moves.copy(moving)
    view.note(f"{copied} objects copied to {plain(moves.place)}; {len(moving) - copied} were there.")
    with view.progress("objects") as bar:
        task = bar.add_task("Being filed", total=len(moving))
        pending = moves.wait(moving, _PATIENCE, lambda done: bar.update(task, completed=done))
    if pending:
        view.warn(
            f"{pending} objects are not filed yet, and nothing was retired: the same command goes on when they are. "
            "`carefile reconcile` tells what is missed or failed."
        )
        return Exit.FOUND
    if view.stream(_DIFFERENT, moves.different(moving), below=lambda r: r["why"], nothing=""):
        view.warn("These are not the same everywhere. Nothing was retired.")
        return Exit.FOUND
    retired = moves.retire(moving)
    view.note(
        f"{retired} objects retired where they stood: delete markers, every version is still there. "
        f"`carefile assign --key {plain(moves.tree)}…` says whose the session is."
    )
    if retired < len(moving):
        view.warn(
            f"{len(moving) - retired} were written meanwhile and stay: `carefile adopt`, then this again."
        )
        return Exit.FOUND
    return Exit.DONE


def _foreseen(connection: Connection, view: View, where: Place) -> Exit:
    counts, rules = Counter[str](), rules_of(connection)

    def foreign() -> Iterator[dict[str, Any]]:
        source = items(connection, where)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(source, _BATCH)):
                for record in pool.map(lambda item: _record(connection, rules, item), batch):
                    counts[record["would"] if record else "filed by intakes"] += 1
                    if record:
                        yield record

    view.stream(_COLUMNS, foreign(), below=lambda r: r["why"], nothing="Nobody else wrote there.")
    told = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    view.note(f"[bold]Nothing was written.[/bold] {told}.")
    if counts["adopt"]:
        view.note(
            f"`{COMMAND} {plain(where)}` catalogs them where they stand; those in a source's folder stay out."
        )
    return Exit.DONE


def _record(connection: Connection, rules: RuleTable, item: Item) -> dict[str, Any] | None:
    """What would become of an object that no intake wrote; None of one that an intake did."""
    standing = connection.layout.standing(item.key)
    if item.key.endswith("/") or (standing and standing.sub_path == MANIFEST):
        return None
    try:
        head = connection.client("s3").head_object(Bucket=connection.processed, Key=item.key)
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") in ("404", "NoSuchKey", "NotFound"):
            return None
        raise
    if _STAMP in head.get("Metadata", {}):
        return None
    if standing is None or item.size == 0:
        why = "it is empty" if standing else "it stands in no folder of the layout"
        return {"would": "leave", "key": item.key, "kind": None, "patient": None, "reason": None, "why": why}
    found = classify_standing(standing, head.get("Metadata", {}).items(), rules)
    return {
        "would": "adopt",
        "key": item.key,
        "kind": found.kind.value,
        "patient": found.patient.id,
        "reason": found.patient.reason.value if found.patient.reason else None,
        "why": None,
    }


_DIFFERENT = (Column("Not as it should be", lambda r: r["key"]),)
_COLUMNS = (
    Column("Would", lambda r: r["would"], width=7),
    Column("Kind", lambda r: r["kind"], width=9),
    Column("Patient", lambda r: r["patient"] or (r["kind"] and f"unknown: {r['reason']}"), width=22),
    Column("Object", lambda r: r["key"]),
)
