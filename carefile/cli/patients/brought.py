"""Find what a patient's uploads were brought from, where `carefile adopt --into-landing` copied them from the layout.

The adopted objects lie where they were, below delete markers and without a catalog entry, or still stand if the command
was interrupted. The copies name no origin, so they are found by session, path and bytes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.moving.checksums import Checksums
from carefile.cli.moving.into_landing import adopted_folder
from carefile.cli.patients.trace import Traces
from carefile.core.deciding.classification import session_tree
from carefile.core.deciding.rules import RuleTable
from carefile.core.model import Source


class Brought:
    def __init__(self, connection: Connection, rules: RuleTable, patient: str) -> None:
        self._connection, self._rules, self._patient = connection, rules, patient
        self._versions, self._entries = Versions(connection), Entries(connection)
        self._checksums = Checksums(connection.client("s3"))

    def find(self, found: Traces) -> None:
        """Add what the patient's uploads were brought from. What still stands is nobody's by the catalog, and left to a
        person, as is what has other bytes than the upload."""
        for origin, is_same in list(self._origins([trace.source for trace in found.mine])):
            if is_same and self._entries.get(origin.source_id) is None:
                found.take_in_place(origin, self._patient)
            elif not found.is_mine(origin):
                found.copies.add(origin)
                found.undecided.setdefault(origin, "stands where a session of the patient was brought from")

    def _origins(self, sources: Iterable[Source]) -> Iterator[tuple[Source, bool]]:
        """Yield the adopted objects that landing objects were brought from, and whether the bytes prove it."""
        mine = [source for source in sources if source.bucket == self._connection.landing]
        for tree, group in groupby(sorted(mine, key=lambda one: one.key), self._tree):
            folder = adopted_folder(self._connection.layout, tree) if tree else None
            if tree is None or folder is None:
                continue
            below = groupby(
                self._versions.below(self._connection.processed, folder), lambda version: version.key
            )
            there = {key: [one for one in versions if not one.is_marker] for key, versions in below}
            for source in group:
                versions = there.get(folder + source.key.removeprefix(tree))
                if versions and self._versions.stamp(versions[0]) is None:
                    origin = Source(self._connection.processed, versions[0].key)
                    yield origin, self._same_bytes(source, versions)

    def _tree(self, source: Source) -> str | None:
        return session_tree(source.key, self._rules)

    def _same_bytes(self, source: Source, versions: list[Version]) -> bool:
        """Whether each version holds the bytes of an upload to the landing key."""
        landed = [one for one in self._versions.landed(source) if not one.is_marker]
        return all(any(self._is_copy(one, other) for other in landed) for one in versions)

    def _is_copy(self, one: Version, other: Version) -> bool:
        if one.size != other.size:
            return False
        stored = [self._checksums.stored(it.bucket, it.key, it.version_id) for it in (one, other)]
        first, second = stored
        return bool(first and second and self._checksums.compare(first, second).same)
