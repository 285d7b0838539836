"""One round's work in the processed bucket: what a version becomes there, whether it is there, putting it there.

A document becomes a folder of four artifacts, the manifest last; a session's object one object in its session's folder.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from carefile.core.deciding.classification import classify, session_tree, to_look_up
from carefile.core.deciding.corroboration import TextEvidence, look_further, numbers_to_look_up
from carefile.core.deciding.metadata import require_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.documents.readers import RECOGNITION, Readers
from carefile.core.filing import layout, tagging
from carefile.core.filing.layout import Layout, Owner
from carefile.core.filing.stamps import noted, persons
from carefile.core.messages import events
from carefile.core.model import (
    Assignment,
    Classification,
    Hints,
    Kind,
    Observation,
    Patient,
    Reading,
    ReadingStatus,
    Source,
    Stamp,
    StoredObject,
)
from carefile.core.patients.directory import Known, Listing, Wanted
from carefile.core.patients.mentions import Mentions, mentions_in
from carefile.core.records.ledger import LedgerEntry
from lambdas.adapters.landing import Landing
from lambdas.adapters.processed import Processed, Seen, VersionGone

if TYPE_CHECKING:
    from carefile.core.documents.extraction import Extraction
    from lambdas.adapters.people.directory import Directory

# What `classify` is given of every object, in its order.
_Given: TypeAlias = (
    "tuple[str, tuple[tuple[str, str], ...], RuleTable, Hints | None, Extraction | None, Assignment | None]"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A round's decision: what the object is, and, where it is a document, what was read out of it. `asked` and
    `listing` are what the patient directory was asked, where it is in use, and what it answered."""

    observed: Observation
    classification: Classification
    extraction: Extraction | None
    asked: Wanted = field(default_factory=Wanted)
    listing: Listing | None = None

    @property
    def source(self) -> Source:
        return self.observed.source

    @property
    def owner(self) -> Owner:
        return layout.owner_of(self.classification, self.source)

    @property
    def reading(self) -> Reading | None:
        """How far its pictures are read, where this stage reads them and there are any."""
        recognition = self.extraction and self.extraction.recognition
        return recognition.summary if recognition else None

    @property
    def is_silent(self) -> bool:
        """Whether what was recognised on its pages is no evidence of whose it is."""
        recognition = self.extraction.recognition if self.extraction else None
        return recognition is not None and not recognition.is_evidence

    @property
    def readers(self) -> Readers:
        """What reads the document, pages that are pictures among it where this stage reads these."""
        if self.extraction is None:
            return Readers()
        scans = Readers.of(RECOGNITION) if self.extraction.recognition else Readers()
        return Readers(scans | self.extraction.readers)

    def destination(self, folder: str) -> str:
        """What the ledger remembers: a document's folder, or the one key of a session's object."""
        session = self.classification.session
        return layout.session_object_key(folder, session) if session else folder

    def is_satisfied_by(self, reading: Reading | None) -> bool:
        """Whether an artifact that stands there is read as far as this plan would have it: one that waits is content
        with one that is read, and one that is read with the same alone."""
        if self.reading is None:
            return True
        return reading is not None if self.waits else reading == self.reading

    @property
    def waits(self) -> bool:
        """Whether its pictures are still to be read."""
        return self.reading is not None and self.reading.status is ReadingStatus.PENDING

    def fits(self, stored: StoredObject, stamp: Stamp) -> bool:
        """Whether an artifact is one of this plan. A scan's original, which nothing keeps a slow round from copying
        once more, shows bytes alone: the others say whose they are, and how far they are read."""
        if (stamp.source_id, stamp.version) != (self.source.source_id, self.observed.version):
            return False
        if self.reading and stored.role == "original":
            return True
        decided = persons(stamp.decision) == persons(self.classification.decision)
        return decided and (stored.role == "original" or self.is_satisfied_by(stamp.reading))

    def artifact_keys(self, folder: str) -> tuple[str, ...]:
        """All that is written of this object, in the order of writing."""
        found = self.classification
        if found.session:
            return (layout.session_object_key(folder, found.session),)
        return (
            layout.original_key(folder, found.extension),
            layout.extracted_key(folder),
            layout.result_key(folder),
            layout.manifest_key(folder),
        )

    def stamp(self, folder: str, stamp: Stamp) -> Stamp:
        """The stamp with the decision, and with what else the catalog needs of a session's object. Of a document its
        manifest says it."""
        session = self.classification.session
        stamp = replace(stamp, decision=noted(self.classification.decision))
        if session is None:
            return stamp
        return replace(
            stamp,
            modified=self.observed.last_modified,
            reason=self.classification.patient.reason,
            key=None if layout.tells_sub_path(folder, session) else self.source.key,
        )


@dataclass(frozen=True, slots=True)
class Present:
    """A place where a version is complete already, the names of the executions that wrote it, how far its pictures are
    read there, and what read it."""

    place: events.Place
    written_by: frozenset[str]
    reading: Reading | None = None
    readers: Readers = field(default_factory=Readers)


@dataclass(frozen=True, slots=True)
class Look:
    """What a round finds at its place. `seen` is there for a scan, whose artifacts are written on condition that they
    are still what was seen: so a round that is slow never takes back what was read meanwhile."""

    folder: str | None
    present: Present | None = None
    seen: Seen | None = None


class DocumentReader(Protocol):
    """Reads documents and shows what it read. The functions that see sessions only never load one."""

    def read(self, observed: Observation) -> Extraction | None:
        """What stands in this version; None when the version is gone."""

    def page(self, observed: Observation, classification: Classification, extraction: Extraction) -> bytes:
        """The same as a page for a person."""


@dataclass(frozen=True)
class Filing:
    landing: Landing
    processed: Processed
    layout: Layout
    rules: RuleTable
    pseudonym_key: Callable[[], bytes]
    documents: DocumentReader
    directory: Directory | None = None
    corroborated_decides: bool = False
    suggests_from: Directory | None = None

    def session_of(self, source: Source) -> Owner | None:
        """The session that a landing key is part of, by the rule table; None for a document's."""
        tree = session_tree(source.key, self.rules)
        return None if tree is None else Owner(source.bucket, tree, tree=True)

    def named_by(self, source: Source) -> Wanted:
        """Whom a landing key names: what of the patient directory can be read with the ledger, before the version."""
        return to_look_up(source.key, (), self.rules) if self.directory else Wanted()

    def plan(self, observed: Observation, entry: LedgerEntry, known: Known | None = None) -> Plan | None:
        """Classify a version, with its content if it is a document; `known` is what the patient directory was asked
        before. None when the version is gone."""
        key, metadata = observed.source.key, observed.metadata
        hints = entry.hints_for(observed.version, observed.content_digest)
        require_text(metadata)
        extraction = None
        if classify(key, metadata, self.rules, hints, assignment=entry.assignment).kind is Kind.DOCUMENT:
            extraction = self.documents.read(observed)
            if extraction is None:
                return None
        given = (key, metadata, self.rules, hints, extraction, entry.assignment)
        mentions = Mentions()
        if (self.directory or self.suggests_from) and not ((hints and hints.patient_id) or entry.assignment):
            mentions = mentions_in(extraction, self.rules.text_labels)
        if self.directory is None:
            return self._suggesting(Plan(observed, classify(*given), extraction), given, mentions)
        asked = to_look_up(*given) | numbers_to_look_up(mentions, self.rules)
        known = known or (Wanted(), Listing())
        more, listing = asked.beside(known), known[1]
        listing |= self.directory.look_up(more) if more else Listing()
        found = classify(*given, listing)
        if mentions.may_name(found.patient.id):
            more, listing = look_further(found.patient.id, mentions, listing, self.directory.look_up)
            asked |= more
            found = classify(*given, listing, TextEvidence(mentions, listing, self.corroborated_decides))
        return Plan(observed, found, extraction, asked, listing)

    def _suggesting(self, plan: Plan, given: _Given, mentions: Mentions) -> Plan:
        """The plan, with suggestions from a directory that decides nothing: if it is filled, and it is nobody's."""
        unknown = plan.classification.patient.id is None
        if not (
            self.suggests_from and unknown and mentions.may_name(None) and self.suggests_from.is_filled()
        ):
            return plan
        look_up = self.suggests_from.look_up
        listing = look_up(numbers_to_look_up(mentions, self.rules))
        _, listing = look_further(None, mentions, listing, look_up)
        text = TextEvidence(mentions, listing, only_suggests=True)
        return replace(plan, classification=classify(*given, None, text))

    def is_listed_as_before(self, plan: Plan, listing: Listing | None) -> bool:
        """Whether the patient directory, where it is in use, still answers what the plan was made of."""
        return listing == plan.listing

    def look(self, plan: Plan, entry: LedgerEntry) -> Look:
        """What is at the place of this version already: all of it, or less than that."""
        folder = self._known_folder(plan, entry)
        return Look(None) if folder is None else self.look_at(plan, folder)

    def look_at(self, plan: Plan, folder: str) -> Look:
        """The same of a folder that is the source's own."""
        keys = plan.artifact_keys(folder)
        seen: dict[str, str] = {}
        fitting: list[tuple[StoredObject, Stamp]] = []
        for key in keys:
            etag, found = self.processed.look(key)
            if etag:
                seen[key] = etag
            if found and plan.fits(*found):
                fitting.append(found)
            elif plan.reading is None:
                break
        made = {(stamp.reading, stamp.readers) for stored, stamp in fitting if stored.role != "original"}
        # The manifest is written last: where that waits and others do not, a reading is just being filed.
        alike = len(made) == 1 or (plan.waits and bool(fitting) and fitting[-1][1].reading == plan.reading)
        whole = (
            alike and len(fitting) == len(keys) and self._is_up_to_date(plan, folder, fitting[-1][1].reading)
        )
        present = self._present(plan, folder, fitting) if whole else None
        return Look(folder, present, seen if plan.reading else None)

    def _present(self, plan: Plan, folder: str, found: Sequence[tuple[StoredObject, Stamp]]) -> Present:
        """What is there; a scan, as its manifest says: a reading that is just being filed will announce itself."""
        stored, stamps = tuple(it for it, _ in found), [stamp for _, stamp in found]
        last = stamps[-1]
        revision = last.revision if plan.reading else max(stamp.revision for stamp in stamps)
        place = events.Place(self.processed.bucket, folder, stored, revision)
        writers = frozenset(stamp.execution for stamp in stamps)
        return Present(place, writers, last.reading, Readers.parse(last.readers))

    def _is_up_to_date(self, plan: Plan, folder: str, reading: Reading | None) -> bool:
        """Whether the record of an unknown document says what the patient directory, where there is one, says of it
        now. One whose pictures are still to be read is not compared with one whose pictures are read."""
        unknown = plan.extraction is not None and plan.classification.patient.id is None
        if not unknown or plan.reading != reading:
            return True
        if self.directory is None and not (self.suggests_from and self.suggests_from.is_filled()):
            return True
        found = self.processed.manifest(folder)
        return found is not None and found[0]["classification"] == plan.classification.to_json()

    def filed_elsewhere(
        self, plan: Plan, entry: LedgerEntry, *, only_kept: bool = False
    ) -> events.Filed | None:
        """The document as it stands, where the plan would file the same version of it in another place; `only_kept`: if
        it was filed there to keep its place."""
        if plan.extraction is None:
            return None
        known = self._known_folder(plan, entry)
        for folder in sorted(entry.destinations - {known}):
            if not (found := self.processed.manifest(folder)):
                continue
            manifest, stored, stamp = found
            is_kept = stamp.keeps_place or not only_kept
            if is_kept and (stamp.source_id, stamp.version) == (plan.source.source_id, plan.observed.version):
                return events.filed_in(manifest, stored, self.processed.bucket, stamp.version)
        return None

    def claim(self, plan: Plan, entry: LedgerEntry) -> str:
        """The folder that is this source's own, claimed now if it was not before."""
        known = self._known_folder(plan, entry)
        if known:
            return known
        session = plan.classification.session is not None
        manifest = (
            events.session_manifest(plan.owner, plan.classification) if session else events.claim(plan.owner)
        )
        candidates = self.layout.folders(plan.classification, plan.source)
        tags = tagging.manifest_tags(self._tags(plan)) if session else tagging.claim_tags()
        earlier = self.layout.earlier_folders(plan.classification, plan.source)
        return self.processed.claim(
            candidates, plan.owner, manifest, tags, likely_new=not session, earlier=earlier
        )

    def write(
        self, plan: Plan, folder: str, stamp: Stamp, execution: str, seen: Seen | None = None
    ) -> events.Place:
        """Put every artifact in place, stamped and tagged. VersionGone when the version went away meanwhile,
        Overwritten when what was seen there did."""
        theirs = self.landing.tags(plan.source, plan.observed.version_id)
        if theirs is None:
            raise VersionGone
        tags = tagging.with_uploaders_tags(self._tags(plan), theirs)
        if plan.extraction is None:
            (key,) = plan.artifact_keys(folder)
            objects = [self.processed.copy(plan.observed, key, "session", plan.stamp(folder, stamp), tags)]
        else:
            objects = self._write_document(plan, plan.extraction, folder, stamp, tags, execution, seen)
        return events.Place(self.processed.bucket, folder, tuple(objects), stamp.revision)

    def _write_document(
        self,
        plan: Plan,
        extraction: Extraction,
        folder: str,
        stamp: Stamp,
        tags: tagging.Tags,
        execution: str,
        seen: Seen | None,
    ) -> list[StoredObject]:
        processed, observed = self.processed, plan.observed
        stamp = plan.stamp(folder, stamp)
        original, extracted, result, manifest = plan.artifact_keys(folder)
        made = replace(stamp, reading=plan.reading, readers=str(extraction.readers))
        page = self.documents.page(observed, plan.classification, extraction)
        artifacts = [
            processed.copy(observed, original, "original", stamp, tags),
            processed.put(
                extracted, "extracted", extraction.to_bytes(), "application/json", made, tags, seen
            ),
            processed.put(result, "result", page, "text/html; charset=utf-8", made, tags, seen),
        ]
        observed = replace(observed, content_digest=artifacts[0].content_digest)
        content = events.document_manifest(
            plan.owner, observed, plan.classification, stamp.revision, artifacts, execution, plan.reading
        )
        stored = processed.put_json(manifest, "manifest", content, made, tagging.manifest_tags(tags), seen)
        return [*artifacts, stored]

    def retire(self, source: Source, destination: str) -> bool:
        """Take this source out of a destination it had before; False when nothing of it was there. Its folder stays
        claimed."""
        tombstone = events.claim(Owner(source.bucket, source.key, tree=False))
        nobodys = tagging.manifest_tags(tagging.layout_tags(Kind.DOCUMENT, Patient(), b""))
        return self.processed.retire(destination, source.source_id, tombstone, nobodys)

    def first_choice(self, plan: Plan) -> str:
        """The destination that a version would have where nobody else has claimed it."""
        return plan.destination(next(iter(self.layout.folders(plan.classification, plan.source))))

    def held(self, source: Source, entry: LedgerEntry) -> tuple[StoredObject, Stamp] | None:
        """The bytes of a source that are filed, wherever; None where nothing of it is."""
        for destination in sorted(entry.destinations):
            if found := self.processed.holding(destination, source.source_id):
                return found
        return None

    def _known_folder(self, plan: Plan, entry: LedgerEntry) -> str | None:
        """The source's own folder among the candidates: what the ledger knows was claimed before.

        A session that got a suffix before a person decided about it may have the plain name now, all of it."""
        found, source = plan.classification, plan.source
        plain = self.layout.plain_folder(found, source)
        earlier = [*self.layout.earlier_folders(found, source)]
        candidates = [*self.layout.folders(found, source), plain, *earlier]
        known = next(
            (folder for folder in candidates if plan.destination(folder) in entry.destinations), None
        )
        assigned = entry.assignment is not None and entry.assignment.patient_id is not None
        may_move = found.session and assigned and found.may_have_plain_name
        if known in (None, plain, *earlier) or not may_move:
            return known
        return known if self.processed.is_others(plan.owner, plain) else None

    def _tags(self, plan: Plan) -> dict[str, str]:
        return tagging.layout_tags(
            plan.classification.kind, plan.classification.patient, self.pseudonym_key()
        )
