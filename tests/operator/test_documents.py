"""What is written about the command is what it does."""

from __future__ import annotations

import re
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


@pytest.mark.parametrize("page", ["operating.md", "runbook.md"])
def test_every_command_line_that_is_shown_exists(page: str) -> None:
    text = (DOCS / page).read_text()
    for line in re.findall(rf"carefile ((?:{'|'.join(COMMANDS)})\b[^`\n]*)", text):
        words = line.split()
        command = COMMANDS.get(" ".join(words[:2])) or COMMANDS[words[0]]
        known = {option for item in command.params for option in (*item.opts, *item.secondary_opts)}
        used = {word for word in words if word.startswith("--")}
        assert used <= known | {"--help"}, line
