"""`carefile adopt`: catalog objects that other programs wrote to the layout, in place."""

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
from carefile.cli.aws.map_runs import Scope, adoption_runs, refuse_half_finished
from carefile.cli.exits import Exit
from carefile.cli.moving.into_landing import IntoLanding
from carefile.cli.problem import Problem
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.map_run_view import follow_to_end
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
            help="The prefix to adopt: s3://bucket/processed/…; by default the whole layout.",
            show_default=False,
        ),
    ] = None,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Preview what would be adopted; write nothing.")
    ] = False,
    tolerate: Annotated[
        float, typer.Option(min=0, max=50, help="Stop the run if more than this percentage fails.")
    ] = 1,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Start a new run even if an earlier one failed.")
    ] = False,
    run: Annotated[str | None, typer.Option(help="Follow a running adoption, or show how one ended.")] = None,
    redrive: Annotated[str | None, typer.Option(help="Resume an adoption that failed.")] = None,
    follow: Annotated[bool, typer.Option(help="Wait until the run has ended.")] = True,
    into_landing: Annotated[
        bool,
        typer.Option(
            "--into-landing",
            help="Move an adopted session of an unknown patient to the landing bucket, to assign it.",
        ),
    ] = False,
) -> Exit:
    """Catalog objects that other programs wrote to the layout.

    Objects are tagged, claimed and cataloged in place, without copying them.
    """
    if run or redrive:
        if place or (run and redrive):
            raise Problem("too much selected to adopt", "use one of PLACE, --run and --redrive")
        runs = adoption_runs(connection)
        return follow_to_end(view, runs, runs.redrive(redrive) if redrive else runs.arn(str(run)), COMMAND)
    where = place_in(place) if place else Place(connection.processed, connection.layout.prefix)
    if where.bucket != connection.processed or not connection.layout.holds(where.prefix):
        raise Problem(
            f"{where} is not in the layout",
            f"name a prefix in s3://{connection.processed}/{connection.layout.prefix}; "
            "`carefile backfill` ingests objects from elsewhere",
        )
    must_be_there(connection, where)
    if into_landing:
        return _into_landing(connection, view, where, dry_run=dry_run)
    if dry_run:
        return _preview(connection, view, where)
    runs = adoption_runs(connection)
    request = {"bucket": where.bucket, "prefix": where.prefix, "tolerated_failure_percentage": tolerate}
    if not afresh:
        refuse_half_finished(runs, Scope(where), COMMAND)
    arn = runs.start(request)
    view.note(f"Started as {arn.rpartition(':')[2]}.")
    return follow_to_end(view, runs, arn, COMMAND) if follow else Exit.DONE


def _into_landing(connection: Connection, view: View, where: Place, *, dry_run: bool) -> Exit:
    moves = IntoLanding(connection, rules_of(connection), where.prefix.rstrip("/") + "/")
    moving = moves.plan()
    if dry_run:
        view.note(
            f"[bold]Nothing was written.[/bold] {len(moving)} objects would be copied to {plain(moves.place)}, filed, "
            "compared, and retired in their old place."
        )
        return Exit.DONE
    copied = moves.copy(moving)
    view.note(f"{copied} objects copied to {plain(moves.place)}; {len(moving) - copied} were already there.")
    with view.progress("objects") as bar:
        task = bar.add_task("Filing", total=len(moving))
        pending = moves.wait(moving, _PATIENCE, lambda done: bar.update(task, completed=done))
    if pending:
        view.warn(
            f"{pending} objects are not filed yet, and nothing was retired. Run the same command again later; "
            "`carefile reconcile` lists missed and failed objects."
        )
        return Exit.FOUND
    if view.stream(_DIFFERENT, moves.different(moving), below=lambda r: r["why"], nothing=""):
        view.warn("These objects differ between the copies. Nothing was retired.")
        return Exit.FOUND
    retired = moves.retire(moving)
    view.note(
        f"{retired} objects retired with delete markers; every version is kept. "
        f"Assign the session with `carefile assign --key {plain(moves.tree)}…`."
    )
    if retired < len(moving):
        view.warn(
            f"{len(moving) - retired} were overwritten in the meantime and kept. "
            "Run `carefile adopt`, then this command again."
        )
        return Exit.FOUND
    return Exit.DONE


def _preview(connection: Connection, view: View, where: Place) -> Exit:
    counts, rules = Counter[str](), rules_of(connection)

    def foreign() -> Iterator[dict[str, Any]]:
        source = items(connection, where)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(source, _BATCH)):
                for record in pool.map(lambda item: _record(connection, rules, item), batch):
                    counts[record["would"] if record else "filed by intakes"] += 1
                    if record:
                        yield record

    view.stream(_COLUMNS, foreign(), below=lambda r: r["why"], nothing="No objects of other programs.")
    summary = ", ".join(f"{count} {name}" for name, count in counts.most_common())
    view.note(f"[bold]Nothing was written.[/bold] {summary}.")
    if counts["adopt"]:
        view.note(
            f"Catalog them in place with `{COMMAND} {plain(where)}`; those in another source's folder are skipped."
        )
    return Exit.DONE


def _record(connection: Connection, rules: RuleTable, item: Item) -> dict[str, Any] | None:
    """Preview the adoption of an object; None if an intake wrote it."""
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
        why = "it is empty" if standing else "it is in no folder of the layout"
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


_DIFFERENT = (Column("Differs", lambda r: r["key"]),)
_COLUMNS = (
    Column("Action", lambda r: r["would"], width=7),
    Column("Kind", lambda r: r["kind"], width=9),
    Column("Patient", lambda r: r["patient"] or (r["kind"] and f"unknown: {r['reason']}"), width=22),
    Column("Object", lambda r: r["key"]),
)
