"""A set of texts that may be millions: their digests, in a file of SQLite that nobody else sees and that goes with
it."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b


class Digests:
    """Holds what was added, in bounded memory; the disk has some thirty bytes a text, and nothing of what it says."""

    def __init__(self) -> None:
        self._held = sqlite3.connect("", isolation_level=None)  # no name: a temporary file, once it is large
        self._held.execute("CREATE TABLE held (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._held.execute("BEGIN")

    def add(self, text: str) -> bool:
        """Hold it; False where it was held already."""
        return self._held.execute("INSERT OR IGNORE INTO held VALUES (?)", (_digest(text),)).rowcount > 0

    def take(self, text: str) -> bool:
        """Let it go; False where it was not held."""
        return self._held.execute("DELETE FROM held WHERE digest = ?", (_digest(text),)).rowcount > 0


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
