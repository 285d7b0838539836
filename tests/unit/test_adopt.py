"""`carefile adopt` refuses in one line what it can't do, and begins nothing."""

from __future__ import annotations

from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.map_runs import Run, Scope
from carefile.cli.commands import adopt as module
from carefile.cli.commands.adopt import adopt
from carefile.cli.exits import Exit
from carefile.cli.problem import Problem
from carefile.cli.shown.view import View
from tests.unit.world import LANDING, PROCESSED, World

KEY = "processed/P_1_medical_notes/session_1/x.json"


class Runs:
    """The adoption's machine, on which a run was at this place before."""

    def __init__(self, earlier: str | None) -> None:
        self.earlier, self.begun = earlier, 0

    def half_finished(self, asked: Scope) -> Run | None:
        return Run("arn:run-0", self.earlier, {}, None, None, 0, None, asked) if self.earlier else None

    def start(self, _: dict[str, Any]) -> str:
        self.begun += 1
        return "arn:run-1"


@pytest.fixture
def runs(world: World, monkeypatch: pytest.MonkeyPatch) -> Runs:
    world.s3.put_object(Bucket=PROCESSED, Key=KEY, Body=b"x")
    made = Runs(None)
    monkeypatch.setattr(module, "adoption_runs", lambda _: made)
    return made


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("s3://no-such-bucket/processed/", "is not in the layout"),
        (f"s3://{LANDING}/documents/", "is not in the layout"),
        (f"s3://{PROCESSED}/elsewhere/", "is not in the layout"),
        (f"s3://{PROCESSED}/processed/nobody_at_all/", "there is nothing under"),
        ("processed/", "invalid S3 location"),
    ],
)
def test_a_place_that_can_not_be_adopted(
    connection: Connection, runs: Runs, place: str, line: str, dry_run: bool
) -> None:
    with pytest.raises(Problem, match=line) as stopped:
        adopt(connection, View(as_json=True), place, dry_run=dry_run)
    assert "\n" not in stopped.value.what
    assert runs.begun == 0


@pytest.mark.parametrize(
    ("status", "to_do"),
    [("RUNNING", "carefile adopt --run run-0"), ("FAILED", "carefile adopt --redrive run-0")],
)
def test_a_half_finished_earlier_run_is_named_with_what_to_do(
    connection: Connection, runs: Runs, status: str, to_do: str
) -> None:
    runs.earlier = status
    with pytest.raises(Problem, match=r"run for this place .*run-0") as stopped:
        adopt(connection, View(as_json=True))
    assert to_do in stopped.value.to_do.replace("arn:", "")
    assert runs.begun == 0


def test_where_none_is_half_finished_another_begins(connection: Connection, runs: Runs) -> None:
    assert adopt(connection, View(as_json=True), follow=False) is Exit.DONE
    assert runs.begun == 1
