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
from carefile.cli.checkout import needed_for
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
) -> Exit:
    """Check the health of the deployment."""
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


_CHECKS = (
    Column("State", lambda r: r["state"], width=7),
    Column("Check", lambda r: r["check"], width=28),
    Column("Result", lambda r: r["says"]),
)
