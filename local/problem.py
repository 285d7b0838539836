"""An error that the user can act on: what is wrong and how to fix it, one line each."""

from __future__ import annotations


class Problem(Exception):
    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy
