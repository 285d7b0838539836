"""Decisions that are held: however many they become, none that somebody still has to know of is dropped."""

from __future__ import annotations

import pytest

from carefile.cli.commands.browser import inbox as command
from carefile.cli.exits import Exit
from carefile.cli.inbox import decisions as module
from carefile.cli.inbox import opening
from carefile.cli.inbox.decisions import Decisions, One, Status
from carefile.cli.patients.deciding import Changed, Wish
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from carefile.core.model import DecisionType
from tests.unit.conftest import connection_to
from tests.unit.inbox.scene import Asked, Clock
from tests.unit.world import World


def one(name: str) -> One:
    wish = Wish(DecisionType.NOBODY, "Ana Ruiz", "x", prefix=f"processed/unknown_{name}/")
    return One(name, name, None, wish, "landing", name)


def test_what_is_held_or_was_refused_stays_however_many_are_decided_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_KEPT", 3)
    asked, clock = Asked(), Clock()
    decisions = Decisions(lambda: asked, clock=clock)
    for status in (Status.FAILED, Status.CHANGED, Status.SENDING):
        decisions.hold([one(status.value)], "", "").each[0].status = status
    for number in range(6):
        decisions.hold([one(f"done_{number}")], "", "").each[0].status = Status.DONE
    for number in range(6):
        decisions.hold([one(f"held_{number}")], "", "")
    names = [taken.each[0].name for taken in reversed(decisions.all())]
    assert names == ["failed", "changed", "sending", "done_3", "done_4", "done_5"] + [
        f"held_{number}" for number in range(6)
    ]
    decisions.send_all()
    assert [wish.prefix for wish, _ in asked.wishes] == [
        f"processed/unknown_held_{number}/" for number in range(6)
    ]


def test_what_is_refused_as_the_inbox_ends_is_reported_by_the_command(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    decisions = Decisions(Asked)
    for name, problem in (
        ("scan.pdf", Changed(None)),
        ("letter.pdf", Problem("it was refused")),
        ("ok.pdf", None),
    ):
        done = decisions.hold([one(name)], "", "").each[0]
        done.problem, done.status = problem, Status.FAILED if problem else Status.DONE
    monkeypatch.setattr(opening, "open_inbox", lambda *_, **__: decisions.not_carried_out())
    assert (
        command.inbox(connection_to(world), View(as_json=False), by="Ana Ruiz", browser=False) is Exit.FOUND
    )
    said = capsys.readouterr().err
    assert "Not carried out: scan.pdf: it is not filed any more" in said
    assert "Not carried out: letter.pdf: it was refused" in said
    assert "ok.pdf" not in said
