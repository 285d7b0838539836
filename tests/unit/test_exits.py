"""One rule for exit codes, held by every command."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from carefile.cli.exits import Exit, listed

COMMANDS = sorted((Path(__file__).parents[2] / "carefile" / "cli" / "commands").rglob("*.py"))


@pytest.mark.parametrize(
    ("count", "named", "faults", "code"),
    [
        (0, False, False, Exit.DONE),
        (3, False, False, Exit.DONE),
        (0, True, False, Exit.FOUND),
        (3, True, False, Exit.DONE),
        (0, False, True, Exit.DONE),
        (3, False, True, Exit.FOUND),
    ],
)
def test_a_list_of_faults_is_well_when_empty_and_one_of_what_was_named_when_not(
    count: int, named: bool, faults: bool, code: Exit
) -> None:
    assert listed(count, named=named, faults=faults) is code


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.stem)
def test_no_command_turns_the_length_of_a_list_into_an_exit_code_of_its_own(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.IfExp) and "Exit." in ast.unparse(node.body):
            assert ast.unparse(node.test) not in ("count", "not count", "found", "not found"), ast.unparse(
                node
            )
