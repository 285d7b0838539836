"""`carefile redrive`: resume failed executions from the state that failed, one or thousands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer

from carefile.cli.again.choosing import NOT_SELECTED, Choice, can_be_redriven
from carefile.cli.again.redriving import Action, Redriver, Result, to_json
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.executions import Described, Executions, Listed
from carefile.cli.aws.map_runs import backfill_runs, is_backfill
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import advice_for, refuse_misspelt
from carefile.cli.shown.map_run_view import follow_to_end
from carefile.cli.shown.view import Column, View, lasting
from carefile.cli.times import since as moment
from carefile.cli.times import span

_LOOKED_AT = 200  # in a preview: the burst that Step Functions allows for DescribeExecution
_FEW = 50  # up to this many are listed one by one; of more, only those that did not succeed


def redrive(
    connection: Connection,
    view: View,
    names: Annotated[
        list[str] | None, typer.Argument(help="Names or ARNs of executions.", show_default=False)
    ] = None,
    *,
    since: Annotated[
        str, typer.Option(help="Select executions that failed since: 2h, 3d, 2026-11-20.")
    ] = "14d",
    error: Annotated[
        str | None, typer.Option(help="Select only executions that failed with this error.")
    ] = None,
    state: Annotated[
        str | None, typer.Option(help="Select only executions that failed in this state.")
    ] = None,
    resubmit: Annotated[
        bool,
        typer.Option(
            "--resubmit",
            help="Start a new execution where a redrive cannot help: it is older than 14 days, ran another "
            "definition, or would only fail again.",
        ),
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=250, help="Maximum number per second.")] = 50,
    follow: Annotated[bool, typer.Option(help="Wait until the executions have ended.")] = True,
    timeout: Annotated[str, typer.Option(help="Maximum time to wait.")] = "1h",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Redrive them; without it, only preview.")] = False,
) -> Exit:
    """Redrive failed executions.

    Without --yes, only preview which.
    """
    if any(is_backfill(connection, name) for name in names or ()):
        return _redrive_backfill(connection, view, names or [], yes=yes)
    refuse_misspelt(error)
    executions = Executions(connection)
    choice = Choice(executions, Entries(connection), names or [], moment(since), error, state)
    if not yes:
        return _preview(view, choice)
    redriver = Redriver(connection, executions, rate=rate, resubmit=resubmit, follow=follow)
    return _act(view, choice, redriver, span(timeout), follow=follow)


def _redrive_backfill(connection: Connection, view: View, names: list[str], *, yes: bool) -> Exit:
    """A backfill resumes as a whole: its failed objects, and no others."""
    if len(names) > 1:
        raise Problem("only one backfill can be redriven at a time", "name one backfill")
    runs = backfill_runs(connection)
    if yes:
        return follow_to_end(view, runs, runs.redrive(names[0]), "carefile backfill")
    run = runs.describe(names[0])
    view.note(f"{run.name} ended {run.status}; {run.unsuccessful} of its objects were not ingested.")
    view.note("[bold]Nothing was done.[/bold] Use --yes to redrive it.")
    return Exit.DONE


def _preview(view: View, choice: Choice) -> Exit:
    total = choice.considered()
    if view.as_json:
        found = (_would(item, why_not) for item, why_not in choice.each() if why_not != NOT_SELECTED)
        view.stream((), found, nothing="")
        return Exit.DONE
    groups: Counter[tuple[str, str]] = Counter()
    with view.busy("Looking at the failed executions …"):
        for item, why_not in islice(choice.each(), total if choice.filtered or choice.names else _LOOKED_AT):
            if why_not != NOT_SELECTED:
                groups[item.error or item.listed.status, can_be_redriven(item, why_not)] += 1
    rows = [
        {"count": count, "error": error, "can": can, "to_do": advice_for(error).to_do}
        for (error, can), count in groups.most_common()
    ]
    view.table(_GROUPS, rows, nothing="No matching failed executions.")
    count = sum(number for (_, can), number in groups.items() if can in ("yes", "no: --resubmit"))
    if _LOOKED_AT <= groups.total() < total and not choice.filtered:
        view.note(f"Previewed the latest {groups.total()} of {total}; --yes redrives all that can be.")
    if count:
        view.note(
            f"[bold]Nothing was done.[/bold] Use --yes to redrive {'it' if count == 1 else f'all {count}'}."
        )
    if groups.total() > count:
        view.note("What a redrive cannot help is left alone; name an execution to redrive it all the same.")
    return Exit.DONE


def _would(item: Described, why_not: str | None) -> dict[str, Any]:
    return {
        "name": item.listed.name,
        "action": "none: preview",
        "status": item.listed.status,
        "error": item.error,
        "reason": item.reason,
        "key": item.request.source.key if item.request else None,
        "redrivable": can_be_redriven(item, why_not),
        "execution": item.listed.arn,
    }


def _act(view: View, choice: Choice, redriver: Redriver, patience: timedelta, *, follow: bool) -> Exit:
    started, counts, keys = datetime.now(UTC), Counter[str](), dict[str, str | None]()
    total = choice.considered()
    with view.progress("executions") as bar:
        task = bar.add_task("Redriving", total=total)

        def chosen() -> Iterator[Listed]:
            for item in choice.chosen(lambda: bar.advance(task)):
                keys[item.listed.arn] = item.request.source.key if item.request else None
                yield item.listed

        def results() -> Iterator[dict[str, Any]]:
            for result in redriver.run(chosen(), patience):
                key = keys.pop(result.execution.arn, None)
                counts[_outcome(result, follow=follow)] += 1
                bar.advance(task)
                if (
                    view.as_json
                    or total <= _FEW
                    or not (result.succeeded or (not follow and not result.reason))
                ):
                    yield to_json(result, key)

        try:
            view.stream(_RESULTS, results(), below=lambda r: r["reason"], nothing="")
        except KeyboardInterrupt:
            view.warn(f"\n{redriver.stop()} were started and keep running; the others were not touched.")
            raise
    took = datetime.now(UTC) - started
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    view.note(f"{outcomes or 'Nothing to redrive'}. Took {lasting(took)}.")
    for why, count in choice.skipped.items():
        if why != NOT_SELECTED:
            view.note(f"{count} left alone: {why}.")
    bad = counts.total() - counts["succeeded"] - counts["started"]
    if counts["could not be redriven"]:
        view.note("Use --resubmit to start a new execution where a redrive is not possible.")
    return Exit.FOUND if bad else Exit.DONE


def _outcome(result: Result, *, follow: bool) -> str:
    if result.succeeded:
        return "succeeded"
    if result.action is Action.NONE:
        return "could not be redriven"
    if result.status:
        return "failed again"
    return "still running" if follow else "started"


_GROUPS = (
    Column("Executions", lambda r: r["count"], right=True),
    Column("Error", lambda r: r["error"]),
    Column("Redrivable", lambda r: r["can"]),
    Column("Before you redrive", lambda r: r["to_do"], prose=True),
)
_RESULTS = (
    Column("Action", lambda r: r["action"], width=13),
    Column("Status", lambda r: r["status"] or "RUNNING", width=10),
    Column("Object", lambda r: r["key"] or r["name"]),
)
