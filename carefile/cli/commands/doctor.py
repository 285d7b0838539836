"""`carefile doctor`: check the health of the deployment, and report what to do about each problem."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.checks.check import State
from carefile.cli.checks.health import checks
from carefile.cli.exits import Exit
from carefile.cli.shown.view import Column, View


def doctor(connection: Connection, view: View) -> Exit:
    """Check the health of the deployment."""
    states = Counter[State]()

    def results() -> Iterator[dict[str, Any]]:
        for check in checks(connection):
            states[check.state] += 1
            yield check.to_json()

    view.stream(_CHECKS, results(), below=lambda r: r["to_do"] and f"to do: {r['to_do']}", nothing="")
    if states[State.FAILED]:
        view.note(f"[red]{states[State.FAILED]} failed.[/red]")
    elif states[State.WARNING]:
        count = states[State.WARNING]
        view.note(f"[yellow]Healthy, with {count} warning{'s' if count > 1 else ''}.[/yellow]")
    else:
        view.note("[green]Healthy.[/green]")
    return Exit.FOUND if states[State.FAILED] else Exit.DONE


_CHECKS = (
    Column("State", lambda r: r["state"], width=7),
    Column("Check", lambda r: r["check"], width=28),
    Column("Result", lambda r: r["says"]),
)
