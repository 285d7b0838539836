"""Files that may name patients: they are their owner's alone, and are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

_MODE = 0o600


def opened(path: Path, *, append: bool = False) -> TextIO:
    """The file opened for writing, anew or at its end."""
    how = os.O_WRONLY | os.O_CREAT | (os.O_APPEND if append else os.O_TRUNC)
    descriptor = os.open(path, how, _MODE)
    os.fchmod(descriptor, _MODE)  # a file that was there keeps the mode it was made with
    return os.fdopen(descriptor, "a" if append else "w", encoding="utf-8")


def write(path: Path, text: str) -> None:
    part = path.with_name(f"{path.name}.part")
    with opened(part) as out:
        out.write(text)
    part.replace(path)
