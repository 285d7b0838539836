"""What the tests of a migration share: its steps, the backfill that it starts, and what counts in the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.listing import Place
from carefile.cli.aws.map_runs import Run
from carefile.cli.commands import migrate as command
from carefile.cli.commands.migrate import Step, migrate
from carefile.cli.exits import Exit
from carefile.cli.shown.view import View
from tests.unit.world import LANDING, World

ANA = "medical-notes/patients/Ana/"


ORIGINALS = {
    f"{ANA}1/session.json": b"{}",
    f"{ANA}1/agents/agent_a/messages/message_0.json": b"[0]",
    f"{ANA}session_2/session.json": b"{}",
    "medical-notes/no-patient/3/session.json": b"{}",
}


Migrate = Callable[..., Exit]


Json = dict[str, Any]


class Runs:
    """The backfill as far as a migration sees it. An execution goes on while nobody looks, as Step Functions' do."""

    def __init__(self, world: World) -> None:
        self.world, self.begun, self.redriven = world, 0, 0
        self.asked: Json = {}
        self.retry_option = "--failed-of"
        self.status = "RUNNING"
        self.failed_items: set[str] = set()
        self.called: Callable[[], None] = lambda: None

    def start(self, asked: Json) -> str:
        self.called()
        self.begun, self.asked, self.status = self.begun + 1, asked, "RUNNING"
        self.called()
        return f"arn:run-{self.begun}"

    def redrive(self, arn: str) -> str:
        self.redriven, self.status = self.redriven + 1, "RUNNING"
        return arn

    def latest_at(self, _: Place) -> Run | None:
        self.called()
        return self._run(f"arn:run-{self.begun}") if self.begun else None

    def followed(self, arn: str) -> Iterator[Run]:
        self.called()
        yield self._run(arn)
        self.called()
        if self.status == "RUNNING":
            self._take_in()
        yield self._run(arn)

    def dispositions(self, _: Run) -> Counter[str]:
        return Counter()

    def failed(self, _: Run) -> Iterator[Any]:
        return iter(())

    def _take_in(self) -> None:
        listed = self.world.s3.list_objects_v2(Bucket=self.asked["bucket"], Prefix=self.asked["prefix"])
        self.failed_items = {item["Key"] for item in listed["Contents"] if item["Size"] == 0}
        for item in listed["Contents"]:
            if item["Size"]:
                self.world.run({"bucket": self.asked["bucket"], "key": item["Key"]})
        share = 100 * len(self.failed_items) / len(listed["Contents"])
        tolerated = share <= self.asked["tolerated_failure_percentage"]
        self.status = "SUCCEEDED" if tolerated else "FAILED"

    def _run(self, arn: str) -> Run:
        counts = {"total": 1, "succeeded": 0 if self.failed_items else 1}
        return Run(arn, self.status, counts, None, None, self.redriven, None, None)


@pytest.fixture
def runs(world: World, monkeypatch: pytest.MonkeyPatch) -> Runs:
    made = Runs(world)
    monkeypatch.setattr(command, "backfill_runs", lambda _: made)
    monkeypatch.setattr(command, "must_read_alike", lambda *_: None)
    return made


@pytest.fixture
def step(connection: Connection, runs: Runs, tmp_path: Path) -> Migrate:
    def run(which: Step, place: str | None = None, **options: Any) -> Exit:
        return migrate(
            connection, View(as_json=True), which, place, **({"folder": tmp_path / "migration"} | options)
        )

    return run


@pytest.fixture
def originals(world: World) -> dict[str, str]:
    return {key: world.upload(key, body) or "" for key, body in ORIGINALS.items()}


def moved_whole(step: Migrate) -> None:
    for which in Step:
        step(which, **(options_of(which)))


def options_of(which: Step) -> Json:
    if which is Step.VERIFY:
        return {"signed_by": "Dr. Example"}
    return {"retire_originals": True} if which is Step.RETIRE else {}


def landed(world: World) -> list[str]:
    found = world.s3.list_objects_v2(Bucket=LANDING).get("Contents", ())
    return [item["Key"] for item in found]


def end_state(world: World, folder: Path) -> Json:
    """All that counts in the end: what is filed and in the catalog, which originals stand, what the report says."""
    filed = {key: world.body(key) for key in world.filed() if not key.endswith("_manifest.json")}
    entries = {
        (item["landing_key"]["S"], item["key"]["S"], item["patient_ref_key"]["S"]) for item in world.catalog()
    }
    path = folder / "report.json"
    report = json.loads(path.read_text()) if path.exists() else {}
    for varying in ("began", "ended", "objects_sha256", "seal"):
        report.pop(varying, None)
    return {
        "filed": filed,
        "entries": entries,
        "landed": landed(world),
        "report": report,
        "kept": any(folder.glob("signed-*")),
    }
