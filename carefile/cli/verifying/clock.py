"""The time limit of a check, which also ends a request that hangs."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from carefile.cli.verifying.outcome import TimeIsUp


class Deadline:
    """A moment by which something must have ended."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self._at - time.monotonic()


@contextmanager
def within(seconds: float) -> Iterator[Deadline]:
    """Raise TimeIsUp in the body once the time is over, whatever it waits for."""
    deadline = Deadline(seconds)
    if threading.current_thread() is not threading.main_thread():  # no signal can reach it
        yield deadline
        return

    def over(*_: Any) -> None:
        raise TimeIsUp(f"not finished within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, over)
    # A wait that knows its deadline ends by itself and says what for.
    signal.setitimer(signal.ITIMER_REAL, seconds + 1)
    try:
        yield deadline
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
