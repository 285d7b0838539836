"""Decide which patient objects of the layout belong to that no intake wrote, by their place and metadata.

As in an adoption (`carefile/core/deciding/adoption.py`), such an object is its own source, and its place and metadata
are the only evidence. It belongs to the patient for certain only if none of its versions, nor the catalog, contradicts.
"""

from __future__ import annotations

from enum import Enum, auto

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.objects import head
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.problem import Problem
from carefile.core.deciding.adoption import classify_standing
from carefile.core.deciding.identity import identity
from carefile.core.deciding.metadata import PATIENT_METADATA, metadata_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.stamps import stamp_in
from carefile.core.model import Source


class Whose(Enum):
    """The owner of a folder: certainly the patient, another patient, or unknown from its name alone."""

    PATIENT = auto()
    ANOTHER = auto()
    NOBODY = auto()


class InPlace:
    def __init__(self, connection: Connection, patient: str, rules: RuleTable) -> None:
        self._connection, self._rules = connection, rules
        self._patient = patient
        self._entries, self._versions = Entries(connection), Versions(connection)

    def is_own_source(self, source: Source) -> bool:
        return source.bucket == self._connection.processed and self._connection.layout.holds(source.key)

    def must_be_no_intakes(self, source: Source) -> None:
        """Raise a Problem if an intake wrote the object: its landing object has to be named instead."""
        found = head(self._connection, source.bucket, source.key)
        if found and stamp_in(found.get("Metadata", {})):
            raise Problem(
                f"{source.key} was written by an intake", "include its landing object; nothing was deleted"
            )

    def decide(self, key: str, versions: list[Version], folder_of: Whose) -> tuple[bool, str | None]:
        """Return whether the object certainly belongs to the patient, and if not but it names the patient, why."""
        entry = self._entries.get(Source(self._connection.processed, key).source_id)
        if entry and entry.patient not in (None, self._patient):
            return False, None
        named = {who for version in versions if not version.is_marker for who in self._named(version)}
        if named - {self._patient}:
            if folder_of is Whose.PATIENT or self._patient in named:
                return False, "is filed under the patient, but its metadata names another patient"
            if folder_of is Whose.NOBODY and not self._is_known(key, named):
                return (
                    False,
                    "its folder's name starts with the patient's id, but its metadata names another patient",
                )
            return False, None
        if entry and entry.patient is None:
            return False, "is filed under the patient, but cataloged as unknown"
        if entry or folder_of is Whose.PATIENT:
            return True, None
        if folder_of is Whose.ANOTHER:
            return (
                False,
                "its metadata names the patient, but its folder is another patient's" if named else None,
            )
        if self._by_place(key, self._patient if named else None) == self._patient:
            return True, None
        return (
            False,
            "its folder's name starts with the patient's id, but nothing else identifies the patient",
        )

    def _is_known(self, key: str, named: set[str]) -> bool:
        """Whether place and metadata agree on one patient, as an adoption would have it."""
        return len(named) == 1 and self._by_place(key, *named) in named

    def _by_place(self, key: str, named: str | None) -> str | None:
        """The patient that an adoption would find at a key, with this one in the metadata."""
        standing = self._connection.layout.standing(key)
        metadata = {PATIENT_METADATA[0]: named} if named else {}
        return classify_standing(standing, metadata.items(), self._rules).patient.id if standing else None

    def _named(self, version: Version) -> set[str]:
        """Return the patients that a version's metadata names."""
        found = (self._versions.head(version) or {}).get("Metadata", {})
        values = [metadata_text(value) for name, value in found.items() if name.lower() in PATIENT_METADATA]
        return {identity(value) for value in values if not self._rules.is_placeholder(value)}
