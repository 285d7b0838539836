"""Permanently delete all records of one patient: every version and delete marker, and the entries about them.

The order matters, because the pipeline keeps running: landing versions first, so that nothing can be ingested again;
then the ledger, so that no round in progress can start to write; then the layout and the catalog. What a function wrote
in the meantime is found by the second search, or by the next run.

A folder's claim stays for a while as a bare claim that names nobody, since a function may still have the folder's owner
cached; a later run deletes it too. A source with a version under lock is kept as a whole. Objects that do not certainly
belong to the patient are never deleted.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby, islice
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.again import refiling
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.objects import head
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.patients.decided import Decided
from carefile.cli.patients.remembered import Remembered, conditionally
from carefile.cli.patients.tally import Tally
from carefile.cli.patients.trace import FORGOTTEN, Trace, Traces, subject_of
from carefile.cli.problem import Problem
from carefile.core.deciding.identity import identity
from carefile.core.deciding.rules import RuleTable
from carefile.core.documents.recognition import readings_folder
from carefile.core.filing.layout import Layout, manifest_key
from carefile.core.filing.tagging import encoded, layout_tags, manifest_tags
from carefile.core.messages.events import bare_claim, iso_8601
from carefile.core.model import Kind, Patient, Source
from carefile.core.records.catalog import KEY, PATIENT_KEYS, Item, patient_in, patient_ref_key, tombstone
from carefile.core.records.decisions import Record
from carefile.core.records.session_entries import Place, SessionEntry, condition_on, entry_at

_AT_ONCE = 1000  # S3, DeleteObjects
_NO_LOCK = frozenset(
    {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NoSuchBucket"}
)


class Forgetter:
    """`rest`: how long a bare claim stays. `bypass`: also delete versions retained in governance mode (never those
    under legal hold or in compliance mode)."""

    def __init__(
        self, connection: Connection, patient: str, *, rest: timedelta, bypass: bool = False
    ) -> None:
        self._connection = connection
        self._versions, self._entries = Versions(connection), Entries(connection)
        self._patient = patient
        self._rest, self._bypass = rest, bypass
        self._ledger, self._remembered = connection.output("LedgerTableName"), Remembered(connection, patient)
        self._s3, self._dynamodb = connection.client("s3"), connection.client("dynamodb")
        self._patients = Patients(connection)
        self._locks = {
            bucket: self._has_lock(bucket) for bucket in {*connection.accepted_buckets, connection.processed}
        }

    def tally(self, traces: Traces) -> Tally:
        """What there is, without touching it: what `forget` would count."""
        tally = Tally(held=self._held(traces))
        for trace in self._free(traces, tally):
            versions = self._landed(trace)
            going = self._going(trace, versions)
            tally.landing_versions += len(going)
            tally.bytes += sum(one.size for one in going)
            tally.catalog_entries += trace.mine and self._entries.get(trace.source.source_id) is not None
            tally.ledger_items += sum(map(self._remembered.holds, self._remembered.keys(trace, versions)))
        tally.ledger_items += sum(map(self._remembered.holds, self._trees(traces, tally))) + len(
            traces.strays
        )
        for version in self._readings(traces, tally):
            tally.readings += 1
            tally.bytes += version.size
        for version in self._in_layout(traces, tally):
            tally.layout_versions += 1
            tally.bytes += version.size
        for place in self._session_places(traces, tally):
            tally.session_entries += self._session(place, traces) is not None
        tally.decisions = len(self._decided(traces))
        if not traces.keeps_entry:
            tally.directory_entries = self._patients.get(self._patient) is not None
            tally.suggestions = len(traces.suggested)
        tally.claims_left = len(self._claims(traces))
        return tally

    def forget(self, traces: Traces) -> Tally:
        """Delete it. If interrupted, running it again resumes."""
        tally = Tally(held=self._held(traces))
        free = list(self._free(traces, tally))
        at, revisions = iso_8601(datetime.now(UTC)), dict[str, int]()
        self._remembered.refuse_older(at)
        for trace in free:
            versions, source_id = self._landed(trace), trace.source.source_id
            keys = self._remembered.keys(trace, versions)
            tally.landing_versions += self._delete(self._going(trace, versions), tally)
            tally.ledger_items += sum(
                self._delete_item(self._ledger, key) for key in keys if key != source_id
            )
            if trace.whole:
                known, revisions[source_id] = self._remembered.entomb(source_id, at)
                tally.ledger_items += known
        for owner_id in self._trees(traces, tally):
            tally.ledger_items += self._remembered.entomb(owner_id, at)[0]
        for key in traces.strays:
            tally.ledger_items += self._remembered.entomb(key, at)[0]
        for trace in traces.traces.values():
            if not trace.whole:
                revisions[trace.source.source_id] = self._remembered.take_out(
                    trace, at, ordered=trace.source.source_id in traces.ordered
                )
        tally.readings = self._delete(self._readings(traces, tally), tally)
        self._remembered.take_back(traces.taken)
        self._remembered.drop_hints(traces.overruled)
        for record in self._decided(traces):
            Decided(self._connection).forget(record, at)
            tally.decisions += 1
        made = {self._claim_barely(folder) for folder in sorted(self._free_folders(traces, tally))}
        tally.layout_versions += self._delete(self._in_layout(traces, tally), tally, made)
        for trace in free:
            if trace.mine:
                source_id = trace.source.source_id
                tally.catalog_entries += self._forget_entry(source_id, revisions[source_id], at)
        for place in self._session_places(traces, tally):
            tally.session_entries += self._forget_session(place, traces)
        if not (tally.held or tally.left or traces.keeps_entry):
            # Last, lest a round under way file as unknown what was to go.
            tally.directory_entries = self._patients.forget(self._patient, at)
            for source in sorted(traces.suggested, key=lambda it: it.source_id):
                refiling.start_intake(self._connection, source)
            tally.suggestions = len(traces.suggested)
        tally.claims_left = len(self._claims(traces))
        return tally

    def _decided(self, traces: Traces) -> list[Record]:
        """The records of decisions that name the patient, or are about what is the patient's."""
        if not self._connection.records_decisions:
            return []
        mine = {trace.source.source_id for trace in traces.mine}
        mine |= {owner.owner_id for owner in traces.trees.values()}
        return list(Decided(self._connection).about(identity(self._patient), mine))

    # S3

    def _landed(self, trace: Trace) -> list[Version]:
        """The versions of a landing object. What is its own source, in the layout, is deleted with the layout."""
        return [] if self._is_in_place(trace) else self._versions.landed(trace.source)

    def _going(self, trace: Trace, versions: list[Version]) -> list[Version]:
        """Of a landing object's versions, the patient's, and delete markers where they hide nothing that stays."""
        return [one for one in versions if (trace.whole if one.is_marker else trace.goes(one.name))]

    def _readings(self, traces: Traces, tally: Tally) -> Iterator[Version]:
        """What is kept of recognised pages, of every source that the patient had a version of. What another patient's
        versions miss then is read again."""
        bucket = self._connection.output("ReportsBucketName")
        for trace in self._free(traces, tally):
            yield from self._versions.below(bucket, readings_folder(trace.source.source_id))

    def _in_layout(self, traces: Traces, tally: Tally) -> Iterator[Version]:
        """Every version in the patient's folders, but for what has to stay and for what is undecided; and what of the
        patient's sources is at other places."""
        keep = self._claims(traces)
        undecided = {source.key for source in traces.undecided if source.bucket == self._connection.processed}
        folders = self._free_folders(traces, tally)
        for folder in sorted(folders):
            for version in self._versions.at(folder):
                if version.version_id not in keep and version.key not in undecided:
                    yield version
        yield from traces.outdated
        places = {
            trace.source.key if self._is_in_place(trace) else layout_folder(self._connection.layout, place)
            for trace in self._free(traces, tally)
            for place in (trace.places | trace.theirs)
        }
        for place in sorted(places - traces.apart):
            if not any(map(place.startswith, folders)) and not self._is_held(traces, place, tally):
                yield from self._elsewhere(traces, place)

    def _elsewhere(self, traces: Traces, place: str) -> Iterator[Version]:
        """What the patient's sources have in a folder that is not the patient's; with the last of it their claim."""
        claims: list[Version] = []
        left = False
        for key, group in groupby(self._versions.at(place), lambda one: one.key):
            versions = list(group)
            going = [one for one in versions if not one.is_marker and self._goes(traces, one)]
            rest = [one for one in versions if not one.is_marker and one not in going]
            yield from going
            if not rest:
                yield from (one for one in versions if one.is_marker)
            elif key == manifest_key(place) and all(
                self._versions.owner(one) in traces.owners for one in rest
            ):
                claims += [one for one in versions if one not in going]
            else:
                left = True
        if not left:
            yield from claims

    def _goes(self, traces: Traces, version: Version) -> bool:
        stamp = self._versions.stamp(version)
        if stamp is None:
            itself = traces.traces.get(Source(version.bucket, version.key).source_id)
            return itself is not None and itself.mine
        trace = traces.traces.get(stamp.source_id)
        return trace is not None and trace.goes(stamp.version)

    def _is_in_place(self, trace: Trace) -> bool:
        return trace.source.bucket == self._connection.processed and self._connection.layout.holds(
            trace.source.key
        )

    def _free_folders(self, traces: Traces, tally: Tally) -> set[str]:
        """Return the patient's folders in which nothing is locked."""
        return {folder for folder in traces.folders if not self._is_held(traces, folder, tally)}

    def _is_held(self, traces: Traces, place: str, tally: Tally) -> bool:
        held = {source.source_id for source in tally.held}
        return any(
            source_id in held and any(one.startswith(place) or place.startswith(one) for one in trace.places)
            for source_id, trace in traces.traces.items()
        )

    def _delete(self, versions: Iterable[Version], tally: Tally, made: Container[str | None] = ()) -> int:
        """How many were deleted, but for those that were `made` here."""
        count, source = 0, iter(versions)
        while batch := list(islice(source, _AT_ONCE)):
            for bucket in {one.bucket for one in batch}:
                there = [one for one in batch if one.bucket == bucket]
                objects = [{"Key": one.key, "VersionId": one.version_id} for one in there]
                bypass = (
                    {"BypassGovernanceRetention": True} if self._bypass and self._locks.get(bucket) else {}
                )
                done = self._s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": objects, "Quiet": True}, **bypass
                )
                errors = {(item["Key"], item.get("VersionId", "null")) for item in done.get("Errors", ())}
                tally.left += [one for one in there if (one.key, one.version_id) in errors]
                gone = [
                    one
                    for one in there
                    if (one.key, one.version_id) not in errors and one.version_id not in made
                ]
                tally.bytes += sum(one.size for one in gone)
                count += len(gone)
        return count

    def _claims(self, traces: Traces) -> set[str]:
        """Return the version ids of bare claims that have to stay for now."""
        heads = [found for folder in traces.folders if (found := self._head(manifest_key(folder)))]
        return {
            found.get("VersionId", "null")
            for found in heads
            if found.get("Metadata", {}).get(FORGOTTEN) and not self._rested(found["LastModified"])
        }

    def _rested(self, since: datetime) -> bool:
        return datetime.now(UTC) - since >= self._rest

    def _claim_barely(self, folder: str) -> str | None:
        """Leave of a folder's manifest nothing but whose it is, as a digest; the version that says so. Where that is so
        already, leave it."""
        found = self._head(manifest_key(folder))
        if found is None or found.get("Metadata", {}).get(FORGOTTEN):
            return None
        manifest = next((one for one in self._versions.manifests(folder) if "owner" in one), None)
        if manifest is None:
            return None
        done = self._s3.put_object(
            Bucket=self._connection.processed,
            Key=manifest_key(folder),
            Body=json.dumps(bare_claim(manifest["owner"]["id"]), sort_keys=True).encode(),
            ContentType="application/json",
            Metadata={FORGOTTEN: subject_of(self._patient)},
            Tagging=encoded(manifest_tags(layout_tags(Kind.DOCUMENT, Patient(), b""))),
        )
        return str(done.get("VersionId", "null"))

    def _head(self, key: str) -> dict[str, Any] | None:
        return head(self._connection, self._connection.processed, key)

    # Locks

    def _has_lock(self, bucket: str) -> bool:
        try:
            found = self._s3.get_object_lock_configuration(Bucket=bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in _NO_LOCK:
                return False
            raise
        return bool(found.get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")

    def _held(self, traces: Traces) -> list[Source]:
        """Return the sources that have a locked version."""
        if not any(self._locks.values()):
            return []
        return [trace.source for trace in traces.going if any(map(self._is_locked, self._all_of(trace)))]

    def _all_of(self, trace: Trace) -> Iterator[Version]:
        yield from self._versions.landed(trace.source)
        for place in trace.places | trace.theirs:
            yield from self._versions.at(place)

    def _is_locked(self, version: Version) -> bool:
        if version.is_marker or not self._locks.get(version.bucket):
            return False
        found = self._versions.head(version) or {}
        if found.get("ObjectLockLegalHoldStatus") == "ON":
            return True
        until = found.get("ObjectLockRetainUntilDate")
        retained = until is not None and until > datetime.now(UTC)
        return retained and not (self._bypass and found.get("ObjectLockMode") == "GOVERNANCE")

    def _free(self, traces: Traces, tally: Tally) -> Iterator[Trace]:
        held = {source.source_id for source in tally.held}
        return (trace for trace in traces.going if trace.source.source_id not in held)

    def _trees(self, traces: Traces, tally: Tally) -> list[str]:
        """The ledger's items of the patient's sessions, of which one may have had several folders."""
        return [] if tally.held else sorted({tree.owner_id for tree in traces.trees.values()})

    # Tables

    def _session_places(self, traces: Traces, tally: Tally) -> list[Place]:
        return [
            Place(self._connection.processed, folder)
            for folder in sorted(traces.sessions)
            if not self._is_held(traces, folder, tally)
        ]

    def _session(self, place: Place, traces: Traces) -> tuple[Item, Item | None] | None:
        """The session's item, and what becomes of it. Where something in its folder is not the patient's for sure, it
        mentions that alone, as nobody's. None where nothing becomes of it."""
        table = self._connection.catalog_table
        found = self._dynamodb.get_item(TableName=table, Key={KEY: {"S": place.key}}, ConsistentRead=True)
        item = found.get("Item")
        if item is None:
            return None
        if place.prefix in traces.folders:
            return item, None
        known, mine = self._entries.seen_in(place), {trace.source.source_id for trace in traces.mine}
        there = self._entries.get_many([one for one, seen in known.items() if seen.facts and one not in mine])
        left = {one: seen for one, seen in known.items() if one in there or seen.facts is None}
        if left == known and patient_in(item) != self._patient:
            return None
        # What is left is one item again; the next change seals what is too much for it.
        return item, SessionEntry(place, None, left).to_item()

    def _forget_session(self, place: Place, traces: Traces) -> bool:
        changed = self._session(place, traces)
        if changed is None:
            return False
        known, item = changed
        table = self._connection.catalog_table
        numbers = range(entry_at(place, known).parts)
        parts = self._entries.items([place.part(number) for number in numbers])
        done = item is None or conditionally(
            self._dynamodb.put_item, TableName=table, Item=item, **condition_on(known)
        )
        for key, part in (
            parts.items() if done else ()
        ):  # unless it is another's by now, of the item just written
            conditionally(
                self._dynamodb.delete_item,
                TableName=table,
                Key={KEY: {"S": key}},
                ConditionExpression="kept = :known",
                ExpressionAttributeValues={":known": part["kept"]},
            )
        return self._delete_item(table, place.key) if item is None else done

    def _forget_entry(self, source_id: str, revision: int, at: str) -> bool:
        """Put a tombstone in the place of the catalog's entry, unless it became another patient's meanwhile. Whether
        there was an entry."""
        there = self._entries.get(source_id) is not None
        whose = {
            ":patient": {"S": patient_ref_key(self._patient, source_id)},
            ":patients": {"S": PATIENT_KEYS},
        }
        done = conditionally(
            self._dynamodb.put_item,
            TableName=self._connection.catalog_table,
            Item=tombstone(source_id, revision, at),
            ConditionExpression="attribute_not_exists(patient_ref_key) OR patient_ref_key = :patient "
            "OR NOT begins_with(patient_ref_key, :patients)",
            ExpressionAttributeValues=whose,
        )
        return there and done

    def _delete_item(self, table: str, key: str) -> bool:
        done = self._dynamodb.delete_item(TableName=table, Key={KEY: {"S": key}}, ReturnValues="ALL_OLD")
        return bool(done.get("Attributes"))


def layout_folder(layout: Layout, place: str) -> str:
    """The folder of a place that the ledger knows: of a session's object, the session's."""
    return layout.session_folder_of(place) or place


def refuse_placeholder(patient: str, rules: RuleTable) -> None:
    if rules.is_placeholder(patient):
        raise Problem(
            f"{patient!r} is a placeholder and names nobody",
            "give the id of the patient who is to be forgotten",
        )
