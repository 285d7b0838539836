"""`carefile redrive`: let failed executions go on where they failed, one or thousands."""

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
from carefile.cli.aws.map_runs import is_of, of_backfill
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.advice import Then, advice_for
from carefile.cli.shown.map_run_view import shown_to_the_end
from carefile.cli.shown.view import Column, View, lasting
from carefile.cli.times import since as moment
from carefile.cli.times import span

_LOOKED_AT = 200  # in a preview: what Step Functions lets be described at once
_FEW = 50  # so many are shown one by one, more only where they did not end well
_REDRIVABLE = timedelta(days=14)  # Step Functions, "Redriving executions"


def redrive(
    connection: Connection,
    view: View,
    names: Annotated[
        list[str] | None, typer.Argument(help="Executions, by name or ARN.", show_default=False)
    ] = None,
    *,
    since: Annotated[str, typer.Option(help="Those that failed since: 2h, 3d, 2026-11-20.")] = "14d",
    error: Annotated[str | None, typer.Option(help="Only those that failed with this error.")] = None,
    state: Annotated[str | None, typer.Option(help="Only those that failed at this state.")] = None,
    resubmit: Annotated[
        bool,
        typer.Option(
            "--resubmit",
            help="Start afresh what a redrive cannot mend: older than 14 days, begun under another definition, "
            "or failed in a state that would only fail again.",
        ),
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=250, help="At most so many a second.")] = 50,
    follow: Annotated[bool, typer.Option(help="Wait for each one's end.")] = True,
    timeout: Annotated[str, typer.Option(help="How long to wait for the last ones.")] = "1h",
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Do it; without, only show what would be done.")
    ] = False,
) -> Exit:
    """Redrive failed executions; without --yes only show which."""
    if any(is_of(connection, name) for name in names or ()):
        return _redrive_backfill(connection, view, names or [], yes=yes)
    executions = Executions(connection)
    choice = _Choice(executions, names or [], moment(since), error, state)
    if not yes:
        return _preview(view, choice)
    redriver = Redriver(connection, executions, rate=rate, resubmit=resubmit, follow=follow)
    return _act(view, choice, redriver, span(timeout), follow=follow)


def _redrive_backfill(connection: Connection, view: View, names: list[str], *, yes: bool) -> Exit:
    """A backfill is gone on with as a whole: its failed objects, and no others."""
    if len(names) > 1:
        raise Problem("backfills are re-driven one by one")
    runs = of_backfill(connection)
    if yes:
        return shown_to_the_end(view, runs, runs.redrive(names[0]), "carefile backfill")
    run = runs.look(names[0])
    view.note(f"{run.name} ended {run.status}; {run.unwell} of its objects were not taken in.")
    view.note("[bold]Nothing was done.[/bold] --yes goes on with these.")
    return Exit.DONE


class _Choice:
    """What the person's words select. What fails while the command runs is not among it."""

    def __init__(
        self,
        executions: Executions,
        names: list[str],
        since: datetime | None,
        error: str | None,
        state: str | None,
    ) -> None:
        if names and (error or state):
            raise Problem("names and filters exclude each other")
        self.names, self.filtered = names, bool(error or state)
        self._executions, self._since, self._error, self._state = executions, since, error, state
        self._until = datetime.now(UTC)

    def considered(self) -> int:
        """How many the filters have to look at; only lists are asked for."""
        return len(self.names) or sum(1 for _ in self._listed())

    def chosen(self, passed: Any = lambda: None) -> Iterator[Listed]:
        """The executions, one by one as they are needed. `passed` hears of each that a filter leaves out."""
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
    view.table(_GROUPS, rows, nothing="No failed execution is like that.")
    count = groups.total()
    if count and count < total and not choice.filtered:
        view.note(f"The last {count} of {total} were looked at; all {total} are meant.")
        count = total
    if count:
        view.note(
            f"[bold]Nothing was done.[/bold] --yes redrives {'it' if count == 1 else f'these {count}'}."
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


def _act(view: View, choice: _Choice, redriver: Redriver, patience: timedelta, *, follow: bool) -> Exit:
    started, counts = datetime.now(UTC), Counter[str]()
    total = choice.considered()
    with view.progress("executions") as bar:
        task = bar.add_task("Re-driving", total=total)

        def results() -> Iterator[dict[str, Any]]:
            for result in redriver.run(choice.chosen(lambda: bar.advance(task)), patience):
                counts[_outcome(result, follow=follow)] += 1
                bar.advance(task)
                if view.as_json or total <= _FEW or not (result.well or (not follow and not result.reason)):
                    yield to_json(result)

        try:
            view.stream(_RESULTS, results(), below=lambda r: r["reason"], nothing="")
        except KeyboardInterrupt:
            view.warn(f"\n{redriver.begun} were begun and go on by themselves; the others are as they were.")
            raise
    took = datetime.now(UTC) - started
    told = ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common())
    view.note(f"{told or 'No failed execution is like that'}. Took {lasting(took)}.")
    bad = counts.total() - counts["succeeded"] - counts["begun"]
    if counts["could not be re-driven"]:
        view.note("--resubmit starts afresh what cannot be re-driven.")
    return Exit.FOUND if bad else Exit.DONE


def _outcome(result: Result, *, follow: bool) -> str:
    if result.well:
        return "succeeded"
    if result.action is Action.NONE:
        return "could not be re-driven"
    if result.status:
        return "failed again"
    return "have not ended yet" if follow else "begun"


_GROUPS = (
    Column("Executions", lambda r: r["count"], right=True, keep=True),
    Column("Error", lambda r: r["error"], keep=True),
    Column("Can be re-driven", lambda r: r["can"], keep=True),
    Column("First", lambda r: r["to_do"]),
)
_RESULTS = (
    Column("What was done", lambda r: r["action"], width=13),
    Column("Ended", lambda r: r["status"] or "not yet", width=10),
    Column("Execution", lambda r: r["name"]),
)
