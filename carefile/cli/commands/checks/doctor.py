"""`carefile doctor`: check the health of the deployment, or what a deployment needs, and say what to do about it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from carefile.cli.aws.connection import Account, Connection
from carefile.cli.capacity.load import Mix
from carefile.cli.checkout import needed_for
from carefile.cli.checks.capacity import met_by
from carefile.cli.checks.check import State
from carefile.cli.checks.health import checks
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import Column, View


def doctor(
    connection: Connection | Account,
    view: View,
    before_deploy: Annotated[
        bool,
        typer.Option(
            "--before-deploy",
            help="Check this machine, the account and the region for a stage's settings instead.",
        ),
    ] = False,
    stage: Annotated[str, typer.Option(help="With --before-deploy: the stage, as in cdk.json.")] = "dev",
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.001, help="List what so many objects a second would meet instead, first what is hit first."
        ),
    ] = None,
    documents: Annotated[
        float,
        typer.Option(min=0, max=1, help="With --rate: the share of documents, the rest being sessions."),
    ] = 0.3,
    unknown: Annotated[
        float, typer.Option(min=0, max=1, help="With --rate: the share whose patient is unknown.")
    ] = 0.2,
    session_size: Annotated[int, typer.Option(min=1, help="With --rate: the objects of a session.")] = 200,
) -> Exit:
    """Check the health of the deployment."""
    if rate is not None:
        if isinstance(connection, Account):
            raise Problem("--rate is about a deployment", "leave out --before-deploy")
        mix = Mix(rate=rate, documents=documents, unknown=unknown, session_size=session_size)
        return _capacity(connection, view, mix)
    states = Counter[State]()

    def counted(results: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for one in results:
            states[State(one["state"])] += 1
            yield one

    if isinstance(connection, Account):
        found, well = _before_deploy(connection, stage), "Ready to deploy"
    else:
        found, well = (check.to_json() for check in checks(connection)), "Healthy"
    view.stream(_CHECKS, counted(found), below=lambda r: r["to_do"] and f"to do: {r['to_do']}", nothing="")
    if states[State.FAILED]:
        view.note(f"[red]{states[State.FAILED]} failed.[/red]")
    elif states[State.WARNING]:
        count = states[State.WARNING]
        view.note(f"[yellow]{well}, with {count} warning{'s' if count > 1 else ''}.[/yellow]")
    else:
        view.note(f"[green]{well}.[/green]")
    return Exit.FOUND if states[State.FAILED] else Exit.DONE


def _capacity(connection: Connection, view: View, mix: Mix) -> Exit:
    exceeded: list[str] = []

    def noted(found: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        for one in found:
            exceeded.extend([one["quota"]] if one["state"] == State.FAILED else ())
            yield one

    view.stream(
        _QUOTAS,
        noted(met_by(connection, mix)),
        below=lambda r: r["to_do"] and f"to do: {r['to_do']}",
        nothing="",
    )
    if exceeded:
        view.note(f"[red]{mix.rate:,g} objects a second exceed {len(exceeded)}: first {exceeded[0]}.[/red]")
        return Exit.FOUND
    view.note(f"[green]{mix.rate:,g} objects a second fit.[/green]")
    return Exit.DONE


def _before_deploy(account: Account, stage: str) -> Iterator[dict[str, Any]]:
    """Yield the results of the checkout's own preflight, which knows the settings."""
    root = needed_for("doctor --before-deploy")
    command = [sys.executable, "-m", "infrastructure.preflight", "--context", f"stage={stage}"]
    with subprocess.Popen(
        command, cwd=root, env=account.environment, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None  # noqa: S101 - narrows the type
        yield from map(json.loads, running.stdout)
    if running.returncode not in (0, 1):
        raise Problem("the checks could not be run", "see the message above")


_QUOTAS = (
    Column("State", lambda r: r["state"], width=7),
    Column("Quota or key", lambda r: r["quota"], width=36),
    Column("Asked", lambda r: f"{r['asked']:,.0f}", width=9, right=True),
    Column("Allowed", lambda r: f"{r['allowed']:,.0f}", width=9, right=True),
    Column("Unit", lambda r: r["unit"], width=14),
    Column("Value of", lambda r: r["value_of"]),
)
_CHECKS = (
    Column("State", lambda r: r["state"], width=7),
    Column("Check", lambda r: r["check"], width=28),
    Column("Result", lambda r: r["says"]),
)
