"""Watching executions: every change is seen once, no look makes more calls than its bound, and what is shown fits."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from carefile.cli.aws import watching
from carefile.cli.aws.executions import Described, Executions, Listed
from carefile.cli.aws.watching import DESCRIBED, LISTED, STATES, WAITING, Look, Watcher
from carefile.cli.commands import runs as command
from carefile.cli.commands.runs import _seen
from carefile.cli.exits import Exit
from carefile.cli.shown.live import Display, Lines, shortened
from carefile.cli.shown.view import View

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENDS = ("SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


class StepFunctions(Executions):
    """Executions that start, change state and end when a test says so; it counts what it is asked."""

    def __init__(self) -> None:
        self.there: dict[str, Listed] = {}
        self.calls = Counter[str]()

    def start(self, name: str, at: datetime) -> None:
        self.there[name] = Listed(name, name, "RUNNING", at, None, 0, at)

    def end(self, name: str, at: datetime, status: str = "SUCCEEDED") -> None:
        self.there[name] = replace(self.there[name], status=status, stopped=at, changed=at)

    def redrive(self, name: str, at: datetime) -> None:
        self.there[name] = replace(self.there[name], status="RUNNING", stopped=None, changed=at, redrives=1)

    def changed_since(self, since: datetime | None = None, status: str | None = None) -> Iterator[Listed]:
        self.calls["list"] += 1
        for item in sorted(self.there.values(), key=lambda it: it.changed, reverse=True):
            if (since is None or item.changed >= since) and status in (None, item.status):
                self.calls["listed"] += 1
                yield item

    def described(self, listed: Iterable[Listed]) -> Iterator[Described]:
        for item in listed:
            self.calls["describe"] += 1
            now = self.there[item.arn]
            ended = {"disposition": "cataloged"} if now.status == "SUCCEEDED" else {}
            error = "StorageDenied" if now.status == "FAILED" else None
            yield Described(now, "", ended, None, error, None, None, None)

    def failed_state(self, arn: str) -> str | None:
        self.calls["history"] += 1
        return "NormaliseDocument"


def outcomes(look: Look) -> list[tuple[str, str]]:
    return [(one.execution.listed.name, one.execution.listed.status) for one in look.changed]


def test_a_look_says_what_started_what_entered_a_state_and_what_ended_each_once() -> None:
    aws = StepFunctions()
    watcher = Watcher(aws, NOON)
    aws.start("old", NOON - timedelta(hours=1))
    aws.end("old", NOON - timedelta(minutes=30))
    assert outcomes(watcher.look(NOON)) == []
    aws.start("a", NOON + timedelta(seconds=1))
    look = watcher.look(NOON + timedelta(seconds=3))
    assert outcomes(look) == [("a", "RUNNING")]
    assert [(one.state, one.seconds) for one in look.running] == [("NormaliseDocument", 2.0)]
    assert outcomes(watcher.look(NOON + timedelta(seconds=4))) == []
    aws.end("a", NOON + timedelta(seconds=5), "FAILED")
    look = watcher.look(NOON + timedelta(seconds=6))
    assert (outcomes(look), look.running) == ([("a", "FAILED")], [])
    aws.redrive("a", NOON + timedelta(seconds=60))
    assert outcomes(watcher.look(NOON + timedelta(seconds=61))) == [("a", "RUNNING")]
    aws.end("a", NOON + timedelta(seconds=62))
    assert outcomes(watcher.look(NOON + timedelta(seconds=63))) == [("a", "SUCCEEDED")]
    assert outcomes(watcher.look(NOON + timedelta(seconds=64))) == []


def test_one_that_ran_since_long_before_is_seen_to_end_even_if_the_list_is_by_its_start() -> None:
    aws = StepFunctions()
    aws.start("slow", NOON - timedelta(hours=2))
    watcher = Watcher(aws, NOON)
    assert outcomes(watcher.look(NOON)) == [("slow", "RUNNING")]
    aws.end("slow", NOON + timedelta(seconds=5))
    aws.there["slow"] = replace(aws.there["slow"], changed=NOON - timedelta(hours=2))
    assert outcomes(watcher.look(NOON + timedelta(seconds=6))) == [("slow", "SUCCEEDED")]
    assert watcher.look(NOON + timedelta(seconds=7)).running == []


def test_a_storm_costs_no_look_more_than_its_bound_and_failures_come_first() -> None:
    aws = StepFunctions()
    watcher = Watcher(aws, NOON)
    total = WAITING + 3 * DESCRIBED
    for number in range(total):
        aws.start(f"{number}", NOON + timedelta(milliseconds=number))
        aws.end(
            f"{number}",
            NOON + timedelta(seconds=1, milliseconds=number),
            "FAILED" if number < 10 else "SUCCEEDED",
        )
    seen, counted = list[tuple[str, str]](), 0
    for look in range(20):
        aws.calls.clear()
        found = watcher.look(NOON + timedelta(seconds=2 + look))
        assert aws.calls["list"] == 2
        assert aws.calls["listed"] <= 2 * LISTED
        assert aws.calls["describe"] <= DESCRIBED
        assert aws.calls["history"] <= STATES
        seen += outcomes(found)
        counted += found.counted
        if not look:
            assert [status for _, status in sorted(seen, key=lambda it: it[1])[:10]] == ["FAILED"] * 10
    assert len(seen) == len(set(seen))
    assert len(seen) + counted == total
    assert counted == 2 * DESCRIBED


@given(st.data())
def test_whatever_happens_the_last_look_at_an_execution_is_its_end(data: st.DataObject) -> None:
    aws, now = StepFunctions(), NOON
    watcher, last = Watcher(aws, NOON), dict[str, str]()
    for step in range(data.draw(st.integers(1, 12))):
        now += timedelta(seconds=data.draw(st.integers(1, 90)))
        if data.draw(st.booleans()) or not aws.there:
            aws.start(f"e{step}", now)
        else:
            name = data.draw(st.sampled_from(sorted(aws.there)))
            if aws.there[name].status == "RUNNING":
                aws.end(name, now, data.draw(st.sampled_from(ENDS)))
            elif aws.there[name].status != "SUCCEEDED":
                aws.redrive(name, now)
        if data.draw(st.booleans()):
            last |= dict(outcomes(watcher.look(now)))
    look = watcher.look(now)
    last |= dict(outcomes(look))
    assert last == {name: item.status for name, item in aws.there.items()}
    assert {one.execution.listed.name for one in look.running} == {
        name for name, item in aws.there.items() if item.status == "RUNNING"
    }


def test_a_bound_that_is_not_kept_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "DESCRIBED", 10_000)
    with pytest.raises(AssertionError):
        test_a_storm_costs_no_look_more_than_its_bound_and_failures_come_first()


def record(name: str, **members: Any) -> dict[str, Any]:
    base = {
        "status": "RUNNING",
        "disposition": None,
        "error": None,
        "state": "ClassifyObject",
        "seconds": 1.5,
    }
    return (
        base | {"key": name, "patient": None, "reason": None, "at": NOON.isoformat(), "redrives": 0} | members
    )


@pytest.mark.parametrize("width", [40, 80, 120])
def test_the_display_fits_the_terminal_whatever_runs(width: int) -> None:
    view = View(as_json=False)
    view.out = Console(file=io.StringIO(), force_terminal=True, width=width, height=12)  # type: ignore[assignment]
    display = Display(view)
    ended = [record(f"documents/{'x' * 200}/{number}.pdf", status="SUCCEEDED", state=None, disposition="cataloged",
                    patient="Juan_Perez_123") for number in range(50)]  # fmt: skip
    with display:
        display.update(ended, [record("documents/P/running.pdf")] * 30)
    with view.out.capture() as captured:
        view.out.print(display._picture([record("documents/P/running.pdf")] * 30))
    lines = plain_lines(captured.get())
    assert len(lines) <= 12
    assert max(map(len, lines)) <= width
    assert lines[0].startswith("30 running; ended: 50 cataloged"[:width])
    if width >= 80:
        assert any(
            "documents/P/running.pdf" in line and "ClassifyObject" in line and "1.5 s" in line
            for line in lines
        )
        assert any("49.pdf" in line and "Juan_Perez_123" in line for line in lines)


def plain_lines(text: str) -> list[str]:
    return Text.from_ansi(text).plain.rstrip().split("\n")


def test_lines_are_whole_and_have_one_heading(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines(View(as_json=False), command._CHANGES)
    key = f"documents/{'x' * 300}/scan.pdf"
    lines.update([], [])
    lines.update([record(key)], [])
    lines.update([record(key, status="SUCCEEDED", state=None, disposition="cataloged", patient="P")], [])
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 3
    assert shown[0].split() == ["At", "State", "Took", "Patient", "Object"]
    assert all(line.endswith(key) for line in shown[1:])
    assert "cataloged" in shown[2]


class Script(Watcher):
    """Looks as a test wrote them; Ctrl-C at the end."""

    def __init__(self, *looks: Look) -> None:
        self.looks = list(looks)

    def look(self, now: datetime | None = None) -> Look:
        if not self.looks:
            raise KeyboardInterrupt
        return self.looks.pop(0)


def ended(name: str, status: str) -> watching.Seen:
    aws = StepFunctions()
    aws.start(name, NOON)
    aws.end(name, NOON + timedelta(seconds=1), status)
    (described,) = aws.described(aws.there.values())
    return watching.Seen(described, None, NOON + timedelta(seconds=2))


@pytest.mark.parametrize(
    ("looks", "timeout", "code"),
    [
        ([[]], None, Exit.INTERRUPTED),
        ([[("a", "FAILED")]], None, Exit.INTERRUPTED),
        ([[("a", "SUCCEEDED")]], 0.0, Exit.DONE),
        ([[("a", "SUCCEEDED"), ("b", "TIMED_OUT")]], 0.0, Exit.FOUND),
    ],
)
def test_ctrl_c_ends_it_with_130_and_a_timeout_by_whether_something_failed(
    looks: list[list[tuple[str, str]]], timeout: float | None, code: Exit
) -> None:
    script = Script(*(Look([ended(*one) for one in look], [], 0) for look in looks))
    wanted = command._Wanted(failed=False, running=False, error=None)
    assert command._watch(View(as_json=True), script, wanted, 0.001, timeout) is code


def test_only_what_is_wanted_is_shown() -> None:
    failed, filed = ended("a", "FAILED"), ended("b", "SUCCEEDED")
    wanted = command._Wanted
    assert [wanted(failed=True, running=False, error=None).holds(one) for one in (failed, filed)] == [
        True,
        False,
    ]
    assert not wanted(failed=False, running=True, error=None).holds(filed)
    assert wanted(failed=False, running=False, error="StorageDenied").holds(failed)
    assert not wanted(failed=False, running=False, error="StorageFailed").holds(failed)
    assert _seen(filed)["seconds"] == 1.0


@pytest.mark.parametrize("width", [1, 5, 20, 80])
def test_a_shortened_key_has_the_width_and_its_end(width: int) -> None:
    key = "documents/Juan_Perez_123/lab_report.pdf"
    short = shortened(key, width)
    assert len(short) == min(width, len(key))
    assert short[-1:] in ("f", "…")
