"""What is filed as nobody's of a source that was forgotten before.

A round that had taken its revision goes on when its patient is forgotten, and may file in a folder that names nobody,
so no search for the patient leads there. The ledger says of the source that it was forgotten, and knows nothing of the
place: every later round writes its places ahead.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from itertools import groupby

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.cli.aws.versions import Version, Versions
from carefile.core.filing.layout import manifest_key
from carefile.core.model import Patient


def left_behind(connection: Connection, cataloged: Container[str]) -> Iterator[Version]:
    """Every version of it, whoever's it was, and with the last of a folder the folder's claim. `cataloged`: the folders
    of unknown documents, and the keys of unknown sessions' objects, that the catalog shows."""
    search, layout = _Search(connection), connection.layout
    below = layout.session_prefix(Patient()).removesuffix("medical_notes/")

    def folder_of(version: Version) -> str:
        return layout.session_folder_of(version.key) or version.key.rpartition("/")[0] + "/"

    for folder, found in groupby(Versions(connection).below(connection.processed, below), folder_of):
        if folder not in cataloged:
            yield from search.within(folder, list(found), cataloged)


class _Search:
    def __init__(self, connection: Connection) -> None:
        self._versions, self._places = Versions(connection), LedgerPlaces(connection)

    def within(self, folder: str, found: list[Version], cataloged: Container[str]) -> list[Version]:
        there = [one for one in found if not one.is_marker]
        going = [one for one in there if one.key not in cataloged and self._is_left_behind(one)]
        rest = [one for one in there if one not in going]
        claimed = all(one.key == manifest_key(folder) and self._is_claim(one) for one in rest)
        return found if going and claimed else going

    def _is_left_behind(self, version: Version) -> bool:
        stamp = self._versions.stamp(version)
        return stamp is not None and self._places.outlived(stamp.source_id, version.key)

    def _is_claim(self, manifest: Version) -> bool:
        owner = self._versions.owner(manifest)
        return owner is not None and self._places.outlived(owner, manifest.key)
