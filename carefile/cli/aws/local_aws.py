"""Find the embedded AWS on this machine by the run file that `make up` keeps while it runs."""

from __future__ import annotations

import os
from dataclasses import dataclass

from carefile.cli.checkout import checkout


@dataclass(frozen=True, slots=True)
class EmbeddedAws:
    endpoint: str
    console: str | None
    region: str
    stack: str


def find() -> EmbeddedAws | None:
    """Find the one running from CAREFILE_HOME (by default in this checkout); None if there is none."""
    if checkout() is None:
        return None
    # An installed package has no `local`, and must not take another distribution's.
    from local import processes
    from local.problem import Problem
    from local.settings import HOST, REGION, STACK_NAME, Settings

    try:
        running = processes.find(Settings.from_environment())
    except Problem:
        return None
    if not running:
        return None
    console = f"http://{HOST}:{running.console_port}" if running.console_pid else None
    return EmbeddedAws(f"http://{HOST}:{running.port}", console, REGION, STACK_NAME)


def absent() -> str:
    """Say that none was found, and where it was looked for if that was chosen."""
    home = os.environ.get("CAREFILE_HOME") if checkout() else None
    return "no embedded AWS is running " + (f"from CAREFILE_HOME ({home})" if home else "on this machine")


def how_to_start() -> str:
    return "start the embedded AWS with `make up`" + ("" if checkout() else " in a clone of Carefile")
