"""Where a session or a document is filed at this moment: asked of the ledger and of S3, never of the catalog, which is
behind, or of an event that got lost.

The ledger knows every place that a source ever had, before anything is written there. So a source with one place is
there, and one with several is where S3 shows its objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

from carefile.core.filing.layout import Layout
from carefile.core.messages.assignment_request import Subject
from carefile.core.model import Decision, Patient, Source
from lambdas.adapters.folders import Folders
from lambdas.adapters.ledger import Ledger

_THREADS = 16
_BATCH = 1000


@dataclass(frozen=True)
class Whereabouts:
    ledger: Ledger
    folders: Folders
    layout: Layout

    def filed(self, sources: Iterable[Source]) -> Counter[str]:
        """How many of these sources are in which folder."""
        counted: Counter[str] = Counter()
        remaining = iter(sources)
        with ThreadPoolExecutor(_THREADS) as pool:
            while batch := list(islice(remaining, _BATCH)):
                known = list(self.ledger.destinations(batch))
                for places in pool.map(lambda it: self._places(*it), known):
                    counted.update(places)
        return counted

    def is_of(self, folder: str, patient_id: str | None) -> bool:
        """Whether what is in a folder is filed under a patient, or, for None, under nobody."""
        if folder.startswith(self.layout.session_prefix(Patient(patient_id))):
            return True
        manifest = self.folders.manifest(folder) or {}
        classified = manifest.get("classification") or {}
        return manifest.get("state") == "filed" and classified.get("patient", {}).get("id") == patient_id

    def left(self, subject: Subject, patients: Sequence[str | None]) -> Counter[str]:
        """The objects of a session in its folders under these patients (None: nobody)."""
        return +Counter({it: self.folders.objects(it) for it in self.of_session(subject, patients)})

    def of_session(self, subject: Subject, patients: Sequence[str | None]) -> Iterator[str]:
        """The folders of a session under these patients (None: nobody)."""
        for patient in patients:
            for folder in self.named(patient, subject.session_id or ""):
                if self.session_at(folder, subject.session_id or "") == subject:
                    yield folder

    def unmarked(self, folder: str, decision: Decision | None) -> int:
        """How many objects of a session in a folder do not show a decision."""
        with ThreadPoolExecutor(_THREADS) as pool:
            return sum(
                pool.map(lambda key: self.folders.decision(key) != decision, self.folders.keys(folder))
            )

    def named(self, patient: str | None, session_id: str) -> Iterator[str]:
        """The folders under a patient (None: nobody) that may be of a session of this id."""
        for stem in self.layout.session_stems(Patient(patient), session_id):
            yield from self.folders.beginning(stem)

    def session_at(self, folder: str, session_id: str) -> Subject | None:
        """The session of that id that a folder was claimed for."""
        manifest = self.folders.manifest(folder) or {}
        if manifest.get("state") != "session" or manifest.get("session_id") != session_id:
            return None
        owner = manifest["owner"]
        return Subject(owner["bucket"], owner["tree"], session_id)

    def _places(self, source: Source, destinations: frozenset[str]) -> set[str]:
        shown = destinations
        if len(destinations) > 1:
            shown = frozenset(place for place in destinations if self.folders.shows(place, source.source_id))
        return {self.layout.folder_of(place) for place in shown}
