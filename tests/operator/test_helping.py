"""How the command explains itself: help that fits 80 columns, examples that parse, topics, completion, the version."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from typer.main import get_command
from typer.testing import CliRunner

import carefile
from carefile.cli.app import app
from carefile.cli.helping.commands import _GUESSED, GROUPS
from carefile.cli.helping.examples import EXAMPLES
from carefile.cli.helping.topics import topic, topics

COMMANDS = get_command(app).commands  # type: ignore[attr-defined]
_NOISE = ("<str>", "<bool>", "<int>", "<float", "TEXT", "INTEGER", "None", "[required]")


def said(*words: str, code: int = 0, **environment: str) -> str:
    done = CliRunner().invoke(app, [*words], prog_name="carefile", env={"COLUMNS": "80", **environment})
    assert done.exit_code == code, done.output
    return done.output


def completed(line: str) -> list[str]:
    words = line.split()
    place = len(words) if line.endswith(" ") else len(words) - 1
    environment = {"_CAREFILE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(place)}
    return said(**environment).split()


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_help_fits_80_columns_and_names_values_by_what_they_are(name: str) -> None:
    shown = said(*name.split(), "--help")
    assert max(map(len, shown.splitlines())) <= 80
    assert not [noise for noise in _NOISE if noise in shown]
    assert shown == said("help", *name.split())
    assert "\nOptions:\n" in shown


def test_every_command_in_a_group_has_an_example_and_every_group_names_commands_that_exist() -> None:
    grouped = [name for names in GROUPS.values() for name in names]
    assert len(grouped) == len(set(grouped))
    assert set(grouped) <= COMMANDS.keys()
    assert set(grouped) <= EXAMPLES.keys() <= COMMANDS.keys()
    for words in _GUESSED.values():
        first = words.split()
        assert words in COMMANDS or first[0] in COMMANDS or words == "--version", words


@pytest.mark.parametrize("line", [line for lines in EXAMPLES.values() for line, _ in lines])
def test_every_example_parses(line: str) -> None:
    words = shlex.split(line)
    name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
    command = COMMANDS[name]
    command.make_context(name, words[len(name.split()) :])


def test_the_first_help_lists_every_command_once_in_groups() -> None:
    shown = said("--help")
    assert max(map(len, shown.splitlines())) <= 80
    lines = [line.strip() for line in shown.splitlines() if line.startswith("  ")]
    for name in COMMANDS:
        assert sum(line.startswith(f"{name}  ") for line in lines) == 1, name
    assert [line for line in shown.splitlines() if line.endswith(":")][: len(GROUPS)] == [
        f"{it}:" for it in GROUPS
    ]


@pytest.mark.parametrize("name", topics())
def test_a_topic_fits_80_columns(name: str) -> None:
    assert max(map(len, topic(name).splitlines())) <= 80
    assert said("help", name).strip() == topic(name).strip()


def test_the_exit_codes_are_those_of_the_command() -> None:
    from carefile.cli.exits import Exit

    shown = topic("exit-codes")
    for code in Exit:
        assert f"\n  {int(code)} " in shown


def test_help_for_a_word_that_is_none_says_what_there_is() -> None:
    shown = said("help", "nonsense", code=2)
    assert "no command or topic 'nonsense'" in shown
    assert "to do: " in shown
    assert "exit-codes" in shown


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("carefile pat", ["patients"]),
        ("carefile patients me", ["merge"]),
        ("carefile catalog re", ["rebuild"]),
        ("carefile catalog --pati", ["--patient"]),
        ("carefile put --ki", ["--kind"]),
        ("carefile put --kind ", ["document", "session"]),
        ("carefile dlq ", ["show", "resubmit"]),
        ("carefile nonsense ", []),
    ],
)
def test_both_words_options_and_fixed_values_are_completed(line: str, words: list[str]) -> None:
    assert completed(line) == words


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_zsh_and_fish_are_told_what_each_word_does(shell: str) -> None:
    environment = {"_CAREFILE_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "carefile patients me"}
    shown = said(**environment, _TYPER_COMPLETE_FISH_ACTION="get-args")
    assert "merge" in shown
    assert "Merge a patient into another" in shown
    assert "unmerge" not in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_a_script(shell: str) -> None:
    assert f"complete_{shell}" in said(_CAREFILE_COMPLETE=f"source_{shell}")


def test_a_first_word_is_completed_to_each_command_once() -> None:
    found = completed("carefile ")
    assert sorted(found) == sorted({name.split()[0] for name in COMMANDS})


def test_the_version_stands_in_one_place() -> None:
    assert said("--version") == f"carefile {carefile.__version__}\n"
    root = Path(__file__).parents[2]
    for file in ("pyproject.toml", "package.json"):
        assert f'version = "{carefile.__version__}"' not in (root / file).read_text()
        assert f'"version": "{carefile.__version__}"' not in (root / file).read_text()
