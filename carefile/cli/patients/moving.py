"""A decision that moves what is filed, from its preview to its end, as `carefile assign` and `carefile patients merge`
show it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol

from rich.console import Console

from carefile.cli.exits import Exit
from carefile.cli.patients.assigning import Started
from carefile.cli.shown.advice import advice_for
from carefile.cli.shown.view import View, plain


class Following(Protocol):
    def follow(self, started: Started, patience: timedelta) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Move:
    """`plan` is what was previewed, `done` says in a sentence what was done with so many objects, or that nothing was
    to do."""

    plan: dict[str, Any]
    show: Callable[[Console], None]
    start: Callable[[], Started]
    by: Following
    done: Callable[[dict[str, Any], str], str]

    def run(self, view: View, *, yes: bool, follow: bool, patience: timedelta) -> Exit:
        """Preview it, and with `yes` do it, and report how it ended."""
        if not yes:
            view.thing(self.plan, self.show)
            view.note("[bold]Nothing was done.[/bold] Use --yes to do it.")
            return Exit.DONE
        if not view.as_json:
            view.thing(self.plan, self.show)
        started = self.start()
        if started.redriven:
            view.note("Resuming an earlier attempt that failed.")
        if not follow:
            view.thing({"execution": started.arn}, lambda out: out.print(started.arn, soft_wrap=True))
            return Exit.DONE
        with view.busy("Moving …"):
            ended = self.by.follow(started, patience)
        return self._report(view, ended)

    def _report(self, view: View, ended: dict[str, Any]) -> Exit:
        if view.as_json:
            view.thing(ended, lambda out: None)
        status, result = ended["status"], ended["result"]
        if status == "SUCCEEDED":
            count = result.get("taken_in", 0)
            view.note(self.done(result, f"{count} object" + ("s" if count != 1 else "")))
            return Exit.DONE
        if status == "RUNNING":
            view.note("The move has not ended yet and keeps running.")
        else:
            advice = advice_for(ended["error"] or status)
            view.warn(f"[red]The move is incomplete.[/red] {plain(ended['reason'] or advice.means)}")
            view.warn(f"  to do: {advice.to_do} Then run the same command again. See {advice.anchor}")
        view.note(f"[dim]{plain(ended['execution'])}[/dim]")
        return Exit.FOUND
