"""A set for millions of strings: holds their digests in a private, temporary SQLite file."""

from __future__ import annotations

import sqlite3
from hashlib import blake2b


class Digests:
    """A set in bounded memory; on disk it takes about thirty bytes per string and reveals none of them."""

    def __init__(self) -> None:
        self._held = sqlite3.connect("", isolation_level=None)  # no name: in memory, then a temporary file
        self._held.execute("CREATE TABLE held (digest BLOB PRIMARY KEY) WITHOUT ROWID")
        self._held.execute("BEGIN")

    def add(self, text: str) -> bool:
        """Add a string; False if it was already in the set."""
        return self._held.execute("INSERT OR IGNORE INTO held VALUES (?)", (_digest(text),)).rowcount > 0

    def take(self, text: str) -> bool:
        """Remove a string; False if it was not in the set."""
        return self._held.execute("DELETE FROM held WHERE digest = ?", (_digest(text),)).rowcount > 0


def _digest(text: str) -> bytes:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
