"""Find every trace of one patient: what belongs to the patient, what only passed through the patient's folders, and
what a person has to decide. Nothing here changes anything.

Everything ever filed under a patient is below one prefix, which S3 lists completely, deleted and older versions
included. That leads to the landing objects, and from there the ledger leads to every other place. A landing object that
now belongs to another or an unknown patient is not the patient's: only its places under the patient's name are.

An object that no intake wrote, adopted or not, is its own source, and makes nothing else in its folder the patient's
(`inplace.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import chain, groupby
from typing import Any

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry, SessionSummary
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.cli.aws.objects import head, landing_object
from carefile.cli.aws.versions import Version, Versions, newest_of, patient_in
from carefile.cli.patients.brought import Brought
from carefile.cli.patients.inplace import InPlace, Whose
from carefile.cli.patients.leftbehind import left_behind
from carefile.cli.patients.pending import Decisions, Upload, Uploads, is_in
from carefile.cli.patients.suggested import named_in, older_records
from carefile.cli.patients.trace import FORGOTTEN, Trace, Traces, subject_of
from carefile.cli.problem import Problem
from carefile.core.deciding.agent_sessions import prefixes_of
from carefile.core.deciding.classification import session_tree
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import MANIFEST, Owner, manifest_key
from carefile.core.messages.events import owner_in
from carefile.core.messages.head import moment, proves
from carefile.core.model import Patient, Source, Stamp
from carefile.core.records.recovery import Standing, sources_of
from carefile.core.records.session_entries import Place

SETTLED = timedelta(minutes=15)
_THREADS = 16


class Finder:
    """`_self_owned`: the keys in each folder that no source owns, so that each object in it is its own; `_claimed` by
    whom folders are that hold nothing yet; `_digests` of the patient's documents; `_nobodys` the places of unknown
    entries; `_early`: older versions that are the patient's unless they were filed. `settled`: an upload that is older
    is not on its way any more."""

    def __init__(
        self,
        connection: Connection,
        patient: str,
        rules: RuleTable,
        *,
        settled: timedelta = SETTLED,
    ) -> None:
        self._connection = connection
        self._patient, self._rules = patient, rules
        self._ledger_places = LedgerPlaces(connection)
        self._versions = Versions(connection)
        self._entries = Entries(connection)
        self._inplace = InPlace(connection, patient, rules)
        self._found = Traces()
        self._self_owned: dict[str, set[str]] = {}
        self._claimed: dict[str, set[str | None]] = {}
        self._there: set[str] = set()
        self._digests: set[str] = set()
        self._early: dict[str, frozenset[str]] = {}
        self._nobodys: set[str] = set()
        self._settled = moment(datetime.now(UTC) - settled)

    def find(self, include: Iterable[Source] = (), copies: Iterable[Source] = ()) -> Traces:
        """Find all traces. `include`: objects that an operator declares the patient's, though cataloged as unknown;
        `copies`: those of the patient's documents that an earlier look found, by bytes that may be gone since."""
        self._under_the_name()
        self._by_the_catalog()
        self._whose()
        self._of_the_trees()
        self._not_yet()
        self._included(include)
        Brought(self._connection, self._rules, self._patient).find(self._found)
        self._other_places()
        self._undecided()
        self._found.outdated += left_behind(self._connection, self._nobodys)
        self._copies(copies)
        self._emptied()
        self._owners()
        return self._found

    # The layout

    def _under_the_name(self) -> None:
        name = self._connection.layout.session_prefix(Patient(self._patient))
        everything = self._versions.below(self._connection.processed, name.removesuffix("medical_notes/"))
        for folder, versions in groupby(everything, self._folder):
            by_key = {key: list(found) for key, found in groupby(versions, lambda one: one.key)}
            if folder.startswith(name):
                self._session(folder, by_key)
            elif folder:
                self._document(folder, by_key)
            else:
                self._decide(by_key, Whose.NOBODY)

    def _folder(self, version: Version) -> str:
        """Return a version's folder; "" if it is in none, so that no intake wrote it."""
        layout = self._connection.layout
        end = version.key.find("/", len(layout.prefix)) + 1
        return layout.session_folder_of(version.key) or version.key[:end]

    def _session(self, folder: str, versions: dict[str, list[Version]]) -> None:
        manifest_ = next(
            (one for one in self._versions.manifests(folder) if one.get("state") == "session"), None
        )
        owned = manifest_ is not None and not manifest_.get("adopted")
        self._found.sessions.add(folder)
        if manifest_ is not None and owned:
            self._found.folders.add(folder)
            self._found.trees[folder] = Owner(
                manifest_["owner"]["bucket"], manifest_["owner"]["tree"], tree=True
            )
        elif folder != self._connection.layout.session_prefix(Patient(self._patient)):
            self._owns_itself(folder, versions)
        newest = {key: one for key, found in versions.items() if (one := newest_of(found))}
        foreign: dict[str, list[Version]] = {}
        with ThreadPoolExecutor(_THREADS) as pool:
            stamps = pool.map(self._versions.stamp, newest.values())
            for (key, version), stamp in zip(newest.items(), stamps, strict=True):
                if stamp is None:
                    foreign[key] = versions[key]
                elif manifest_ is None:
                    self._take(Source(self._connection.processed, key))
                elif source := self._source_of(version, stamp, folder, manifest_):
                    self._stood(source, key, stands=version.is_latest)
        self._decide(foreign, Whose.PATIENT)

    def _source_of(
        self, version: Version, stamp: Stamp, folder: str, manifest: dict[str, Any]
    ) -> Source | None:
        candidates = sources_of(Standing(version.bucket, version.key, 0, "", stamp), folder, manifest)
        source = next((one for one in candidates if one.source_id == stamp.source_id), None)
        entry = None if source else self._entries.get(stamp.source_id)
        return Source(entry.landing_bucket, entry.landing_key) if entry else source

    def _decide(self, objects: dict[str, list[Version]], folder_of: Whose) -> None:
        """Decide who each object belongs to that no intake wrote. `folder_of`: who the folder belongs to."""
        theirs = [key for key in objects if not self._is_structure(key)]
        with ThreadPoolExecutor(_THREADS) as pool:
            decided = pool.map(lambda key: self._inplace.decide(key, objects[key], folder_of), theirs)
            for key, (mine, why) in zip(theirs, decided, strict=True):
                if mine:
                    self._take(Source(self._connection.processed, key))
                elif why:
                    self._leave(Source(self._connection.processed, key), why)

    def _is_structure(self, key: str) -> bool:
        """Return whether a key is a folder's manifest or a folder marker, which are deleted with the folder."""
        standing = self._connection.layout.standing(key)
        return key.endswith("/") or (standing is not None and standing.sub_path == MANIFEST)

    def _owns_itself(self, folder: str, versions: Iterable[str]) -> None:
        self._self_owned[folder] = {key for key in versions if not self._is_structure(key)}

    def _take(self, source: Source) -> None:
        self._found.take_in_place(source, self._patient)

    def _document(self, folder: str, versions: dict[str, list[Version]]) -> None:
        """Trace a document's folder. One that only starts like the patient's may be another's: its manifests decide."""
        manifests = self._versions.manifests(folder)
        if self._is_forgotten(folder):
            self._found.folders.add(folder)
        filed = [one for one in manifests if one.get("state") == "filed"]
        if not filed:
            self._owns_itself(folder, versions)
            self._claimed[folder] = {owner_in(one) for one in manifests}
            self._decide(versions, Whose.NOBODY)
            return
        foreign = {key: found for key, found in versions.items() if self._is_foreign(found)}
        if patient_in(manifests[0]) not in (None, self._patient):
            self._decide(foreign, Whose.ANOTHER)
            return
        for manifest in filed:
            if patient_in(manifest) == self._patient:
                upload = manifest["source"]
                self._found.folders.add(folder)
                self._stood(Source(upload["bucket"], upload["key"]), folder, stands=manifest is manifests[0])
                self._digests |= {upload["content_digest"]} if proves(upload.get("content_digest")) else set()
        self._decide(foreign, Whose.PATIENT if folder in self._found.folders else Whose.ANOTHER)

    def _is_forgotten(self, folder: str) -> bool:
        claim = head(self._connection, self._connection.processed, manifest_key(folder))
        return bool(claim and claim.get("Metadata", {}).get(FORGOTTEN) == subject_of(self._patient))

    def _is_foreign(self, versions: list[Version]) -> bool:
        newest = newest_of(versions)
        return newest is not None and self._versions.stamp(newest) is None

    def _stood(self, source: Source, place: str, *, stands: bool) -> None:
        trace = self._trace(source)
        trace.places.add(place)
        trace.stands |= stands

    def _trace(self, source: Source) -> Trace:
        return self._found.traces.setdefault(source.source_id, Trace(source, patient=self._patient))

    # The catalog and the landing bucket

    def _by_the_catalog(self) -> None:
        processed = self._connection.processed
        in_mixed = (self._entries.in_session(Place(processed, folder)) for folder in sorted(self._self_owned))
        for entry in chain(self._each(self._patient), *in_mixed):
            source = Source(entry.landing_bucket, entry.landing_key)
            if not self._inplace.is_own_source(source):
                self._trace(source).places.add(entry.key if entry.is_session else entry.prefix)
            elif entry.patient == self._patient and source not in self._found.undecided:
                self._take(source)

    def _each(self, patient: str | None) -> Iterator[Entry]:
        for found in self._entries.of_patient(patient):
            if isinstance(found, SessionSummary):
                yield from self._entries.in_session(Place(found.bucket, found.prefix))
            else:
                yield found

    def _whose(self) -> None:
        """A source belongs to the patient unless the catalog contradicts, if some of it is filed under the patient or
        its landing object is gone. Objects on their way to another patient are left alone."""
        entries = self._entries.get_many(list(self._found.traces))
        for source_id, trace in self._found.traces.items():
            entry, source = entries.get(source_id), trace.source
            if self._inplace.is_own_source(source):
                continue
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
        """Trace uploads to the sessions' trees that were never filed; not in trees assigned to another patient."""
        for folder, tree in list(self._found.trees.items()):
            sources = [Source(tree.bucket, key) for key in self._below(tree)]
            entries = self._entries.get_many([source.source_id for source in sources])
            if any(entry.patient not in (None, self._patient) for entry in entries.values()):
                self._found.taken.add(self._found.trees.pop(folder).owner_id)
                continue
            for source in sources:
                if source.source_id in self._found.traces:
                    continue
                if source.source_id in entries:
                    self._leave(source, "is part of the patient's session, and is filed as nobody's")
                else:
                    self._trace(source).mine = True

    def _below(self, tree: Owner) -> set[str]:
        """Return the landing keys of a session's tree."""
        found = {one.key for one in self._versions.below(tree.bucket, tree.path)}
        if not tree.path.endswith("/"):
            return found & {tree.path}
        for prefix in set(prefixes_of(tree.path)) - {tree.path}:
            keys = {one.key for one in self._versions.below(tree.bucket, prefix)}
            found |= {key for key in keys if session_tree(key, self._rules) == tree.path}
        return found

    def _not_yet(self) -> None:
        """What was never filed, and what a decision would make the patient's and was not moved."""
        decisions = Decisions(self._connection, self._patient)
        uploads = Uploads(self._connection, self._rules, self._patient)
        self._there = set(self._found.traces) | {tree.owner_id for tree in self._found.trees.values()}
        self._found.taken |= decisions.taken
        self._found.overruled |= decisions.overruled
        for upload in uploads:
            source = upload.source
            self._there |= {source.source_id, upload.session or ""}
            if upload.is_anothers(self._patient) and is_in(source.key, self._patient):
                self._found.named_by_others.add(source)
            decided = decisions.about(upload)
            is_ordered = upload.session in decisions.assigned or (
                upload.newest is not None and upload.newest.name in decided
            )
            if trace := self._found.traces.get(source.source_id):
                if is_ordered and not trace.mine:
                    self._found.ordered.add(source.source_id)
                elif not trace.mine:
                    self._waiting(upload, uploads)
            elif upload.entry is None:
                self._never_filed(upload, uploads, decided=is_ordered or bool(decided))
            elif is_ordered:
                self._order(source)
            else:
                if decided:
                    self._trace(source).holders |= dict.fromkeys(decided, self._patient)
                self._waiting(upload, uploads)
            if upload.entry and upload.early:
                self._early[self._trace(source).source.source_id] = upload.early
        strays = decisions.subjects - self._there
        for source_id, entry in self._entries.get_many(sorted(strays)).items():
            self._order(Source(entry.landing_bucket, entry.landing_key))
            strays.discard(source_id)
        self._found.strays = strays

    def _waiting(self, upload: Upload, uploads: Uploads) -> None:
        """What is filed is somebody else's, and the newest upload to its key is not what is filed: whoever takes that
        in would bring back whom it names."""
        newest = upload.newest
        if newest is None or uploads.is_filed(upload):
            return
        if uploads.is_named(newest):
            self._leave(
                upload.source, "was uploaded again, names the patient in its metadata, and is not filed yet"
            )
        elif newest.modified <= self._settled:
            self._found.unfiled.add(upload.source)

    def _order(self, source: Source) -> None:
        self._found.ordered.add(source.source_id)
        self._leave(source, "was decided to be the patient's, and was not moved there")

    def _never_filed(self, upload: Upload, uploads: Uploads, *, decided: bool) -> None:
        source, newest = upload.source, upload.newest
        where = "key" if self._rules.names_patient(source.key, self._patient) else None
        if decided:
            where = "decision"
        elif where is None and newest and uploads.is_named(newest):
            where = "metadata"
        if where:
            self._found.ordered.add(source.source_id)
            self._leave(source, f"names the patient in its {where}, and was never filed")
        elif newest and newest.modified <= self._settled and not uploads.is_taken_out(newest):
            self._found.unfiled.add(source)

    def _included(self, sources: Iterable[Source]) -> None:
        for source in sources:
            entry = self._entries.get(source.source_id)
            if entry and entry.patient not in (None, self._patient):
                raise Problem(
                    f"{source.key} is filed as another patient's", "take it from that patient first"
                )
            if self._inplace.is_own_source(source):
                self._inplace.must_be_no_intakes(source)
                self._take(source)
            else:
                self._trace(source).mine = True
            self._found.undecided.pop(source, None)
            self._found.unfiled.discard(source)
            if entry is None and not self._versions.landed(source):
                self._found.absent.append(source)

    def _leave(self, source: Source, why: str) -> None:
        self._found.undecided.setdefault(source, why)

    def _other_places(self) -> None:
        """By the ledger, where else the sources were filed, and, where another known patient had any of it, whose each
        version was last: by the revision of what was filed."""
        name = self._connection.layout.session_prefix(Patient(self._patient)).removesuffix("medical_notes/")
        for trace in self._found.traces.values():
            whose = {place: self._patients_at(place) for place in self._ledger_places.ever(trace.source)}
            others = {place for place in whose if set(whose[place].values()) - {self._patient}}
            trace.named = {place for place in whose if place.startswith(name)} - others
            trace.theirs |= others - trace.places
            trace.places |= whose.keys() - others
            if trace.theirs or not trace.mine:
                self._hold(trace, whose)

    def _patients_at(self, place: str) -> dict[int | None, str]:
        """Under which known patient what stands or stood at a place was filed, by revision; None: by any other one."""
        manifests = self._versions.manifests(self._connection.layout.session_folder_of(place) or place)
        named = [(manifest.get("revision"), patient_in(manifest)) for manifest in reversed(manifests)]
        return {key: patient for revision, patient in named if patient for key in (revision, None)}

    def _hold(self, trace: Trace, whose: dict[str, dict[int | None, str]]) -> None:
        latest: dict[str, int] = {}
        early, filed = self._early.get(trace.source.source_id, frozenset()), set[str]()
        for place, patients in whose.items():
            for version in self._versions.at(place) if patients or early else ():
                stamp = None if version.is_marker else self._versions.stamp(version)
                if stamp is None or stamp.source_id != trace.source.source_id:
                    continue
                filed.add(stamp.version)
                if patients and stamp.revision >= latest.get(stamp.version, 0):
                    latest[stamp.version] = stamp.revision
                    trace.holders[stamp.version] = patients.get(stamp.revision, patients[None])
        trace.holders |= dict.fromkeys(early - filed, self._patient)

    # What a person has to decide

    def _undecided(self) -> None:
        for entry in self._each(None):
            self._nobodys.add(entry.key if entry.is_session else entry.prefix)
            known = entry.source_id in self._found.traces or entry.patient is not None
            source = Source(entry.landing_bucket, entry.landing_key)
            if not known and (where := self._evidence(entry, source)):
                self._leave(source, f"names the patient in its {where}, and is filed as nobody's")

    def _copies(self, known: Iterable[Source]) -> None:
        """What holds the bytes of a document of the patient, and is filed as nobody's under another key."""
        alike = chain.from_iterable(map(self._entries.of_content, sorted(self._digests)))
        found = self._entries.get_many([source.source_id for source in known])
        for entry in chain(alike, found.values()):
            trace = self._found.traces.get(entry.source_id)
            if entry.patient is None and not (trace and trace.mine):
                source = Source(entry.landing_bucket, entry.landing_key)
                self._found.copies.add(source)
                self._leave(source, "holds the bytes of a document of the patient, and is filed as nobody's")

    def _emptied(self) -> None:
        """Take folders that no source owns if everything in them is the patient's, manifest included."""
        layout, processed = self._connection.layout, self._connection.processed
        for folder, keys in self._self_owned.items():
            mine = {key for key in keys if self._found.is_mine(Source(processed, key))}
            theirs = bool(mine) or layout.session_folder_of(folder + MANIFEST) or self._is_forgotten(folder)
            owners = self._claimed.get(folder) or set()
            gone = {one for one in owners if one not in self._there or self._owns_nothing_else(one)}
            if mine == keys and (theirs or (owners and gone == owners)):
                self._found.folders.add(folder)

    def _owners(self) -> None:
        """Whose claims outside the patient's folders are the patient's, where nothing else is there."""
        self._found.owners |= {tree.owner_id for tree in self._found.trees.values()}
        for source in (trace.source for trace in self._found.mine if trace.whole):
            tree = session_tree(source.key, self._rules)
            self._found.owners.add(
                Owner(source.bucket, tree, tree=True).owner_id if tree else source.source_id
            )

    def _owns_nothing_else(self, owner: str | None) -> bool:
        """Whether the owner of a folder is a source that is the patient's as a whole."""
        return (trace := self._found.traces.get(owner or "")) is not None and trace.whole

    def _evidence(self, entry: Entry, source: Source) -> str | None:
        """Return which evidence of an object names the patient; note what only suggests them."""
        if is_in(entry.landing_key, self._patient):
            return "key"
        if entry.is_session or self._inplace.is_own_source(source):
            metadata = (head(self._connection, entry.bucket, entry.key) or {}).get("Metadata", {})
            by_uploader = {metadata.get("patient-id"), metadata.get("patient_id")}
            return "metadata" if self._patient in by_uploader else None
        named = named_in(self._versions.manifests(entry.prefix), self._patient)
        if named.where or (named.now and landing_object(self._connection, source.key, source.bucket) is None):
            return named.where or "text"
        self._found.suggested |= {source} if named.now else set()
        self._found.outdated += older_records(self._versions, entry.prefix, named.before)
        return None
