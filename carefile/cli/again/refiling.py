"""Take in again what the directory says something else about now: what was unlisted, and what named two patients who
are one since, or was decided to be both.

Whose an object is, its intake decides; this module only finds the landing objects and starts their intakes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries, Entry
from carefile.cli.aws.objects import head, landing_object
from carefile.core.deciding.classification import classify, to_look_up
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import manifest_key, owner_of
from carefile.core.model import Assignment, EvidenceSource, Hints, Kind, Source, UnknownReason
from carefile.core.records.ledger import KEY, Item, assignment_in, entry_in
from carefile.core.records.session_entries import Place, SessionSummary


def start_intake(connection: Connection, source: Source) -> None:
    """Start an intake of an object that is there already."""
    connection.quotas.start.take()
    connection.client("stepfunctions").start_execution(
        stateMachineArn=connection.machine,
        input=json.dumps({"bucket": source.bucket, "key": source.key}, ensure_ascii=False),
    )


class Again:
    def __init__(self, connection: Connection, rules: RuleTable) -> None:
        self._connection = connection
        self._entries, self._patients = Entries(connection), Patients(connection)
        self._rules = rules
        self._by_reason: dict[str | None, Callable[[Iterable[str]], bool]] = {
            UnknownReason.UNLISTED: self._patients.any_is_listed,
            UnknownReason.CONFLICT: self._patients.are_one,
        }

    def filed_under(self, patient: str | None) -> Iterator[Entry]:
        """Every object that the catalog has under a patient, those of sessions included."""
        for found in self._entries.of_patient(patient):
            if isinstance(found, SessionSummary):
                yield from self._entries.in_session(Place(found.bucket, found.prefix))
            else:
                yield found

    def now_known(self, most: int | None = None) -> Iterator[Entry]:
        """The unknown objects that name somebody who is listed now, as their id was not, or several ids of one patient,
        as they were two; among the newest, where so many at most are to be looked at."""
        waiting = (entry for entry in self.filed_under(None) if entry.reason in self._by_reason)
        for entry in islice(waiting, most):
            is_known = self._document_is_known if entry.kind == Kind.DOCUMENT else self._session_is_known
            if is_known(entry):
                yield entry

    def take_in(self, entry: Entry) -> bool:
        """Start an intake; False where there is no landing object any more that it could take in."""
        source = Source(entry.landing_bucket, entry.landing_key)
        in_place = source.bucket == self._connection.processed and self._connection.layout.holds(source.key)
        if in_place or landing_object(self._connection, source.key, source.bucket) is None:
            return False
        self._start(source)
        return True

    def _start(self, source: Source) -> None:
        start_intake(self._connection, source)

    def _document_is_known(self, entry: Entry) -> bool:
        """Judge by the evidence in its manifest, its content included; where there is a decision, by that alone."""
        s3 = self._connection.client("s3")
        found = s3.get_object(Bucket=entry.bucket, Key=manifest_key(entry.prefix))["Body"].read()
        evidence = json.loads(found).get("classification", {}).get("evidence", ())
        named = [one for one in evidence if one["about"] == "patient" and one["value"]]
        decided = [one for one in named if one["source"] == EvidenceSource.HINT]
        return self._by_reason[entry.reason]({one["value"] for one in decided or named})

    def _session_is_known(self, entry: Entry) -> bool:
        """Classify an object of a session as its intake would: by its key, its metadata and what was decided."""
        there = head(self._connection, entry.landing_bucket, entry.landing_key, entry.landing_version)
        hints, assignment = self._decided(entry)
        if there is None and entry.reason == UnknownReason.CONFLICT and not (hints or assignment):
            return False  # whom its metadata named is not known any more
        metadata = tuple((there or {}).get("Metadata", {}).items())
        about = entry.landing_key, metadata, self._rules, hints
        listing = self._patients.listing(to_look_up(*about, assignment=assignment).ids)
        return classify(*about, assignment=assignment, directory=listing).patient.id is not None

    def _decided(self, entry: Entry) -> tuple[Hints | None, Assignment | None]:
        """What the ledger holds about the object and about its session, which may be all that names a patient."""
        source = Source(entry.landing_bucket, entry.landing_key)
        known = entry_in(self._in_ledger(source.source_id))
        version = entry.landing_version or known.version
        session = owner_of(classify(source.key, (), self._rules), source)
        return known.hints_for(version) if version else None, assignment_in(self._in_ledger(session.owner_id))

    def _in_ledger(self, key: str) -> Item:
        table = self._connection.output("LedgerTableName")
        dynamodb = self._connection.client("dynamodb")
        found = dynamodb.get_item(TableName=table, Key={KEY: {"S": key}}, ConsistentRead=True)
        item: Item = found.get("Item", {})
        return item
