"""What a document looks like: for the page that people see, and no part of the record."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Picture:
    """A small JPEG, made here and never a document's own bytes.

    `alt` says what it shows, without a word of the document. `is_partial`: the file is damaged, and shows only in part.
    """

    data: bytes
    media_type: str
    width: int
    height: int
    alt: str
    is_partial: bool = False
