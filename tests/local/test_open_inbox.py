"""The inbox that the demo leaves open is one at a time, says its address, and ends with the embedded AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import pytest

from local import processes
from local.demo import inbox
from local.settings import Settings
from tests.embedded import settings_for

WAITING = "import sys, time; print(sys.argv[1], flush=True); time.sleep(60)"
ADDRESS = "http://127.0.0.1:9/enter/x"


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """A home in which something sleeps that looks like an embedded AWS."""
    found = settings_for(tmp_path)
    found.home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", WAITING, "local.embedded", str(found.home)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True) as aws:
        assert aws.stdout is not None
        assert aws.stdout.readline()  # it is there, under its own command line
        running = processes.Running(aws.pid, found.port, None, 0)
        found.run_file.write_text(json.dumps(asdict(running)))
        yield found
        processes.stop(found)


def opened(settings: Settings) -> tuple[str | None, int | None]:
    running = processes.find(settings)
    assert running is not None
    address = inbox.start(settings, running)
    running = processes.find(settings)
    assert running is not None
    return address, running.inbox_pid


def is_there(pid: int) -> bool:
    with suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_second_demo_ends_the_inbox_of_the_first_and_down_the_last(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SERVES", ("-c", WAITING, ADDRESS, "local.demo.inbox"))
    address, first = opened(settings)
    assert address == ADDRESS
    assert first is not None
    _, second = opened(settings)
    assert second not in (None, first)
    assert not is_there(first)
    processes.stop(settings)
    assert not is_there(second)


def test_an_inbox_that_says_nothing_is_not_left_behind(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "SERVES", ("-c", "raise SystemExit(1)", "local.demo.inbox"))
    assert opened(settings) == (None, None)


def test_a_run_file_of_an_earlier_release_is_read(settings: Settings) -> None:
    told = json.loads(settings.run_file.read_text())
    settings.run_file.write_text(json.dumps({name: told[name] for name in told if name != "inbox_pid"}))
    running = processes.find(settings)
    assert running is not None
    assert running.inbox_pid is None
