"""The inbox that the demo leaves open: a process of its own, with one address that works once. It ends by itself when
nobody does anything, and with the embedded AWS.

    python -m local.demo.inbox HOME         prints the address, and serves
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from select import select

from local import processes
from local.settings import REPOSITORY, STACK_NAME, Settings

IDLE = timedelta(minutes=15)
SERVES = ("-m", __name__)
_SECONDS = 30


def start(settings: Settings, running: processes.Running) -> str | None:
    """Start the inbox anew and return its address; None if it did not start."""
    processes.stop_inbox(settings, running)
    process = subprocess.Popen(
        [sys.executable, *SERVES, str(settings.home)],
        cwd=REPOSITORY,
        env={**os.environ, **settings.credentials},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        text=True,
    )
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    said, _, _ = select([process.stdout], [], [], _SECONDS)
    address = process.stdout.readline().strip() if said else ""
    if not address:
        process.kill()
        process.wait()
        return None
    processes.note_inbox(settings, process.pid)
    return address


def main() -> None:
    from carefile.cli.aws.connection import connect
    from carefile.cli.inbox.opening import open_inbox
    from carefile.cli.patients.deciding import name_of

    def ready(address: str) -> None:
        print(address, flush=True)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nobody listens any more

    connection = connect(stack=STACK_NAME)
    open_inbox(connection, name_of(connection), port=0, idle=IDLE, ready=ready)


if __name__ == "__main__":
    main()
