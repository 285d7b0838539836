"""What a reader is, and how it says that a document is not of its format.

A format is a room with a `READER` and one line in `registry.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from carefile.core.documents.picture import Picture
from lambdas.readers.draft import Draft
from lambdas.readers.source import Source


class NotThisFormatError(Exception):
    """Raised by a reader for a document that looked like its format but is not. The draft is thrown away."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One format. `recognises` is cheap; `read` writes into the draft and may raise whatever it likes.

    An `isolated` reader works in a process of its own, with limits on memory and time: for libraries in C,
    whose appetite for a hostile file nothing in this process could stop. One that `needs_whole` is not asked
    to read the beginning of a document. A `picture` is made by isolated readers only, after all is read, so that
    nothing that happens to it takes away what was read.
    """

    format: str
    media_type: str
    recognises: Callable[[Source], bool]
    read: Callable[[Source, Draft], None]
    isolated: bool = False
    needs_whole: bool = False
    picture: Callable[[Source], Picture | None] | None = None
