"""The reading of scans with one of its rules broken at a time: each has to be found out by the simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from carefile.core.documents.extraction import Extraction
from carefile.core.documents.scans import with_recognition
from carefile.core.messages import events
from carefile.core.model import Disposition, Observation, Stamp
from lambdas.intake.convergence import Intake, Outcome, Upload
from lambdas.intake.filing import Filing, Plan
from lambdas.intake.scans import ReadDocuments

Patches = list[tuple[Any, str, Any]]


def what_was_read_belongs_to_whatever_is_current() -> Patches:
    """A newer version's record gets the text of the one that was read."""

    def read(self: ReadDocuments, observed: Observation) -> Extraction | None:
        extraction = self.documents.read(observed)
        if extraction is None or extraction.recognition is None:
            return extraction
        return with_recognition(extraction, self.recognition, self.shown)

    return [(ReadDocuments, "read", read)]


def what_is_pending_is_as_good_as_what_is_read() -> Patches:
    """A reading finds its document filed already, and leaves it."""
    return [(Plan, "is_satisfied_by", lambda *_: True)]


def the_reading_files_where_it_began() -> Patches:
    """A reading writes at the place of its version without a look at what came meanwhile, and takes nothing back."""
    whole = Intake.run

    def run(self: Intake, upload: Upload) -> Outcome:
        if not isinstance(self.filing.documents, ReadDocuments):
            return whole(self, upload)
        entry = self.ledger.read(upload.source)
        found = self.landing.head(upload.source, upload.version_id)
        plan = self.filing.plan(found, entry) if isinstance(found, Observation) else None
        if plan is None or not isinstance(found, Observation):
            return whole(self, upload)
        folder = self.filing.claim(plan, entry)
        written = self.ledger.write_ahead(found, plan.destination(folder), entry)
        revision = written.revision if written else entry.revision + 1
        stamp = Stamp(plan.source.source_id, found.version, revision, upload.execution_name)
        place = self.filing.write(plan, folder, stamp, upload.execution)
        about = (self.filing.layout, found, plan.classification, place, Disposition.CATALOGED)
        event = events.object_cataloged(*about, upload.execution, self.now(), plan.reading)
        return Outcome(Disposition.CATALOGED, plan.classification, (event,))

    return [(Intake, "run", run)]


def the_record_says_it_is_read_and_its_stamp_does_not() -> Patches:
    """The stamps of what a reading wrote say nothing of it, so an intake takes it for unread."""
    present = Filing._present

    def without(self: Filing, *about: Any) -> Any:
        return replace(present(self, *about), reading=None)

    return [(Filing, "_present", without)]


def written_over_whatever_came_meanwhile() -> Patches:
    """A round that is slow writes its record and page over those of a reading, and over a later decision's."""
    write = Filing.write

    def blindly(self: Filing, *about: Any) -> events.Place:
        return write(self, *about[:4])

    return [(Filing, "write", blindly)]


def what_is_being_read_announced_as_waiting() -> Patches:
    """What stands there half read is announced under the reading's own revision."""
    present = Filing._present

    def newest(self: Filing, plan: Plan, folder: str, found: Any) -> Any:
        known = present(self, plan, folder, found)
        revision = max(stamp.revision for _, stamp in found)
        return replace(known, place=replace(known.place, revision=revision))

    return [(Filing, "_present", newest)]


FOUND_WITHIN: dict[Callable[[], Patches], int] = {
    what_was_read_belongs_to_whatever_is_current: 50,
    what_is_pending_is_as_good_as_what_is_read: 50,
    the_reading_files_where_it_began: 200,
    the_record_says_it_is_read_and_its_stamp_does_not: 200,
    written_over_whatever_came_meanwhile: 400,
    what_is_being_read_announced_as_waiting: 400,
}
