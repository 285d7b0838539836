"""The code with one rule of the protocol broken at a time: each has to be found out by the simulation.

A variant is put in place for as long as it is entered. `FOUND_WITHIN` is how many schedules it takes at most; those of
further actors' rules are in their modules (`actors`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

from carefile.core.errors import RejectedObject
from carefile.core.filing import layout
from carefile.core.filing.layout import Owner
from carefile.core.filing.tagging import STATUS_TAG, PipelineStatus, Tags, outranks, with_status
from carefile.core.messages import events
from carefile.core.model import (
    Disposition,
    Observation,
    Source,
    Stamp,
    StoredObject,
    digest,
)
from carefile.core.records.catalog import Entry
from carefile.core.records.ledger import LedgerEntry
from infrastructure.machines import composition, definitions
from lambdas import index_sessions
from lambdas.adapters import aws
from lambdas.adapters.catalog import Catalog
from lambdas.adapters.landing import Landing
from lambdas.adapters.ledger import Ledger
from lambdas.adapters.processed import Processed
from lambdas.intake import convergence, marks
from lambdas.intake.admission import Admission
from lambdas.intake.convergence import Filed, Intake, Upload
from lambdas.intake.filing import Filing, Look, Plan
from lambdas.intake.marks import Marks
from lambdas.intake.uploads import Uploads
from tests.simulation import execution, remembered, world
from tests.simulation.actors import Patches, actors


def without_check() -> Patches:
    return [(Intake, "_still_holds", lambda *_: True)]


def claim_without_condition() -> Patches:
    def try_claim(self: Processed, folder: str, manifest: dict[str, Any], tags: Any) -> None:
        self._put_manifest(layout.manifest_key(folder), manifest, tags)
        self._owners[folder] = manifest["owner"]["id"]

    return [(Processed, "_try_claim", try_claim)]


def suffix_left_out() -> Patches:
    """Every source thinks the plain folder its own, as with names alone."""

    def claim(self: Processed, folders: Any, *_: Any, **__: Any) -> str:
        return next(iter(folders))

    return [(Processed, "claim", claim)]


def tags_without_merge() -> Patches:
    def status_alone(_: Any, status: PipelineStatus) -> dict[str, str]:
        return {STATUS_TAG: status.value}

    return [(marks, "with_status", status_alone)]


def event_before_the_write() -> Patches:
    real = Filing.write

    def write(
        self: Filing, plan: Plan, folder: str, stamp: Stamp, execution: str, *seen: Any
    ) -> events.Place:
        objects = tuple(StoredObject(key, "original", None, "0", 0, "") for key in plan.artifact_keys(folder))
        place = events.Place(self.processed.bucket, folder, objects, stamp.revision)
        about = (self.layout, plan.observed, plan.classification, place, Disposition.CATALOGED, execution)
        event = events.object_cataloged(*about, "2026-01-01T00:00:00.000Z")
        aws.events().put_events(Entries=[{"DetailType": event.type.value, "Detail": event.detail}])  # type: ignore[typeddict-item]
        return real(self, plan, folder, stamp, execution, *seen)

    return [(Filing, "write", write)]


def event_id_from_the_key_alone() -> Patches:
    return [
        (events, "_event_id", lambda kind, source, *_: digest("event", kind.value, source.bucket, source.key))
    ]


def no_ledger() -> Patches:
    """Revisions are counted, destinations are not kept."""
    read, write_ahead = Ledger.read, Ledger.write_ahead

    def nothing_known(self: Ledger, source: Source, session: Owner | None = None) -> LedgerEntry:
        return dataclasses.replace(read(self, source, session), destinations=frozenset())

    def only_ours(
        self: Ledger, observed: Observation, destination: str, known: LedgerEntry
    ) -> LedgerEntry | None:
        written = write_ahead(self, observed, destination, known)
        return written and dataclasses.replace(written, destinations=frozenset({destination}))

    return [(Ledger, "read", nothing_known), (Ledger, "write_ahead", only_ours)]


def ledger_entry_removed() -> Patches:
    retire = Filing.retire

    def and_forget(self: Filing, source: Source, destination: str) -> Any:
        done = retire(self, source, destination)
        aws.dynamodb().update_item(
            TableName="ledger",
            Key={"source_id": {"S": source.source_id}},
            UpdateExpression="DELETE destinations :destination",
            ExpressionAttributeValues={":destination": {"SS": [destination]}},
        )
        return done

    return [(Filing, "retire", and_forget)]


def ledger_after_the_object() -> Patches:
    def a_round(self: Intake, upload: Upload, plan: Plan, entry: LedgerEntry, look: Look) -> Any:
        folder = self.filing.claim(plan, entry)
        destination = plan.destination(folder)
        place, reading = self._write(upload, plan, folder, entry.revision + 1, look)
        written = place and self.ledger.write_ahead(plan.observed, destination, entry)
        if not place or not written:
            return None
        retired = self._retire(plan.source, written.destinations - {destination})
        holds = self._still_holds(plan, entry, place.content_digest)
        return Filed(place, retired, written, reading) if holds else None

    return [(Intake, "_round", a_round)]


def check_before_retiring() -> Patches:
    def a_round(self: Intake, upload: Upload, plan: Plan, entry: LedgerEntry, look: Look) -> Any:
        folder = self.filing.claim(plan, entry)
        destination = plan.destination(folder)
        written = self.ledger.write_ahead(plan.observed, destination, entry)
        if written is None:
            return None
        place, reading = self._write(upload, plan, folder, written.revision, look)
        if not place or not self._still_holds(plan, entry, place.content_digest):
            return None
        return Filed(place, self._retire(plan.source, written.destinations - {destination}), written, reading)

    return [(Intake, "_round", a_round)]


def last_delivered_event_wins() -> Patches:
    def put(self: Catalog, entry: Entry) -> bool:
        self._dynamodb.put_item(TableName=self._table, Item=entry.to_item())
        return True

    return [(Catalog, "put", put)]


def revision_taken_blindly() -> Patches:
    """A round takes the next revision also where somebody took one since it read the ledger."""
    real = Ledger._take_revision

    def take(
        self: Ledger, source: Source, known: LedgerEntry, expression: str, values: dict[str, Any]
    ) -> Any:
        done = None
        while done is None:
            done = real(self, source, self.read(source), expression, values)
        return done

    return [(Ledger, "_take_revision", take)]


def latest_decision_to_arrive_holds() -> Patches:
    real = Ledger.decide
    return [
        (
            Ledger,
            "decide",
            lambda self, source, version, hints, at: real(self, source, version, hints, "9999"),
        )
    ]


def assignment_left_out_of_the_check() -> Patches:
    def about(self: LedgerEntry, version: str, content_digest: str | None = None) -> Any:
        return self.hints_for(version, content_digest), None, self.unfiled_for(content_digest)

    return [(LedgerEntry, "decision_about", about)]


def failure_marked_blindly() -> Patches:
    def failed(self: Marks, source: Source, version: str, version_id: str | None) -> None:
        self._rewrite(source, version, version_id, lambda tags: with_status(tags, PipelineStatus.FAILED))

    return [(Marks, "failed", failed)]


def empty_version_takes_the_place_of_the_one_before() -> Patches:
    """What is refused hides what it was uploaded over, from intakes and from those who decide about it."""

    def meant(self: Admission, observed: Observation) -> Observation:
        if observed.size == 0:
            raise RejectedObject("empty-object: the object holds no bytes; upload the file again")
        return observed

    return [(Uploads, "fit", lambda self, found: found), (Admission, "_meant", meant)]


def end_shown_before_it_is_noted() -> Patches:
    def ended(
        self: Marks, source: Source, version: str, version_id: str | None, status: PipelineStatus
    ) -> bool:
        changed = self._rewrite(source, version, version_id, lambda tags: with_status(tags, status))
        self.ledger.note_status(source, version, status)
        return changed

    return [(Marks, "ended", ended)]


def failure_puts_back_what_the_tags_claim() -> Patches:
    """Whoever marks a failure leaves a better end in the tags as it was read."""

    def failed_at_most(tags: Tags, status: PipelineStatus) -> dict[str, str]:
        keeps = status is PipelineStatus.FAILED and outranks(tags, status)
        return dict(tags) if keeps else with_status(tags, status)

    return [(marks, "with_status", failed_at_most)]


def better_end_than_ones_own_believed() -> Patches:
    """A mark that an upload brought along stands where its intake found it overtaken."""
    return [
        (marks, "with_status", lambda tags, it: dict(tags) if outranks(tags, it) else with_status(tags, it))
    ]


def order_of_uploads_told_by_their_seconds() -> Patches:
    """Of two uploads in one second, either may have been the last before a deletion."""

    def newest_of(self: Landing, source: Source, versions: Any) -> str | None:
        found = {version: self.head(source, version) for version in reversed(versions)}
        seen = {version: it.last_modified for version, it in found.items() if isinstance(it, Observation)}
        return max(reversed(seen), key=seen.__getitem__)

    return [(Landing, "newest_of", newest_of)]


def marked_before_it_is_announced() -> Patches:
    """On the express lane too, where nobody may be left to announce it."""
    with patch.object(composition, "_swap_last_two", lambda states: states):
        machine = world.composed(definitions.express_lane())
    return [(world, "real_express_machine", lambda: machine)]


def what_is_hidden_not_reconciled() -> Patches:
    real = execution.repairs_of
    return [
        (execution, "repairs_of", lambda world, key: [it for it in real(world, key) if "detail" not in it])
    ]


def session_left_untold() -> Patches:
    real = index_sessions.changes_between
    return [(index_sessions, "changes_between", lambda _, new, *rest: real(None, new, *rest))]


def promoted_as_another_intake() -> Patches:
    """The promoted execution does not know that its Express execution's work is its own."""
    return [(convergence, "intake_name", lambda arn: arn.rpartition(":")[2])]


def failure_not_promoted() -> Patches:
    definition = definitions.express_lane()
    del definition["States"]["TryObject"]["Catch"]
    machine = world.composed(definition)
    return [(world, "real_express_machine", lambda: machine)]


FOUND_WITHIN: dict[Callable[[], Patches], int] = {
    without_check: 200,
    claim_without_condition: 400,
    suffix_left_out: 50,
    tags_without_merge: 10,
    event_before_the_write: 10,
    event_id_from_the_key_alone: 10,
    no_ledger: 20,
    ledger_entry_removed: 200,
    ledger_after_the_object: 200,
    check_before_retiring: 3000,
    last_delivered_event_wins: 50,
    revision_taken_blindly: 2000,
    latest_decision_to_arrive_holds: 2000,
    failure_marked_blindly: 2000,
    promoted_as_another_intake: 1000,
    failure_not_promoted: 100,
    assignment_left_out_of_the_check: 1000,
    session_left_untold: 200,
    empty_version_takes_the_place_of_the_one_before: 50,
    better_end_than_ones_own_believed: 50,
}


def in_lanes() -> Iterator[tuple[Callable[[], Patches], int, int]]:
    """Every variant, its lane, and how many schedules it takes at most."""
    lanes = {0: FOUND_WITHIN} | {actor.lane: actor.found_within for actor in actors()}
    for lane, found_within in lanes.items():
        for variant, schedules in found_within.items():
            yield variant, lane, schedules


@contextmanager
def broken(variant: Callable[[], Patches]) -> Iterator[None]:
    """The code with this rule broken."""
    with ExitStack() as stack:
        stack.callback(remembered.forget)
        for owner, name, replacement in variant():
            stack.enter_context(patch.object(owner, name, replacement))
        remembered.forget()
        yield
