"""Everything that is there of one patient, found: what is theirs, what only passed through their folders, what a person
has to decide. Nothing here changes anything.

All that was ever filed under a patient stands below one prefix, which S3 lists completely, with what is deleted or
older. That leads to the landing objects, and the ledger from there to every other place. A landing object that is
somebody else's now, or nobody's, is not the patient's: of it only the places under the patient's name are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from carefile.connection import Connection
from carefile.entries import Entries, Entry, SessionSummary
from carefile.objects import head, landing_object
from carefile.problem import Problem
from carefile.versions import Version, Versions, patient_in
from lambdas.core.layout import Owner, manifest_key
from lambdas.core.model import Patient, Source, digest
from lambdas.core.recovery import Standing, sources_of
from lambdas.core.session_entries import Place

_THREADS = 16
# Where the default rules expect a patient's id in a landing key.
_NAMED_BY_KEY = ("documents/{}/", "sessions/{}/", "medical-notes/patients/{}/", "{}/")
FORGOTTEN = "carefile-forgotten"


@dataclass(slots=True)
class Trace:
    """A landing object. `mine`: it is the patient's now. `stands`: something of it is filed under the patient's name
    and not deleted. `places` are where it is or was filed, folders or keys; `theirs` those of them that belong to other
    patients, `kept` its versions that were filed there."""

    source: Source
    mine: bool = False
    stands: bool = False
    places: set[str] = field(default_factory=set)
    theirs: set[str] = field(default_factory=set)
    kept: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Traces:
    """`folders`: of the layout under the patient's name, `sessions` those of sessions. `trees`: where the sessions come
    from. `undecided`: of landing objects that name the patient and are not filed as theirs, why."""

    traces: dict[str, Trace] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    sessions: set[str] = field(default_factory=set)
    trees: dict[str, Owner] = field(default_factory=dict)
    undecided: dict[Source, str] = field(default_factory=dict)

    @property
    def mine(self) -> list[Trace]:
        return [trace for trace in self.traces.values() if trace.mine]


def subject_of(patient: str) -> str:
    """The patient as a report may name one: who knows the id can tell that it was this one. So can who guesses it."""
    return digest("forgotten", patient)


class Finder:
    def __init__(self, connection: Connection, patient: str) -> None:
        self._connection = connection
        self._patient = patient
        self._versions = Versions(connection)
        self._entries = Entries(connection)
        self._found = Traces()

    def find(self, include: Iterable[str] = ()) -> Traces:
        """All of it. `include`: landing keys that a person says are the patient's, though nobody's by the catalog."""
        self._under_the_name()
        self._by_the_catalog()
        self._whose()
        self._of_the_trees()
        self._included(include)
        self._other_places()
        self._undecided()
        return self._found

    # The layout

    def _under_the_name(self) -> None:
        name = self._connection.layout.session_prefix(Patient(self._patient))
        everything = self._versions.below(self._connection.processed, name.removesuffix("medical_notes/"))
        for folder, versions in groupby(everything, self._folder):
            if folder.startswith(name):
                self._session(folder, versions)
            elif folder:
                self._document(folder)

    def _folder(self, version: Version) -> str:
        """The folder that a version stands in; "" for one in none, which somebody else put there."""
        layout = self._connection.layout
        end = version.key.find("/", len(layout.prefix)) + 1
        return layout.session_folder_of(version.key) or version.key[:end]

    def _session(self, folder: str, versions: Iterator[Version]) -> None:
        newest: dict[str, Version] = {}
        for version in versions:
            if not version.is_marker:
                newest.setdefault(version.key, version)
        self._found.folders.add(folder)
        self._found.sessions.add(folder)
        told = next((one for one in self._versions.manifests(folder) if one.get("state") == "session"), None)
        if told is None:
            return
        self._found.trees[folder] = Owner(told["owner"]["bucket"], told["owner"]["tree"], tree=True)
        with ThreadPoolExecutor(_THREADS) as pool:
            sources = pool.map(lambda one: self._source_of(one, folder, told), newest.values())
            for version, source in zip(newest.values(), sources, strict=True):
                if source:
                    self._stood(source, version.key, stands=version.is_latest)

    def _source_of(self, version: Version, folder: str, manifest: dict[str, Any]) -> Source | None:
        stamp = self._versions.stamp(version)
        if stamp is None:
            return None
        candidates = sources_of(Standing(version.bucket, version.key, 0, "", stamp), folder, manifest)
        source = next((one for one in candidates if one.source_id == stamp.source_id), None)
        entry = None if source else self._entries.get(stamp.source_id)
        return Source(entry.landing_bucket, entry.landing_key) if entry else source

    def _document(self, folder: str) -> None:
        """A folder that only begins like the patient's may be another one's: its manifests tell."""
        manifests = self._versions.manifests(folder)
        if manifests and patient_in(manifests[0]) not in (None, self._patient):
            return
        for manifest in manifests:
            if patient_in(manifest) == self._patient:
                told = manifest["source"]
                self._found.folders.add(folder)
                self._stood(Source(told["bucket"], told["key"]), folder, stands=manifest is manifests[0])
        claim = head(self._connection, self._connection.processed, manifest_key(folder))
        if claim and claim.get("Metadata", {}).get(FORGOTTEN) == subject_of(self._patient):
            self._found.folders.add(folder)

    def _stood(self, source: Source, place: str, *, stands: bool) -> None:
        trace = self._trace(source)
        trace.places.add(place)
        trace.stands |= stands

    def _trace(self, source: Source) -> Trace:
        return self._found.traces.setdefault(source.source_id, Trace(source))

    # The catalog and the landing bucket

    def _by_the_catalog(self) -> None:
        for entry in self._each(self._patient):
            place = entry.key if entry.is_session else entry.prefix
            self._trace(Source(entry.landing_bucket, entry.landing_key)).places.add(place)

    def _each(self, patient: str | None) -> Iterator[Entry]:
        for found in self._entries.of_patient(patient):
            if isinstance(found, SessionSummary):
                yield from self._entries.in_session(Place(found.bucket, found.prefix))
            else:
                yield found

    def _whose(self) -> None:
        """A source is the patient's when the catalog says nothing else and something of it stands under the name, or
        nothing of it is in the landing bucket any more. What is on its way to somebody else is left alone."""
        entries = self._entries.get_many(list(self._found.traces))
        for source_id, trace in self._found.traces.items():
            entry, source = entries.get(source_id), trace.source
            if entry is not None and entry.patient != self._patient:
                now = "nobody known" if entry.patient is None else "another patient"
                self._leave(source, f"was filed as the patient's once and is {now}'s now")
            elif trace.stands or landing_object(self._connection, source.key, source.bucket) is None:
                trace.mine = True
            else:
                self._leave(
                    source, "is the patient's by the catalog, and nothing of it stands under that name"
                )

    def _of_the_trees(self) -> None:
        """What was uploaded to the sessions' trees and never filed. A tree that was assigned away is not theirs."""
        for folder, tree in list(self._found.trees.items()):
            below = {one.key for one in self._versions.below(tree.bucket, tree.path)}
            sources = [
                Source(tree.bucket, key) for key in below if tree.path.endswith("/") or key == tree.path
            ]
            entries = self._entries.get_many([source.source_id for source in sources])
            if any(entry.patient not in (None, self._patient) for entry in entries.values()):
                del self._found.trees[folder]
                continue
            for source in sources:
                if source.source_id in self._found.traces:
                    continue
                if source.source_id in entries:
                    self._leave(source, "is part of the patient's session, and is filed as nobody's")
                else:
                    self._trace(source).mine = True

    def _included(self, keys: Iterable[str]) -> None:
        for key in keys:
            source = Source(self._connection.landing, key)
            entry = self._entries.get(source.source_id)
            if entry and entry.patient not in (None, self._patient):
                raise Problem(f"{key} is filed as another patient's", "take it from that patient first")
            self._trace(source).mine = True
            self._found.undecided.pop(source, None)

    def _leave(self, source: Source, why: str) -> None:
        self._found.undecided.setdefault(source, why)

    def _other_places(self) -> None:
        """By the ledger, where else the patient's sources were filed. What another known patient had there stays."""
        for trace in self._found.mine:
            for place in self._destinations(trace.source) - trace.places:
                folder = self._connection.layout.session_folder_of(place) or place
                whose = {patient_in(one) for one in self._versions.manifests(folder)} - {None, self._patient}
                (trace.theirs if whose else trace.places).add(place)
            for place in trace.theirs:
                stamps = [self._versions.stamp(one) for one in self._versions.at(place) if not one.is_marker]
                trace.kept |= {stamp.version for stamp in stamps if stamp}

    def _destinations(self, source: Source) -> set[str]:
        table, key = self._connection.output("LedgerTableName"), {"source_id": {"S": source.source_id}}
        found = self._connection.client("dynamodb").get_item(TableName=table, Key=key, ConsistentRead=True)
        return set(found.get("Item", {}).get("destinations", {}).get("SS", ()))

    # What a person has to decide

    def _undecided(self) -> None:
        for entry in self._each(None):
            if entry.source_id not in self._found.traces and (where := self._evidence(entry)):
                source = Source(entry.landing_bucket, entry.landing_key)
                self._leave(source, f"names the patient in its {where}, and is filed as nobody's")
        for pattern in _NAMED_BY_KEY:
            for version in self._versions.below(self._connection.landing, pattern.format(self._patient)):
                source = Source(version.bucket, version.key)
                known = source.source_id in self._found.traces or self._connection.layout.holds(version.key)
                if not known and not self._entries.get(source.source_id):
                    self._leave(source, "names the patient in its key, and was never filed")

    def _evidence(self, entry: Entry) -> str | None:
        """What of an object names the patient."""
        if self._patient in entry.landing_key.split("/"):
            return "key"
        if entry.is_session:
            found = head(self._connection, entry.bucket, entry.key) or {}
            metadata = found.get("Metadata", {})
            named = {metadata.get("patient-id"), metadata.get("patient_id")}
            return "metadata" if self._patient in named else None
        for manifest in self._versions.manifests(entry.prefix):
            for item in manifest.get("classification", {}).get("evidence", ()):
                if item["about"] == "patient" and item["value"] == self._patient:
                    return str(item["source"])
        return None
