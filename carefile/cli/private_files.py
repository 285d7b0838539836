"""Write files that may name patients: readable by their owner only, and complete or not there at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from carefile.cli.problem import Problem

_MODE = 0o600


def open_private(path: Path, *, append: bool = False) -> TextIO:
    """Open a file for writing or appending."""
    how = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    file = open(  # noqa: SIM115 - the caller closes it
        path, "a" if append else "w", encoding="utf-8", opener=lambda name, _: os.open(name, how, _MODE)
    )
    os.fchmod(file.fileno(), _MODE)  # an existing file keeps the mode it was created with
    return file


@contextmanager
def exclusive(file: TextIO) -> Iterator[None]:
    """Hold an exclusive lock on the file; the kernel releases it if the process is killed."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Problem(
            f"another command is writing to {Path(file.name).parent}", "wait until it has finished"
        ) from None
    yield


def write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    with open_private(part) as out:
        out.write(text)
    part.replace(path)
