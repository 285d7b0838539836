"""`carefile verify`: settle against a deployed stack what the project claims about AWS. Without --yes, only preview."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.aws.connection import Account, Connection
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem, problem_for
from carefile.cli.shown.view import Column, View, lasting, plain
from carefile.cli.verifying.claim import Claim, Finding, Group
from carefile.cli.verifying.journal import Journal, path_of
from carefile.cli.verifying.report import Report
from carefile.cli.verifying.suite import CLAIMS, Suite, defect_in, forecast_seconds, forecast_usd, limit_of


def verify(
    connection: Connection | Account,
    view: View,
    *,
    yes: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Run the checks; without it, state what they would do and ask."),
    ] = False,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run the checks whose claims contain this text. Can be repeated."),
    ] = None,
    intrusive: Annotated[
        bool,
        typer.Option(
            "--intrusive",
            help="Also deny a role or bus something for a minute, and put it back. For a stage of your own.",
        ),
    ] = False,
    lasting_: Annotated[
        bool,
        typer.Option(
            "--lasting", help="Also record decisions: their records stay for good, without contents."
        ),
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option(help="Write a report to this path with .md and .json added; it holds no PHI."),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the claims and how to settle each by hand.")
    ] = False,
    clean_up: Annotated[
        bool, typer.Option("--clean-up", help="Only put back and delete what an interrupted run left.")
    ] = False,
) -> Exit:
    """Check on a deployed stack what Carefile relies on AWS for.

    The checks upload, file and delete objects of their own.
    """
    groups = {Group.ORDINARY} | ({Group.INTRUSIVE} if intrusive else set())
    groups |= {Group.LASTING} if lasting_ else set()
    claims = _chosen(only)
    if isinstance(connection, Account):
        view.table(_LISTED, [_listed(claim) for claim in claims], nothing="")
        return Exit.DONE
    unfinished = _left_over(connection)
    if clean_up:
        return _clean_up(connection, view) if unfinished else _nothing_to_do(view)
    _plan(
        connection,
        view,
        [claim for claim in claims if claim.look and claim.group in groups],
        unfinished=unfinished,
    )
    if not (yes or _agreed(view)):
        view.note("[bold]Nothing was done.[/bold] Use --yes to run the checks.")
        return Exit.DONE
    if unfinished and (code := _clean_up(connection, view)):
        return code
    return _run(connection, view, claims, groups, report)


def _run(
    connection: Connection, view: View, claims: Sequence[Claim], groups: set[Group], path: Path | None
) -> Exit:
    started, began, findings = datetime.now(UTC), time.monotonic(), list[Finding]()
    journal = Journal.of(connection)
    with journal.alone():
        suite = Suite(connection, journal, groups)
        try:
            with view.progress("checks") as bar:
                task = bar.add_task("Checking", total=len(claims))

                def found() -> Iterator[dict[str, Any]]:
                    for finding in suite.run(claims):
                        findings.append(finding)
                        bar.advance(task)
                        yield finding.to_json()

                view.stream(
                    _FOUND, found(), below=lambda r: f"→ {r['says']}", nothing="No claim contains this text."
                )
        finally:
            # Also after Ctrl-C: a second one leaves the rest to --clean-up.
            with view.busy("Cleaning up …"):
                left, why = _finished(suite)
            journal.close(finished=not left)
            made = Report.of(
                connection,
                started,
                time.monotonic() - began,
                findings,
                total=len(claims),
                left_behind=left,
            )
            for written in made.write(path) if path else ():
                view.note(f"Written: {plain(written)}")
    view.note(f"{made.summary()}, in {lasting(made.seconds)}.")
    if left:
        view.warn(_left_behind(left, why))
    return Exit.DONE if made.is_good else Exit.FOUND


def _finished(suite: Suite) -> tuple[int, str]:
    """Clean up; how much is left, and why. Whatever goes wrong is left to --clean-up, and the report is written."""
    try:
        return suite.finish(), suite.refusals
    except (ClientError, BotoCoreError) as error:
        return 1, problem_for(error).what
    except Problem as problem:
        return 1, problem.what
    except Exception as defect:  # the report is worth more than where this ends
        return 1, defect_in(defect)


def _left_behind(left: int, why: str) -> str:
    reason = f" ({why})" if why else ""
    things = "object or item is" if left == 1 else "objects or items are"
    return f"At least {left} {things} left behind{reason}: run `carefile verify --clean-up` in a while."


def _plan(connection: Connection, view: View, claims: Sequence[Claim], *, unfinished: bool) -> None:
    """State what the checks will do, how long that takes and what it costs."""
    here = [claim for claim in claims if not (claim.embedded and connection.endpoint)]
    uploads, runs = sum(claim.uploads for claim in here), sum(claim.runs for claim in here)
    usually, most = forecast_seconds(here), sum(limit_of(claim, connection) for claim in here)
    if unfinished:
        view.note("An earlier run did not finish; what it left is put back and deleted first.")
    view.note(
        f"{len(claims)} checks. They upload up to {uploads} objects, file them under a patient of their own, start "
        f"{runs} other executions, and delete everything again. That takes about {_minutes(usually)} on AWS, "
        f"{_minutes(most)} at most, and costs about {max(forecast_usd(here), 0.01):.2f} USD."
    )
    view.note(
        "Some intakes fail on purpose, so an alarm may go off. Logs, metrics and histories of executions stay until "
        "they expire."
    )
    if any(claim.group is Group.INTRUSIVE for claim in claims):
        view.note(
            "[yellow]Intrusive checks deny a role or a bus something, for about a minute each: uploads of others fail "
            "meanwhile. Use them on a stage of your own.[/yellow]"
        )
    if any(claim.group is Group.LASTING for claim in claims):
        view.note(
            "[yellow]Decisions are recorded for good: the records stay in their chain, without contents.[/yellow]"
        )


def _minutes(seconds: float) -> str:
    return f"{math.ceil(seconds / 60)} minutes"


def _agreed(view: View) -> bool:
    """Ask, where somebody can answer."""
    return not view.as_json and sys.stdin.isatty() and typer.confirm("Run the checks?", err=True)


def _left_over(connection: Connection) -> bool:
    """Whether an earlier run from this machine was cut short."""
    if not path_of(connection).exists():
        return False
    journal = Journal.of(connection)
    with journal.alone():
        unfinished = not journal.is_new
        journal.close(finished=not unfinished)
    return unfinished


def _clean_up(connection: Connection, view: View) -> Exit:
    journal = Journal.of(connection)
    with journal.alone(), view.busy("Cleaning up …"):
        left, why = _finished(Suite(connection, journal, ()))
        journal.close(finished=not left)
    if left:
        view.warn(_left_behind(left, why))
        return Exit.FOUND
    view.note("What an earlier run left is put back and deleted.")
    return Exit.DONE


def _nothing_to_do(view: View) -> Exit:
    view.note("No run was interrupted; there is nothing to clean up.")
    return Exit.DONE


def _chosen(only: Sequence[str] | None) -> list[Claim]:
    wanted = [text.casefold() for text in only or ()]
    claims = [it for it in CLAIMS if not wanted or any(text in it.text.casefold() for text in wanted)]
    if not claims:
        raise Problem("no claim contains this text", "list them with `carefile verify --list`")
    return claims


def _listed(claim: Claim) -> dict[str, Any]:
    return {
        "group": claim.group.value,
        "claim": claim.text,
        "by_hand": claim.by_hand,
        "embedded": claim.embedded,
    }


_LISTED = (
    Column("Group", lambda r: r["group"]),
    Column("Claim", lambda r: r["claim"], prose=True),
    Column("By hand", lambda r: r["by_hand"]),
)
_FOUND = (
    Column("Outcome", lambda r: r["outcome"], width=19),
    Column("Took", lambda r: lasting(r["seconds"]), right=True, width=8),
    Column("Claim", lambda r: r["claim"], prose=True),
)
