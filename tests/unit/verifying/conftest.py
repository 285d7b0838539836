"""What these tests have in common: nobody waits in earnest, and a decision is made without its machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from carefile.cli.again import following
from carefile.cli.verifying import cleaning, patients, site, suite
from tests.unit.verifying.modelled import TOKEN, Clock


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Clock:
    """Nobody waits in earnest."""
    played = Clock()
    for module in (site, following, cleaning):
        monkeypatch.setattr(module, "time", played)
    monkeypatch.setattr(suite, "within", played.within)
    monkeypatch.setattr("carefile.cli.verifying.journal.secrets.token_hex", lambda _: TOKEN[-8:])
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return played


@pytest.fixture(autouse=True)
def decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """How a decision is made runs on the embedded AWS."""

    def decide(site: Any, name: str) -> Any:
        site.journal.will_decide()
        return site.filed(site.upload(site.key(f"{name}.txt"), name.encode()))

    monkeypatch.setattr(patients, "_decided", decide)
