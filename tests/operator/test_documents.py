"""What is written about the command is what it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.main import get_command

from carefile.cli.app import app
from carefile.cli.checks.reconciling import Fault

DOCS = Path(__file__).parents[2] / "docs"
OPERATING = (DOCS / "operating.md").read_text()
COMMANDS = get_command(app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_described(name: str) -> None:
    assert f"| `carefile {name}" in OPERATING


@pytest.mark.parametrize("fault", list(Fault))
def test_every_fault_is_described(fault: Fault) -> None:
    assert f"| `{fault}` |" in OPERATING
