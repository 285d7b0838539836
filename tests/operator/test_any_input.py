"""Whatever is typed, a command ends with a line that says what is wrong and one that says what to do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click
import pytest
import typer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from carefile.cli.app import app
from carefile.cli.inbox import opening, viewing
from tests.operator.conftest import Carefile

ODD = (
    "", " ", "x", "-1", "0", "99999999999999999999", "é", "\u202e", "a/../b", "/", "//", "..", "k" * 2000, "%00",
    "null", "\n", "*", "[bold]", "=1+1", "{}", "'; --", "processed/", "processed/x",
    "processed/unknown_medical_notes/s/", "s3://", "s3:///x", "s3://nowhere/x", "arn:", "arn:aws:states:::x",
    "session_1", "unknown", "RejectedObjct", "2h", "99999999999999d", "0001-01-01", "9999-12-31T23:59",
    "tomorrow",
)  # fmt: skip
THERE = ("..", "/", "//")
# They act, wait for hours, or take the terminal.
LEFT_OUT = {"yes", "help", "follow", "wait", "watch", "retire_originals", "remove", "repair", "profile"}
COMMANDS: dict[str, click.Command] = typer.main.get_command(app).commands  # type: ignore[attr-defined]


@st.composite
def typed(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(sorted(COMMANDS)))
    words = name.split()
    for parameter in COMMANDS[name].params:
        if parameter.name in LEFT_OUT:
            continue
        if parameter.param_type_name == "argument":
            # What is there would be uploaded: a whole disk.
            odd = [it for it in ODD if it not in THERE] if parameter.name in ("paths", "files") else ODD
            words += draw(st.lists(st.sampled_from(odd), min_size=parameter.required, max_size=2))
        elif draw(st.sampled_from((True, False, False))):
            flag: Any = parameter
            words += [flag.opts[0]] if flag.is_flag else [flag.opts[0], draw(st.sampled_from(ODD))]
    return words


def test_no_input_gives_a_traceback_and_every_refusal_says_what_to_do(
    carefile: Carefile, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    # What serves a page waits for somebody to open it.
    monkeypatch.setattr(opening, "open_inbox", lambda *_, **__: ())
    monkeypatch.setattr(viewing, "show", lambda *_, **__: True)

    @settings(
        max_examples=60 * int(os.environ.get("CAREFILE_EXAMPLES", "1")),
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(typed())
    def refused_or_done(words: list[str]) -> None:
        ran = carefile(*words)
        assert ran.code in (0, 1, 2), (words, ran)
        if ran.code == 2 or "carefile:" in ran.err:
            assert ("carefile:" in ran.err and "to do:" in ran.err) or "Usage:" in ran.err, (words, ran)

    refused_or_done()


def test_a_word_that_is_no_command_is_never_led_to_one_that_deletes(carefile: Carefile) -> None:
    assert "Did you mean 'open'?" in carefile("get").err
    assert "Did you mean 'catalog'?" in carefile("ls").err
    assert "Did you mean 'reconcile'?" in carefile("reconcil").err
    for word in ("frget", "remove", "delete", "gte"):
        assert "mean" not in carefile(word).err, word
    assert carefile("frget").code == 2


def test_an_empty_value_is_refused_before_anything_is_asked(carefile: Carefile) -> None:
    for words, named in (
        (("show", ""), "WHAT"),
        (("put", "", "--dry-run"), "PATHS"),
        (("assign", "--patient", "", "--key", "x"), "--patient"),
        (("redrive", ""), "NAMES"),
        (("runs", "--stack", ""), "--stack"),
    ):
        ran = carefile(*words)
        assert (ran.code, f"{named} is empty" in ran.err, ran.out) == (2, True, "")
