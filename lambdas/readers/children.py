"""Runs a reader's process from its start to its end: nothing of it is left, and what it answers is bounded."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import IO, cast

from lambdas.readers.limits import MAX_ANSWER

_CHUNK = 1024 * 1024


def run(
    command: Sequence[str], document: bytes, env: Mapping[str, str], seconds: float
) -> subprocess.CompletedProcess[bytes]:
    """Run it in a session of its own, give it the document, and hand back what it says.

    Raises `TimeoutExpired`, with what it has said so far, when its time is over.
    """
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(env),
        start_new_session=True,
    ) as child:
        stdin, stdout = cast("IO[bytes]", child.stdin), cast("IO[bytes]", child.stdout)
        feeding = threading.Thread(target=_feed, args=(stdin, document), daemon=True)
        feeding.start()
        deadline = time.monotonic() + seconds
        answer = bytearray()
        try:
            if _listen(stdout, answer, deadline):
                child.wait(max(deadline - time.monotonic(), 0))
            else:
                answer.clear()
        except subprocess.TimeoutExpired as late:
            raise subprocess.TimeoutExpired(command, seconds, bytes(answer)) from late
        finally:
            # Also what it may have started itself: as long as one of them lives, the number is the group's.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            feeding.join()
    return subprocess.CompletedProcess(command, child.returncode, bytes(answer))


def _feed(pipe: IO[bytes], document: bytes) -> None:
    with suppress(OSError), pipe:  # it may have ended before it had heard all
        pipe.write(document)


def _listen(pipe: IO[bytes], answer: bytearray, deadline: float) -> bool:
    """Hear its answer to the end; False where it says more than any record holds."""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while len(answer) <= MAX_ANSWER:
            wait = deadline - time.monotonic()
            if wait <= 0 or not selector.select(wait):
                raise subprocess.TimeoutExpired("", 0)
            chunk = os.read(pipe.fileno(), _CHUNK)
            if not chunk:
                return True
            answer += chunk
    return False
