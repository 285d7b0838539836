"""A failure that a person can act on: what is wrong, and what to do about it, each on one line."""

from __future__ import annotations


class Problem(Exception):
    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
