"""What an uploader put into a key, metadata or a name is shown by the command, and cannot act on the terminal."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from carefile.cli.shown.marks import escaped_in_json, marked
from carefile.cli.shown.story import print_story
from carefile.cli.shown.view import Column, View, plain

ACTING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)
LINK = "\x1b]8;;http://evil.example\x1b\\scan.pdf\x1b]8;;\x1b\\"
CLEARING = "documents/\x1b[2J\x1b[HNothing is wrong.\r"
C1 = "scan\x9b2J.pdf"
TURNED = "report_\u202efdp.exe"
NEXT_LINE = "scan.pdf\nAll of it is there already."
HOSTILE = [LINK, CLEARING, C1, TURNED, NEXT_LINE, "lone \ud800", "bell\a", "hidden\U000e0041", "\x7f"]
COLUMN = Column("Key", lambda record: record["key"])


def through_a_table(view: View, text: str) -> None:
    view.table([COLUMN], [{"key": text}], nothing="")


def through_a_stream(view: View, text: str) -> None:
    view.stream([COLUMN], [{"key": text}], nothing="", below=lambda record: record["key"])


def through_a_note(view: View, text: str) -> None:
    view.note(f"About {plain(text)}")


def through_a_note_that_forgot(view: View, text: str) -> None:
    view.warn(f"About {text.replace('[', '(')}")


def through_a_thing(view: View, text: str) -> None:
    view.thing({"key": text}, lambda out: out.print(f"  → {plain(text)}", soft_wrap=True))


def through_a_line_of_progress(view: View, text: str) -> None:
    with view.progress("objects") as bar:
        bar.add_task(text.replace("[", "("), total=1)
        view.out.print(bar.make_tasks_table(bar.tasks))


def through_a_story(view: View, text: str) -> None:
    print_story(view.out, story_of(text))


WAYS: list[Callable[[View, str], None]] = [
    *(through_a_table, through_a_stream, through_a_note, through_a_note_that_forgot, through_a_thing),
    *(through_a_line_of_progress, through_a_story),
]
ALL_ON_A_LINE = {through_a_table, through_a_stream, through_a_note, through_a_thing, through_a_story}


def story_of(text: str) -> dict[str, Any]:
    step = {
        "redriven": False,
        "state": "ClassifyObject",
        "status": "failed",
        "entered": "2026-01-01T00:00:00+00:00",
    }
    return {
        "name": "an-execution",
        "status": "FAILED",
        "disposition": None,
        "started": "2026-01-01T00:00:00+00:00",
        "seconds": 1.0,
        "redrives": 0,
        "source": {"bucket": "landing", "key": text, "version_id": text, "hints": {"patient_id": text}},
        "classification": {
            "kind": "document",
            "rule": "documents",
            "patient": {"id": text},
            "evidence": [
                {"about": "patient", "value": text, "source": "metadata", "where": text, "used": True}
            ],
        },
        "location": {"bucket": "processed", "prefix": text},
        "console": None,
        "path": [{**step, "seconds": 1.0, "tries": 1, "errors": [text]}],
        "failure": {
            **dict.fromkeys(("cause", "means", "to_do", "then", "redrive_reason"), text),
            "error": text,
            "state": None,
            "runbook": "docs/runbook.md",
        },
    }


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_it_is_shown_as_marks(
    way: Callable[[View, str], None], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    way(View(as_json=False), text)
    said = "".join(capsys.readouterr())
    assert not ACTING.search(said)
    if way in ALL_ON_A_LINE:
        assert "\nIt is already there" not in said
        mark = marked(text)
        assert mark != text
        assert mark in said.replace("\n", "") or way is through_a_story


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(st.characters(), max_size=30))
def test_json_holds_the_very_text_and_nothing_that_acts(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    view = View(as_json=True)
    view.table([COLUMN], [{"key": text}], nothing="")
    view.thing({"key": text}, lambda out: None)
    said = capsys.readouterr().out
    assert not ACTING.search(said)
    first, rest = said.split("\n", 1)
    assert json.loads(first) == json.loads(rest) == json.loads(escaped_in_json(json.dumps({"key": text})))


@given(text=st.text(st.characters(), max_size=30))
def test_what_does_not_act_stays_as_it_is(text: str) -> None:
    harmless = ACTING.sub("", text).replace("\n", "")
    assert marked(harmless) == harmless


@pytest.mark.parametrize("text", ["José Muñoz", "מירי כהן", "सुनीता\u200dराव", "👩\u200d⚕️.png", "山田 太郎"])
def test_names_of_any_script_stay_as_they_are(text: str) -> None:
    assert marked(text) == text


def test_a_plain_console_would_let_it_act(capsys: pytest.CaptureFixture[str]) -> None:
    Console().print(C1)
    assert ACTING.search(capsys.readouterr().out)
