"""Objects of the layout that no intake wrote: whose they are, by where they stand and what their metadata say.

As in an adoption (`carefile/core/deciding/adoption.py`), such an object is its own source, and its place and
metadata are all the evidence. Nothing that any of its versions, or the catalog, contradicts is the patient's for sure.
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
    """Whose a folder is: the patient's for sure, another one's, or not to be told by its name alone."""

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
        """Stop where a person means something that an intake wrote: its landing object is what is to be named."""
        found = head(self._connection, source.bucket, source.key)
        if found and stamp_in(found.get("Metadata", {})):
            raise Problem(f"an intake wrote {source.key}", "include its landing object; nothing was deleted")

    def decide(self, key: str, versions: list[Version], folder_of: Whose) -> tuple[bool, str | None]:
        """Whether the object is the patient's for sure; where it is not and names the patient, why not."""
        entry = self._entries.get(Source(self._connection.processed, key).source_id)
        if entry and entry.patient not in (None, self._patient):
            return False, None
        named = {who for version in versions if not version.is_marker for who in self._named(version)}
        if named - {self._patient}:
            if folder_of is Whose.PATIENT or self._patient in named:
                return False, "stands under the patient's name, and its metadata name another"
            return False, None
        if entry and entry.patient is None:
            return False, "stands under the patient's name, and is cataloged as nobody's"
        if entry or folder_of is Whose.PATIENT:
            return True, None
        if folder_of is Whose.ANOTHER:
            return False, "its metadata name the patient, in another one's folder" if named else None
        standing = self._connection.layout.standing(key)
        told = {name: self._patient for name in PATIENT_METADATA[:1] if named}
        if standing and classify_standing(standing, told.items(), self._rules).patient.id == self._patient:
            return True, None
        return False, "its place begins as the patient's do, and nothing else tells whose it is"

    def _named(self, version: Version) -> set[str]:
        """Whom the metadata of a version name."""
        found = (self._versions.head(version) or {}).get("Metadata", {})
        values = [metadata_text(value) for name, value in found.items() if name.lower() in PATIENT_METADATA]
        return {identity(value) for value in values if not self._rules.is_placeholder(value)}
