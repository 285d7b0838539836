"""`carefile reread`: read filed documents again whose readers have become better; without --yes, only preview."""

from __future__ import annotations

from typing import Annotated

import typer

from carefile.cli.again.rereading import USD_A_DOCUMENT, Lists, Rereading, Wanted
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Place, place_in
from carefile.cli.aws.map_runs import MOST_TOLERATED, MapRuns, Scope, backfill_runs, refuse_half_finished
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.map_run_view import follow_to_end
from carefile.cli.shown.view import Column, View
from carefile.core.documents.readers import VERSIONS
from carefile.core.messages.upload import Reread

COMMAND = "carefile reread"


def reread(
    connection: Connection,
    view: View,
    *,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="Only documents of this format, e.g. pdf.", show_default=False),
    ] = None,
    reader_older_than: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="With --format: only records by a reader version below this one (default: the current one).",
            show_default=False,
        ),
    ] = None,
    prefix: Annotated[
        str | None,
        typer.Option(
            help="Only uploads under this prefix: documents/ or s3://bucket/prefix/.", show_default=False
        ),
    ] = None,
    let_owners_change: Annotated[
        bool,
        typer.Option(
            "--let-owners-change",
            help="Move documents that the new reading assigns to another patient; without it, leave them unchanged.",
        ),
    ] = False,
    tolerate: Annotated[
        float,
        typer.Option(min=0, max=MOST_TOLERATED, help="Stop the run if more than this percentage fails."),
    ] = 1,
    afresh: Annotated[
        bool, typer.Option("--afresh", help="Start a new run even if an earlier one failed.")
    ] = False,
    run: Annotated[str | None, typer.Option(help="Follow a running reread, or show how one ended.")] = None,
    redrive: Annotated[str | None, typer.Option(help="Resume a reread that failed.")] = None,
    follow: Annotated[bool, typer.Option(help="Wait until the run has ended.")] = True,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do it; without it, only preview.")] = False,
) -> Exit:
    """Read filed documents again, where the record was made by an older version of its reader.

    They pass through the same states as an upload. Decisions of people stay. Without --yes, only preview.
    """
    runs = backfill_runs(connection)
    if run or redrive:
        return _follow(view, runs, runs.redrive(redrive) if redrive else runs.arn(str(run)))
    wanted = _wanted(format_, reader_older_than, prefix)
    with Lists(connection) as lists:
        found = lists.add_each(Rereading(connection).find(wanted))
        count = view.stream(_FOUND, found, nothing="No documents to read again.")
        if not count:
            return Exit.DONE
        readers = ", ".join(f"{number} {name}" for name, number in lists.counts.most_common())
        view.note(
            f"{count} documents: {readers}. About {count * USD_A_DOCUMENT:.2f} USD, and the time of the readers."
        )
        if not yes:
            view.note("[bold]Nothing was done.[/bold] Use --yes to do it.")
            return Exit.DONE
        place = Place(wanted.bucket or connection.landing, wanted.prefix)
        if not afresh:
            refuse_half_finished(runs, Scope(place, whole=False), COMMAND)
        arns = [
            runs.start(
                {
                    "bucket": bucket,
                    "prefix": wanted.prefix,
                    "list": key,
                    "reread": (Reread.MOVE if let_owners_change else Reread.LEAVE).value,
                    "tolerated_failure_percentage": tolerate,
                }
            )
            for bucket, key in lists.upload()
        ]
    for arn in arns:
        view.note(f"Started as {arn.rpartition(':')[2]}.")
    return max((_follow(view, runs, arn) for arn in arns), default=Exit.DONE) if follow else Exit.DONE


def _wanted(format_: str | None, older_than: int | None, prefix: str | None) -> Wanted:
    if format_ is not None and format_ not in VERSIONS:
        raise Problem(f"there is no reader of the format {format_!r}", f"use one of {', '.join(VERSIONS)}")
    if older_than is not None and format_ is None:
        raise Problem(
            "--reader-older-than needs --format: each reader has versions of its own", "name the format"
        )
    if format_ and older_than and older_than > VERSIONS[format_]:
        raise Problem(
            f"the reader of {format_} is at version {VERSIONS[format_]}: reading again would change nothing",
            "deploy a release with a newer reader first",
        )
    where = place_in(prefix) if prefix and prefix.startswith("s3://") else None
    return Wanted(
        format_, older_than, where.bucket if where else None, where.prefix if where else prefix or ""
    )


def _follow(view: View, runs: MapRuns, arn: str) -> Exit:
    ended = follow_to_end(view, runs, arn, COMMAND)
    left = ({"key": key} for key in runs.left(runs.describe(arn)))
    if count := view.stream(_LEFT, left, nothing=""):
        view.warn(
            f"{count} left unchanged: the new reading assigns them to another patient. Decide about each with "
            f"`carefile assign`, or move them all with `{COMMAND} --let-owners-change`."
        )
        return Exit.FOUND
    return ended


_FOUND = (
    Column(
        "Read by", lambda r: " ".join(f"{name}/{version}" for name, version in r["readers"].items()), width=18
    ),
    Column("Patient", lambda r: r["patient"] or "unknown", width=22),
    Column("Object", lambda r: r["key"]),
)
_LEFT = (Column("Left unchanged", lambda r: r["key"]),)
