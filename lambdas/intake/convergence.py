"""One intake: bring the destination of a landing key in line with the key's current version, and prove it is so.

The event that started an intake is only a hint that a key changed. An intake goes in rounds, each of them

    read        what the ledger knows, with it what the patient directory lists, where that is in use, and the current
                version of the key (where malware is looked for, the newest that is clean). Where there is nothing to be
                filed, no round that is under way may begin to file either: take a revision for nothing, and end
    peek        everything is there already, there never was another destination, and no other version was begun since:
                announce that and end
    claim       a folder that is, and stays, the source's own
    write ahead the destination into the ledger, taking the next revision, unless another round took it since the read
    write       the artifacts, each stamped with version and revision
    retire      every other destination the ledger knows
    check       is this still the current version, and what was decided about it, about its session, and about the
                patients whom it names, in the directory, the same, and no other version begun since? If not, another
                round

A round that finds that a person took these bytes out of the layout takes a revision for nothing, retires every
destination, and checks.

It returns what is to be announced. It is right under duplicated, late and reordered events, crashes at any call and
any number of executions at once, because whoever changes something last has checked after it, and because a revision
is taken only by a round that read the version after the revision before it was taken: the higher one is never of an
older version, and the version recorded with the highest is the newest that was ever begun.
`docs/convergence.md` has the whole argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from urllib.parse import quote

from carefile.core.errors import RejectedObject, StillChanging, ThreatFound, Unscannable
from carefile.core.filing.layout import Owner
from carefile.core.messages import events
from carefile.core.messages.events import Event, Place
from carefile.core.messages.execution_names import intake_name
from carefile.core.messages.upload import Reread
from carefile.core.model import (
    Classification,
    Decision,
    Deleted,
    Disposition,
    Observation,
    Reading,
    Source,
    Stamp,
)
from carefile.core.patients.directory import Listing, Wanted
from carefile.core.records.ledger import LedgerEntry
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.processed import Overwritten, VersionGone
from lambdas.intake.filing import Filing, Look, Plan
from lambdas.intake.uploads import Uploads

MAX_ROUNDS = 6
# EventBridge, PutEvents: ten entries a request; beside these there may be one cataloged and one withdrawn.
MAX_RETIRED = 8


@dataclass(frozen=True, slots=True)
class Upload:
    """What an execution was started for: a source, the version of it that asked, and the execution's ARN. `reread`: a
    document that is filed is to be read again."""

    source: Source
    version: str | None
    version_id: str | None
    execution: str
    reread: Reread | None = None

    @property
    def reads_again(self) -> bool:
        """Whether what is filed is filed anew if its reader has become better."""
        return self.reread in (Reread.LEAVE, Reread.MOVE)

    @property
    def may_be_left(self) -> bool:
        """Whether it may stay where it is, though another patient's would be its place now."""
        return self.reread in (Reread.LEAVE, Reread.AS_FILED)

    @property
    def execution_name(self) -> str:
        """The intake's name, in ASCII, as an object's metadata must be."""
        return quote(intake_name(self.execution))


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an intake ended, what it took the object for, and the events that announce it. `is_left`: it was to be read
    again, and stays as it is for a person to decide, because its patient would change."""

    disposition: Disposition
    classification: Classification | None
    events: tuple[Event, ...]
    is_left: bool = False


@dataclass(frozen=True, slots=True)
class Filed:
    """Where a version is filed, the destinations that are retired, what the ledger said of it, and how far its pictures
    are read.

    Destinations that held something until now come first. The others are named again, as the execution that emptied
    them may have died before it said so.
    """

    place: Place
    retired: tuple[str, ...]
    known: LedgerEntry
    reading: Reading | None


@dataclass(frozen=True, slots=True)
class TakenOut:
    """Bytes that a person took out of the layout: whose decision, of which version, and what is known of that.
    `observed` is None where the upload is gone."""

    decision: Decision
    content_digest: str
    version: str
    known: Mapping[str, object]
    observed: Observation | None


@dataclass(frozen=True)
class Intake:
    landing: Landing
    ledger: Ledger
    uploads: Uploads
    filing: Filing
    now: Callable[[], str]

    def run(self, upload: Upload) -> Outcome:
        """Converge, and say how it ended. StillChanging when the object changed in each of MAX_ROUNDS rounds."""
        session, has_begun = self.filing.session_of(upload.source), False
        for _ in range(MAX_ROUNDS):
            named = self.filing.named_by(upload.source)
            entry, listing = self._read(upload.source, session, named)
            found, refusal = self._look(upload.source, entry)
            if isinstance(found, Observation) and found.size and entry.asks_for_bytes(found.version):
                digest = self.landing.content_digest(found)
                if digest is None:
                    continue
                found = replace(found, content_digest=digest)
            if taken_out := self._taken_out(upload.source, found, entry):
                if outcome := self._unfile(upload, taken_out, entry):
                    return outcome
                continue
            if refusal:
                raise refusal
            if isinstance(found, Deleted) or found.size == 0:
                if self.ledger.stop_others(upload.source, entry):
                    return self._nothing_to_file(upload, found)
                continue
            plan = self.filing.plan(found, entry, (named, listing) if listing else None)
            if plan is None:
                continue
            decided = any(entry.decision_about(plan.observed.version, plan.observed.content_digest))
            if upload.may_be_left and not has_begun and not decided:
                filed_as = self.filing.filed_elsewhere(
                    plan, entry, only_kept=upload.reread is Reread.AS_FILED
                )
                if filed_as:
                    return self._left(upload, filed_as)
            look = self.filing.look(plan, entry)
            if look.present and upload.reads_again and look.present.readers.is_older_than(plan.readers):
                look = replace(look, present=None)
            present = look.present
            done_before = present is not None and upload.execution_name not in present.written_by
            filed: Filed | None
            begun_last = _is_begun_last(entry, plan)
            if present and begun_last and entry.destinations == {plan.destination(present.place.folder)}:
                filed = Filed(present.place, (), entry, present.reading)
            else:
                has_begun = True
                filed = self._round(upload, plan, entry, look)
            outcome = self._outcome(upload, plan, filed, done_before) if filed else None
            if outcome:
                return outcome
        raise StillChanging(
            f"still-changing: the object changed in each of {MAX_ROUNDS} rounds; redrive when it is quiet"
        )

    def _read(
        self, source: Source, session: Owner | None, wanted: Wanted
    ) -> tuple[LedgerEntry, Listing | None]:
        """What the ledger knows of a source, and in the same request what the patient directory does of the patients,
        where it is in use."""
        if (directory := self.filing.directory) is None:
            return self.ledger.read(source, session), None
        entry, read = self.ledger.read_with(source, session, directory.keys(wanted))
        return entry, directory.look_up(wanted, read)

    def _left(self, upload: Upload, filed: events.Filed) -> Outcome:
        """Announce once more what stands, which nothing has changed."""
        event = events.object_still_cataloged(self.filing.layout, filed, upload.execution, self.now())
        return Outcome(Disposition.DUPLICATE, None, (event,), is_left=True)

    def _look(
        self, source: Source, entry: LedgerEntry
    ) -> tuple[Observation | Deleted, ThreatFound | Unscannable | None]:
        """What is to be filed. Where malware protection refuses all there is, that refusal, and what is filed, which a
        person may have taken out."""
        try:
            return self._to_file(source, entry), None
        except (ThreatFound, Unscannable) as refusal:
            if not (entry.has_unfiled and entry.version_id):
                raise
            return self.landing.head(source, entry.version_id), refusal

    def _to_file(self, source: Source, entry: LedgerEntry) -> Observation | Deleted:
        """The current version, or, where that is deleted or empty, the one that the last round recorded.

        A deletion is no order to unfile, and an empty version is refused, but what a round began is finished.
        """
        found = self._current(source)
        if (isinstance(found, Deleted) or found.size == 0) and entry.version_id:
            begun = self.landing.head(source, entry.version_id)
            if isinstance(begun, Observation):
                self.uploads.require(source, entry.version_id)
            return begun
        return found

    def _current(self, source: Source) -> Observation | Deleted:
        return self.uploads.fit(self.landing.head(source))

    def _nothing_to_file(self, upload: Upload, found: Observation | Deleted) -> Outcome:
        if isinstance(found, Observation):
            raise RejectedObject(
                "overtaken-by-empty: the object was overwritten with nothing, and no other version of it is left to be "
                "filed; upload it again"
            )
        return self._withdrawn(upload)

    def _round(self, upload: Upload, plan: Plan, entry: LedgerEntry, look: Look) -> Filed | None:
        """Claim, write ahead, write, retire, check. None when another round is needed."""
        folder = self.filing.claim(plan, entry)
        if plan.reading and folder != look.folder:
            look = self.filing.look_at(plan, folder)
        destination = plan.destination(folder)
        written = self.ledger.write_ahead(plan.observed, destination, entry)
        if written is None:
            return None
        place, reading = self._write(upload, plan, folder, written.revision, look)
        if place is None:
            return None
        retired = self._retire(plan.source, written.destinations - {destination})
        holds = self._still_holds(plan, entry, place.content_digest)
        return Filed(place, retired, written, reading) if holds else None

    def _write(
        self, upload: Upload, plan: Plan, folder: str, revision: int, look: Look
    ) -> tuple[Place | None, Reading | None]:
        """Put the artifacts in place, and say how far they are read. No place when another round is needed. A scan that
        is there stays, since what is read of it would be lost."""
        if look.present and plan.waits:
            return replace(look.present.place, revision=revision), look.present.reading
        stamp = Stamp(plan.source.source_id, plan.observed.version, revision, upload.execution_name)
        stamp = replace(stamp, keeps_place=upload.reread is Reread.LEAVE or plan.is_silent)
        try:
            return self.filing.write(plan, folder, stamp, upload.execution, look.seen), plan.reading
        except (Overwritten, VersionGone):
            return None, None

    def _retire(self, source: Source, destinations: Iterable[str]) -> tuple[str, ...]:
        """Empty these destinations; those that held something come first."""
        emptied: list[str] = []
        empty: list[str] = []
        for other in sorted(destinations):
            (emptied if self.filing.retire(source, other) else empty).append(other)
        return (*emptied, *empty)

    def _taken_out(self, source: Source, found: Observation | Deleted, entry: LedgerEntry) -> TakenOut | None:
        """The decision that the bytes to be filed are not to be; where the upload is gone, that those filed are not."""
        if not entry.has_unfiled:
            return None
        observed: Observation | None = None
        known: Mapping[str, object]
        if isinstance(found, Observation) and found.size:
            observed, known = found, found.to_json()
            digest, version = found.content_digest, found.version
        elif held := self.filing.held(source, entry):
            digest, version = held[0].content_digest, held[1].version
            known = {"content_digest": digest, **({} if "@" in version else {"version_id": version})}
        else:
            return None
        decision = entry.unfiled_for(digest)
        return TakenOut(decision, digest, version, known, observed) if decision and digest else None

    def _unfile(self, upload: Upload, taken: TakenOut, entry: LedgerEntry) -> Outcome | None:
        """Retire every destination, unless other bytes or another decision came meanwhile: then None, another round."""
        source, observed = upload.source, taken.observed
        places = entry.destinations or self._would_be(observed, entry)
        begun = self.ledger.take_out(observed, entry) if observed else self.ledger.stop_others(source, entry)
        if not places or not begun:
            return None
        retired = self._retire(source, places)
        current = self._current_or_none(source)
        latest = self.ledger.read(source)
        overtaken = self._is_overtaken(current, latest, observed.version if observed else entry.version)
        if overtaken or latest.unfiled_for(taken.content_digest) != taken.decision:
            return None
        disposition = Disposition.UNFILED
        if upload.version not in (None, taken.version):
            disposition = Disposition.SUPERSEDED
        at, revision, bucket = self.now(), entry.revision + 1, self.filing.processed.bucket
        announced = tuple(
            events.object_unfiled(
                source,
                taken.version,
                taken.known,
                bucket,
                place,
                revision,
                taken.decision,
                upload.execution,
                at,
            )
            for place in retired[:MAX_RETIRED]
        )
        return Outcome(disposition, None, announced)

    def _current_or_none(self, source: Source) -> Observation | None:
        """The current version; None where there is none, or none with bytes in it that may be filed."""
        try:
            found = self._current(source)
        except (ThreatFound, Unscannable):
            return None
        return found if isinstance(found, Observation) and found.size else None

    def _is_overtaken(self, current: Observation | None, latest: LedgerEntry, begun: str | None) -> bool:
        """Whether there are other bytes than those of the version that was begun. Where no version is current, others
        may have been filed before that, and are what has to be there."""
        return (current or latest).version != begun

    def _would_be(self, observed: Observation | None, entry: LedgerEntry) -> frozenset[str]:
        """Where a version would be filed that never was: the place that its being taken out is announced of."""
        plan = self.filing.plan(observed, entry) if observed else None
        return frozenset({self.filing.first_choice(plan)} if plan else ())

    def _still_holds(self, plan: Plan, entry: LedgerEntry, written: str | None) -> bool:
        """After the last change: is this version still the one to be there, and what was decided the same? `written` is
        the digest of its bytes, which is known now even if nobody asked for it before."""
        found = self._current_or_none(plan.source)
        latest, listing = self._read(plan.source, self.filing.session_of(plan.source), plan.asked)
        version = plan.observed.version
        digest = plan.observed.content_digest or written
        if latest.decision_about(version, digest) != entry.decision_about(version, digest):
            return False
        if not self.filing.is_listed_as_before(plan, listing):
            return False
        # What a round began before its version was deleted, or a threat was found in it, is filed.
        return (found or latest).version == version and _is_begun_last(latest, plan)

    def _outcome(self, upload: Upload, plan: Plan, filed: Filed, done_before: bool) -> Outcome | None:
        """What is to be said of the upload. None when another round is needed."""
        disposition = Disposition.DUPLICATE if done_before else Disposition.CATALOGED
        announced = list(self._announcements(upload, plan, filed, disposition))
        if upload.version not in (None, plan.observed.version):
            disposition = Disposition.SUPERSEDED
            if self._deleted_unfiled(upload, plan.observed):
                if not self.ledger.stop_others(upload.source, filed.known):
                    return None
                disposition = Disposition.WITHDRAWN
                announced += self._withdrawn(upload).events
        return Outcome(disposition, plan.classification, tuple(announced))

    def _deleted_unfiled(self, upload: Upload, filed: Observation) -> bool:
        """True when the key is deleted, and the upload is newer than what is filed: so it was filed by nobody."""
        try:
            if not isinstance(self._current(upload.source), Deleted):
                return False
        except (ThreatFound, Unscannable):
            return False
        if isinstance(self.landing.head(upload.source, upload.version_id), Deleted):
            return True
        return (
            self.landing.newest_of(upload.source, (upload.version_id, filed.version_id)) == upload.version_id
        )

    def _announcements(
        self, upload: Upload, plan: Plan, filed: Filed, disposition: Disposition
    ) -> Iterator[Event]:
        at, place = self.now(), filed.place
        observed = replace(plan.observed, content_digest=place.content_digest)
        yield events.object_cataloged(
            self.filing.layout,
            observed,
            plan.classification,
            place,
            disposition,
            upload.execution,
            at,
            filed.reading,
        )
        for other in filed.retired[:MAX_RETIRED]:
            yield events.object_retired(observed, place.bucket, other, place, upload.execution, at)

    def _withdrawn(self, upload: Upload) -> Outcome:
        event = events.object_withdrawn(upload.source, upload.version_id, upload.execution, self.now())
        return Outcome(Disposition.WITHDRAWN, None, (event,))


def _is_begun_last(entry: LedgerEntry, plan: Plan) -> bool:
    """Whether no round of another version has begun since. One is current once more while a newer one may be there and
    announced only where a threat was found in that: then it has to be filed again, under a higher revision."""
    return entry.version in (None, plan.observed.version)
