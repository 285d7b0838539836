"""`carefile redrive`: resume failed executions from the state that failed, one or thousands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Any

import typer

from carefile.cli.again.redriving import Action, Redriver, Result, to_json
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.executions import ENDED_BADLY, Described, Executions, Listed
from carefile.cli.aws.map_runs import backfill_runs, is_backfill
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import Then, advice_for, refuse_misspelt
from carefile.cli.shown.map_run_view import follow_to_end
from carefile.cli.shown.view import Column, View, lasting
from carefile.cli.times import since as moment
from carefile.cli.times import span

_LOOKED_AT = 200  # in a preview: the burst that Step Functions allows for DescribeExecution
_FEW = 50  # up to this many are listed one by one; of more, only those that did not succeed
_REDRIVABLE = timedelta(days=14)  # Step Functions, "Redriving executions"


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
    choice = _Choice(executions, names or [], moment(since), error, state)
    if not yes:
        return _preview(view, choice)
    redriver = Redriver(connection, executions, rate=rate, resubmit=resubmit, follow=follow)
    return _act(view, executions, choice, redriver, span(timeout), follow=follow)


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


class _Choice:
    """The executions that the arguments select; failures that occur while the command runs are left out."""

    def __init__(
        self,
        executions: Executions,
        names: list[str],
        since: datetime | None,
        error: str | None,
        state: str | None,
    ) -> None:
        if names and (error or state):
            raise Problem(
                "execution names cannot be combined with --error or --state",
                "give either names or filters",
            )
        self.names, self.filtered = names, bool(error or state)
        self._executions, self._since, self._error, self._state = executions, since, error, state
        self._until = datetime.now(UTC)

    def considered(self) -> int:
        """Count the executions that the filters have to check, by listing only."""
        return len(self.names) or sum(1 for _ in self._listed())

    def chosen(self, passed: Any = lambda: None) -> Iterator[Listed]:
        """Yield the selected executions lazily; call `passed` for each one that a filter excludes."""
        for item in self._described() if self.names or self._error else self._listed():
            listed = item.listed if isinstance(item, Described) else item
            wrong_error = self._error and isinstance(item, Described) and item.error != self._error
            if wrong_error or (self._state and self._executions.failed_state(listed.arn) != self._state):
                passed()
            else:
                yield listed

    def described(self, limit: int) -> Iterator[Described]:
        return self._executions.described(islice(self.chosen(), limit))

    def _listed(self) -> Iterator[Listed]:
        for status in ENDED_BADLY:
            for item in self._executions.changed_since(self._since, status):
                if item.changed <= self._until:
                    yield item

    def _described(self) -> Iterable[Described]:
        if self.names:
            return [self._executions.must_describe(name) for name in self.names]
        return self._executions.described(self._listed())


def _preview(view: View, choice: _Choice) -> Exit:
    total = choice.considered()
    looked_at = total if choice.filtered or choice.names else min(total, _LOOKED_AT)
    groups: Counter[tuple[str, str]] = Counter()
    if view.as_json:
        found = (_would(item) for item in choice.described(total))
        view.stream((), found, nothing="")
        return Exit.DONE
    with view.busy("Looking at the failed executions …"):
        for item in choice.described(looked_at):
            groups[item.error or item.listed.status, _can(item)] += 1
    rows = [
        {"count": count, "error": error, "can": can, "to_do": advice_for(error).to_do}
        for (error, can), count in groups.most_common()
    ]
    view.table(_GROUPS, rows, nothing="No matching failed executions.")
    count = groups.total()
    if count and count < total and not choice.filtered:
        view.note(f"Previewed the latest {count} of {total}; --yes redrives all {total}.")
        count = total
    if count:
        view.note(
            f"[bold]Nothing was done.[/bold] Use --yes to redrive {'it' if count == 1 else f'all {count}'}."
        )
    return Exit.DONE


def _can(item: Described) -> str:
    if item.listed.status not in ENDED_BADLY:
        return f"no: it is {item.listed.status}"
    afresh = advice_for(item.error).then is Then.RESUBMIT
    if afresh or item.redrive_status == "NOT_REDRIVABLE" or _too_old(item.listed):
        return "no: --resubmit"
    return "yes"


def _too_old(listed: Listed) -> bool:
    return listed.stopped is not None and datetime.now(UTC) - listed.stopped > _REDRIVABLE


def _would(item: Described) -> dict[str, Any]:
    return {
        "name": item.listed.name,
        "action": "none: preview",
        "status": item.listed.status,
        "error": item.error,
        "reason": item.reason,
        "key": item.request.source.key if item.request else None,
        "redrivable": _can(item),
        "execution": item.listed.arn,
    }


def _act(
    view: View,
    executions: Executions,
    choice: _Choice,
    redriver: Redriver,
    patience: timedelta,
    *,
    follow: bool,
) -> Exit:
    started, counts = datetime.now(UTC), Counter[str]()
    total = choice.considered()
    with view.progress("executions") as bar:
        task = bar.add_task("Redriving", total=total)

        def results() -> Iterator[dict[str, Any]]:
            for result in redriver.run(choice.chosen(lambda: bar.advance(task)), patience):
                counts[_outcome(result, follow=follow)] += 1
                bar.advance(task)
                if (
                    view.as_json
                    or total <= _FEW
                    or not (result.succeeded or (not follow and not result.reason))
                ):
                    few = total <= _FEW or not result.succeeded
                    yield to_json(result, executions.key_of(result.execution.arn) if few else None)

        try:
            view.stream(_RESULTS, results(), below=lambda r: r["reason"], nothing="")
        except KeyboardInterrupt:
            view.warn(f"\n{redriver.started} were started and keep running; the others were not touched.")
            raise
    took = datetime.now(UTC) - started
    outcomes = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    view.note(f"{outcomes or 'No matching failed executions'}. Took {lasting(took)}.")
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
