"""What a document looks like: for the page that people see, and no part of the record."""

from __future__ import annotations

from dataclasses import dataclass

MAX_WORDS = (
    1_500  # that are placed on a picture: a page that is full of text, or the beginning of a fuller one
)
PlacedWord = tuple[str, tuple[int, int, int, int]]


@dataclass(frozen=True, slots=True)
class Picture:
    """A small JPEG, made here and never a document's own bytes.

    `alt` says what it shows, without a word of the document. `is_partial`: the file is damaged, and shows only in part.
    `words` are those of the document that stand on it, each with its box: left, top, right, bottom, in pixels.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    alt: str
    is_partial: bool = False
    words: tuple[PlacedWord, ...] = ()
