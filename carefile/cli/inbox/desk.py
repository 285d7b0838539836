"""What the pages of the inbox ask for and do: the queue, one case, and decisions, whoever serves the pages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries, Entry, Position, SessionSummary
from carefile.cli.aws.failures import still_failed
from carefile.cli.inbox.candidates import Candidate, Candidates
from carefile.cli.inbox.claims import Claim, Claims
from carefile.cli.inbox.decisions import Decisions, One, Status, Taken
from carefile.cli.inbox.earlier import Before, Earlier
from carefile.cli.inbox.highlights import Sought
from carefile.cli.inbox.notes import Note, Notes
from carefile.cli.inbox.opaque import Opaque
from carefile.cli.inbox.own_page import session_page
from carefile.cli.inbox.queue import Page, Queue, Row, Shelf, View
from carefile.cli.inbox.records import Document, Filed, Records
from carefile.cli.inbox.sitting import Clerk, Sitting
from carefile.cli.patients.decided import decision_about
from carefile.cli.patients.deciding import Wish
from carefile.cli.rule_table import rules_of
from carefile.cli.shown.advice import advice_for
from carefile.core.deciding.classification import classify
from carefile.core.messages.events import iso_8601
from carefile.core.model import DecisionType
from carefile.core.records.session_entries import Place

_MOST_FAILED = 50
_ON_ITS_WAY = frozenset((Status.HELD, Status.SENDING))
_LEFT = _ON_ITS_WAY | {Status.DONE}


@dataclass(frozen=True)
class Case:
    """One document or session, as a person decides about it. `chosen` is the patient they look at."""

    row: Row
    document: Document
    candidates: list[Candidate]
    chosen: Candidate | None
    alike: list[Row]
    claimed: Claim | None
    decided: Taken | None
    notes: list[Note]

    @property
    def sought(self) -> Sought:
        """What to mark in the document: whatever was taken for evidence, and how the candidates call themselves."""
        shown = [*self.candidates, *([self.chosen] if self.chosen else [])]
        entries = [one.entry for one in shown if one.entry]
        return Sought.of(
            (name.in_full for entry in entries for name in entry.names),
            (
                *(one.value for one in self.row.filed.about_patient),
                *(one.id for one in shown),
                *(identifier.value for entry in entries for identifier in entry.identifiers),
            ),
            (date for entry in entries for date in entry.birth_dates),
        )


class Desk:
    def __init__(
        self,
        connection: Connection,
        decisions: Decisions,
        claims: Claims,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._connection, self._now = connection, now
        self._entries, self.records = Entries(connection), Records(connection)
        self.queue, self.candidates = Queue(connection, self.records), Candidates(connection)
        self.decisions, self.claims, self.earlier = decisions, claims, Earlier(connection)
        self.notes = Notes(connection)
        self.opaque, self._began = Opaque(), iso_8601(now())

    def page(self, view: View, after: str) -> tuple[Page, str]:
        """Return a page of the queue without what was decided here meanwhile, and the name of the next one."""
        start = self._position(after)
        page = self.queue.page(view, start, without=self._decided())
        following = (
            self.opaque.seal("position", f"{page.after.listed_at} {page.after.key}") if page.after else ""
        )
        return page, following

    def counts(self) -> Counter[str]:
        """Return how many wait, as far as they were counted, without what was decided here since."""
        left = self.decisions.left()
        left[Shelf.ALL.value] = left.total()
        return self.queue.counts() - left

    def case(self, key: str, sitting: Sitting, chosen: str | None) -> Case | None:
        """Return what there is to see of a row, and claim it for whoever looks, instead of what they looked at before;
        None if it waits no more."""
        row = self.row(key)
        if sitting.looks_at != key:
            self.look_away(sitting)
        sitting.looks_at = key
        if row is None or not row.found.waits:
            return None
        claimed = self.claims.take(key, sitting.clerk.name)
        document = self.document(row)
        text = document.text
        return Case(
            row,
            document,
            self.candidates.of(row, text),
            self.candidates.chosen(chosen, row, text) if chosen else None,
            [one for one in self.queue.alike(row) if one.key not in self._decided()],
            claimed,
            self._taken_about(key),
            self.notes.about(row),
        )

    def look_away(self, sitting: Sitting) -> None:
        """Leave to others what the person looked at, unless a decision about it is on its way."""
        on_its_way = {key for key, status in self.decisions.about() if status in _ON_ITS_WAY}
        if sitting.looks_at and sitting.looks_at not in on_its_way:
            self.claims.release(sitting.looks_at)
        sitting.looks_at = ""

    def row(self, key: str) -> Row | None:
        """Return a row as it is now. A session's evidence is judged again from the landing key of its first object, as
        its manifest holds none."""
        row = self.queue.row(key)
        if row is None or not isinstance(row.found, SessionSummary):
            return row
        objects = self._entries.in_session(Place(row.found.bucket, row.found.prefix))
        if not objects:
            return row
        found = classify(objects[0].landing_key, (), rules_of(self._connection))
        first = (objects[0].landing_bucket, objects[0].landing_key)
        decision = decision_about(self._connection, objects)
        return Row(row.found, Filed(True, found.rule, found.evidence, decision=decision, source=first))

    def decide(
        self, clerk: Clerk, kind: DecisionType, rows: Sequence[Row], patient: Candidate | None, reason: str
    ) -> Taken:
        """Take a decision about rows, which is held until it can no more be undone. They stay claimed meanwhile: what
        is held is in no catalog, and nobody else is to decide about it."""
        patient_id = patient.id if patient else None
        each = [
            One(
                row.key,
                row.name,
                row.found if isinstance(row.found, Entry) else None,
                Wish(kind, clerk.name, reason or None, prefix=row.found.prefix, patient_id=patient_id),
                *_source_of(row),
                counted_as=row.reason if self.queue.has_counted(row) else None,
            )
            for row in rows
        ]
        return self.decisions.hold(each, patient.name if patient else "", iso_8601(self._now()))

    def _decided(self) -> set[str]:
        """Return the keys of what was decided here, which the catalog knows a moment later."""
        return {key for key, status in self.decisions.about() if status in _LEFT}

    def _position(self, name: str) -> Position | None:
        found = self.opaque.open("position", name) if name else None
        return Position(*found.split(" ", 1)) if found else None

    def take_back(self, clerk: Clerk, id_: str) -> None:
        """Take back what was decided, here or by anybody before: the evidence decides again. Held like any other
        decision."""
        taken = self.decisions.find(id_)
        before = None if taken else self.earlier.find(id_)
        shown: Sequence[One | Before] = taken.done if taken else [before] if before else []
        each = [
            One(
                one.key,
                one.name,
                None,  # it has been filed anew since, by the decision itself
                Wish(
                    DecisionType.TAKE_BACK,
                    clerk.name,
                    bucket=one.bucket,
                    key=one.landing_key,
                    taken_from=(one.patient_id,) if one.patient_id else (),
                ),
                one.bucket,
                one.landing_key,
            )
            for one in shown
        ]
        if each:
            self.decisions.hold(each, "", iso_8601(self._now()))

    def before(self) -> list[Before]:
        """Return the decisions that are not of this sitting, the latest first."""
        own = {
            (one.name, taken.type.value, one.patient_id)
            for taken in self.decisions.all()
            for one in taken.done
        }
        return [
            one
            for one in self.earlier.list()
            if one.at < self._began or (one.name, one.type, one.patient_id) not in own
        ]

    def failures(self) -> list[dict[str, str]]:
        """Return what was not filed and has not been since, the latest first."""
        found = islice(still_failed(self._connection, None), _MOST_FAILED)
        return [one | {"means": one["cause"] or "", "to_do": advice_for(one["error"]).to_do} for one in found]

    def document(self, row: Row) -> Document:
        if isinstance(row.found, SessionSummary):
            return Document(session_page(self._connection, row.found))
        return self.records.document(row.found.prefix, row.found.revision)

    def _taken_about(self, key: str) -> Taken | None:
        for taken in self.decisions.all():
            if any(one.key == key and one.status is not Status.UNDONE for one in taken.each):
                return taken
        return None


def _source_of(row: Row) -> tuple[str, str]:
    """Return the bucket and key of the upload, of a session of one of its objects."""
    if isinstance(row.found, Entry):
        return row.found.landing_bucket, row.found.landing_key
    return row.filed.source
