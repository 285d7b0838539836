"""Shows that a step of unknown length is still at work: the seconds so far, redrawn at a terminal, a line now and then
in a log."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOG_EVERY_SECONDS = 10
_EVERY_SECONDS = 0.5


@contextmanager
def moving(text: str, indent: str = "") -> Iterator[None]:
    done, start = threading.Event(), time.monotonic()
    redraws = sys.stdout.isatty()

    def tick() -> None:
        logged = 0
        while not done.wait(_EVERY_SECONDS):
            passed = int(time.monotonic() - start)
            if redraws:
                print(f"\r{indent}{text} … {passed} s ", end="", flush=True)
            elif passed >= logged + LOG_EVERY_SECONDS:
                logged = passed
                print(f"{indent}  … {passed} s", flush=True)

    print(f"{indent}{text} …", end="" if redraws else "\n", flush=True)
    ticker = threading.Thread(target=tick, daemon=True)
    ticker.start()
    try:
        yield
    finally:
        done.set()
        ticker.join()
        if redraws:
            print(f"\r{indent}{text}: {time.monotonic() - start:.0f} s.     ", flush=True)
