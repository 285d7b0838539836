"""Take in again what the directory says something else about now: what was unlisted, and what named two patients who
are one since.

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
from carefile.core.deciding.classification import to_look_up
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import manifest_key
from carefile.core.model import Kind, Source, UnknownReason
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
            if self._by_reason[entry.reason](self._named_by(entry)):
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

    def _named_by(self, entry: Entry) -> Iterable[str]:
        """Whom the object names: by the evidence in its manifest, or, of a session's, by its key and metadata."""
        s3 = self._connection.client("s3")
        if entry.kind == Kind.DOCUMENT:
            found = s3.get_object(Bucket=entry.bucket, Key=manifest_key(entry.prefix))["Body"].read()
            evidence = json.loads(found).get("classification", {}).get("evidence", ())
            return {one["value"] for one in evidence if one["about"] == "patient" and one["value"]}
        there = head(self._connection, entry.landing_bucket, entry.landing_key) or {}
        return to_look_up(entry.landing_key, there.get("Metadata", {}).items(), self._rules).ids
