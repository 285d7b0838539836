"""The inbox that the demo leaves open: the operator's command in a process of its own, whose address works once. It
ends by itself when nobody does anything, and with the embedded AWS.

    python -m local.demo.inbox HOME         serves it, and prints the address first
"""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
import time
from tempfile import TemporaryFile

from local import processes
from local.settings import REPOSITORY, Settings

IDLE_MINUTES = 15
SERVES = ("-m", __name__)
_SECONDS, _MOST = 30, 4096
_ADDRESS = re.compile(rb"http://127\.0\.0\.1:\d+/\S+(?=\s)")


def start(settings: Settings, running: processes.Running) -> str | None:
    """Start the inbox anew and return its address; None if it did not start."""
    processes.stop_inbox(settings, running)
    named = {"CAREFILE_STACK": settings.stack_name, "COLUMNS": "200"}
    # A file without a name: what the command says later needs no reader, and is on no disk when it has ended.
    with TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, *SERVES, str(settings.home)],
            cwd=REPOSITORY,
            env={**os.environ, **settings.credentials, **named},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        address = _address(process, said.fileno())
    if address is None:
        process.kill()
        process.wait()
        return None
    processes.note_inbox(settings, process.pid)
    return address


def _address(process: subprocess.Popen[bytes], said: int) -> str | None:
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        has_ended = process.poll() is not None
        if found := _ADDRESS.search(os.pread(said, _MOST, 0)):
            return found[0].decode()
        if has_ended:
            break
        time.sleep(0.05)
    return None


def main() -> None:
    sys.argv = ["carefile", "inbox", "--no-browser", "--idle", f"{IDLE_MINUTES}m"]
    runpy.run_module("carefile", run_name="__main__")


if __name__ == "__main__":
    main()
