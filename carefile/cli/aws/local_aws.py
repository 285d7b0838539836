"""Find the embedded AWS on this machine by the run file that `make up` keeps while it runs."""

from __future__ import annotations

from dataclasses import dataclass

from local import processes
from local.problem import Problem as LocalProblem
from local.settings import HOST, REGION, STACK_NAME, Settings


@dataclass(frozen=True, slots=True)
class EmbeddedAws:
    endpoint: str
    console: str | None
    region: str = REGION
    stack: str = STACK_NAME


def find() -> EmbeddedAws | None:
    """Find the one running from CAREFILE_HOME (by default in this repository); None if there is none."""
    try:
        running = processes.find(Settings.from_environment())
    except LocalProblem:
        return None
    if not running:
        return None
    console = f"http://{HOST}:{running.console_port}" if running.console_pid else None
    return EmbeddedAws(f"http://{HOST}:{running.port}", console)
