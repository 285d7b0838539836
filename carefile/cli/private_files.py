"""Files that may name patients: they are their owner's alone, and are there whole or not at all."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from carefile.cli.problem import Problem

_MODE = 0o600


def opened(path: Path, *, append: bool = False) -> TextIO:
    """The file opened for writing, anew or at its end."""
    how = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    file = open(  # noqa: SIM115 - the caller closes it
        path, "a" if append else "w", encoding="utf-8", opener=lambda name, _: os.open(name, how, _MODE)
    )
    os.fchmod(file.fileno(), _MODE)  # a file that was there keeps the mode it was made with
    return file


@contextmanager
def alone(file: TextIO) -> Iterator[None]:
    """Stop where another process writes this file; a process that was killed writes it no more."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Problem(f"another command is at work in {Path(file.name).parent}", "wait for its end") from None
    yield


def write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    with opened(part) as out:
        out.write(text)
    part.replace(path)
