"""The operator's command against a deployed pipeline of its own, run as a person runs it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from carefile.cli.app import app
from carefile.cli.commands import runs
from carefile.cli.moving import into_landing
from tests.embedded import EmbeddedAws, deployed_aws

__all__ = ["deployed_aws"]


@dataclass(frozen=True)
class Ran:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The lines of JSON it printed."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def thing(self) -> dict[str, Any]:
        return json.loads(self.out)


Carefile = Callable[..., Ran]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The command looks again after a tenth of a second where it waits for seconds: nothing here takes that long."""
    sleep = time.sleep

    def shortly(seconds: float) -> None:
        sleep(min(seconds, 0.1))

    monkeypatch.setattr(time, "sleep", shortly)
    for module in (into_landing, runs):
        monkeypatch.setattr(module, "sleep", shortly)


@pytest.fixture
def carefile(deployed_aws: EmbeddedAws, impatient: None, monkeypatch: pytest.MonkeyPatch) -> Carefile:
    """Runs the command on the embedded AWS of these tests, which it finds by its run file."""
    monkeypatch.setenv("CAREFILE_HOME", str(deployed_aws.settings.home))
    monkeypatch.setenv("COLUMNS", "100")
    for name in ("CAREFILE_STACK", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: object) -> Ran:
        done = CliRunner().invoke(app, [str(word) for word in words])
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return Ran(done.exit_code, done.stdout, done.stderr)

    return run


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Makes a file to upload."""

    def make(name: str, body: bytes = b"hello") -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
        return path

    return make
