"""The embedded AWS killed in the middle of its work and started again.

What it then has is every object of S3's, and executions, ledger and catalog as last saved: less than AWS ever loses.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from local import processes
from local.settings import Settings
from tests.embedded import eventually, start
from tests.end_to_end.at_rest import Rest
from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.crowd import Crowd
from tests.faults.redriving import bring_home, mend_marks
from tests.faults.test_services import A_DAY, EVERY_FAULT, files


@pytest.mark.submission
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("uploads", [EVERY_FAULT, A_DAY])
def test_nothing_is_lost_when_the_embedded_aws_is_killed_in_the_middle(
    fragile: Pipeline, lane: str, uploads: int, say: Callable[[str], None]
) -> None:
    settings, crowd = fragile.aws.settings, Crowd(fragile)
    crowd.upload(files(uploads // 2, "cataloged"))
    eventually(lambda: cataloged(fragile) >= uploads // 4, 60 + uploads)
    crowd.upload(files(uploads // 4, "running"))
    save(settings)
    crowd.upload(files(uploads // 4, "forgotten"))
    done = ended(crowd)

    began = time.monotonic()
    orphans = kill(settings)
    start(settings)
    took = time.monotonic() - began
    crowd.forget()
    remembered = Counter(ends[-1]["status"] for ends in crowd.ends().values())
    before = Rest.of(crowd, seconds=1)

    again = bring_home(crowd)
    assert eventually(lambda: not [pid for pid in orphans if alive(pid)])
    with suppress(AssertionError):  # a failure that is recorded late marks first and looks again then
        eventually(lambda: is_right(crowd), 30)
    again = f"{again}; {mend_marks(crowd)}"
    Rest.of(crowd).assert_right()
    shown = len(crowd.newest) - len(before.lost())
    say(
        f"{lane}: {len(crowd.uploads)} uploads, {done} of their intakes ended, then SIGKILL; back after "
        f"{took:.1f} s with every version in the landing bucket, {shown} of {len(crowd.newest)} files shown and "
        f"cataloged, {remembered['SUCCEEDED']} known to have succeeded, {remembered['FAILED']} failed, "
        f"{len(crowd.uploads) - remembered.total()} forgotten; then {again}; nothing lost"
    )


def is_right(crowd: Crowd) -> bool:
    try:
        Rest.of(crowd).assert_right()
    except AssertionError:
        return False
    return True


def ended(crowd: Crowd) -> int:
    return sum(ends[-1]["status"] != "RUNNING" for ends in crowd.ends().values())


def cataloged(pipeline: Pipeline) -> int:
    table = pipeline.aws.outputs["CatalogTableName"]
    return pipeline.aws.client("dynamodb").scan(TableName=table, Select="COUNT")["Count"]


def save(settings: Settings) -> None:
    """Have it save its state as it is now; executions, tables and functions each in a file of their own."""
    running, began = processes.find(settings), time.time()
    assert running is not None
    written = [
        settings.state / "services" / f"{name}.json" for name in ("stepfunctions", "dynamodb", "lambda")
    ]

    processes.save(running)
    eventually(lambda: all(file.exists() and file.stat().st_mtime > began for file in written), 30)


def kill(settings: Settings) -> list[int]:
    """Kill the process that the tests started, and only that. Its workers end when they find it gone; their pids."""
    running = processes.find(settings)
    assert running is not None
    shown = subprocess.run(
        ["ps", "-ww", "-e", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    workers = [int(line.split()[0]) for line in shown.stdout.splitlines() if str(settings.scratch) in line]
    os.kill(running.aws_pid, signal.SIGKILL)
    with suppress(ChildProcessError):
        os.waitpid(running.aws_pid, 0)
    return workers


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
