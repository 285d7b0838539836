"""Deleting everything of one patient, for good: every version and every delete marker, and what is remembered of it.

The order matters, because the pipeline goes on meanwhile: the landing versions first, so that nothing can be taken in
again; then the ledger, so that no round that is under way can begin to write; then the layout and the catalog. What a
function wrote just then is found by the second look, and by the next run.

A folder's claim stays for a while as a bare claim that names nobody, since a function may still remember whose the
folder was; a later run removes it, too. A source of which S3 holds a version under lock is kept as a whole. What is not
the patient's for sure is never deleted.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.entries import Entries
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.cli.aws.objects import head
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.patients.traces import FORGOTTEN, Trace, Traces, subject_of
from carefile.cli.problem import Problem
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import manifest_key
from carefile.core.filing.tagging import encoded, layout_tags, manifest_tags
from carefile.core.messages.events import bare_claim
from carefile.core.model import Kind, Patient, Source
from carefile.core.records.catalog import KEY, Item, patient_ref_key
from carefile.core.records.ledger import version_key
from carefile.core.records.session_entries import Place, entry_at

_AT_ONCE = 1000  # S3, DeleteObjects
_NO_LOCK = frozenset(
    {"ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NoSuchBucket"}
)


@dataclass(slots=True)
class Tally:
    """What was, or would be, deleted."""

    landing_versions: int = 0
    layout_versions: int = 0
    bytes: int = 0
    catalog_entries: int = 0
    session_entries: int = 0
    ledger_items: int = 0
    claims_left: int = 0
    held: list[Source] = field(default_factory=list)
    left: list[Version] = field(default_factory=list)


class Forgetter:
    """`rest`: how long a bare claim stays. `bypass`: delete also what is retained in governance mode (never what is
    under legal hold or in compliance mode)."""

    def __init__(
        self, connection: Connection, patient: str, *, rest: timedelta, bypass: bool = False
    ) -> None:
        self._connection = connection
        self._versions, self._entries = Versions(connection), Entries(connection)
        self._patient = patient
        self._rest, self._bypass = rest, bypass
        self._ledger, self._places = connection.output("LedgerTableName"), LedgerPlaces(connection)
        self._s3, self._dynamodb = connection.client("s3"), connection.client("dynamodb")
        self._locks = {
            bucket: self._has_lock(bucket) for bucket in {*connection.accepted_buckets, connection.processed}
        }

    def tally(self, traces: Traces) -> Tally:
        """What there is, without touching it."""
        tally = Tally(held=self._held(traces))
        for trace in self._free(traces, tally):
            landed = [one for one in self._landed(trace) if one.name not in trace.kept]
            tally.landing_versions += len(landed)
            tally.bytes += sum(one.size for one in landed)
            tally.catalog_entries += self._exists(self._connection.catalog_table, trace.source.source_id)
            tally.ledger_items += self._exists(self._ledger, trace.source.source_id)
        for version in self._in_layout(traces, tally):
            tally.layout_versions += 1
            tally.bytes += version.size
        for place in self._session_places(traces, tally):
            tally.session_entries += self._session(place, traces) is not None
        tally.claims_left = len(self._claims(traces))
        return tally

    def forget(self, traces: Traces) -> Tally:
        """Do it. Whatever stops this, the same again goes on where it was."""
        tally = Tally(held=self._held(traces))
        free = list(self._free(traces, tally))
        for trace in free:
            versions = self._landed(trace)
            going = [one for one in versions if one.name not in trace.kept]
            tally.landing_versions += self._delete(going, tally)
            tally.ledger_items += self._forget_in_ledger(trace, versions)
        for owner in () if tally.held else traces.trees.values():
            tally.ledger_items += self._delete_item(self._ledger, owner.owner_id)
        for trace in traces.traces.values():
            if not trace.mine or trace.theirs:
                self._take_out_of_ledger(trace)
        for folder in sorted(self._free_folders(traces, tally)):
            self._claim_barely(folder)
        tally.layout_versions += self._delete(self._in_layout(traces, tally), tally)
        for trace in free:
            tally.catalog_entries += self._delete_entry(trace.source.source_id)
        for place in self._session_places(traces, tally):
            tally.session_entries += self._forget_session(place, traces)
        tally.claims_left = len(self._claims(traces))
        return tally

    # S3

    def _landed(self, trace: Trace) -> list[Version]:
        """The versions of a landing object. What is its own source, in the layout, is deleted with the layout."""
        source = trace.source
        own = source.bucket == self._connection.processed and self._connection.layout.holds(source.key)
        return [] if own else self._versions.landed(source)

    def _in_layout(self, traces: Traces, tally: Tally) -> Iterator[Version]:
        """Every version in the patient's folders and at the other places of the sources, but for what has to stay: of
        what is undecided, every one."""
        keep = self._claims(traces)
        undecided = {source.key for source in traces.undecided if source.bucket == self._connection.processed}
        places = self._free_folders(traces, tally)
        for trace in self._free(traces, tally):
            places |= {place for place in trace.places if not any(place.startswith(it) for it in places)}
        for place in sorted(places):
            if not self._is_held(traces, place, tally):
                for version in self._versions.at(place):
                    if version.version_id not in keep and version.key not in undecided:
                        yield version

    def _free_folders(self, traces: Traces, tally: Tally) -> set[str]:
        """The folders of the patient in which nothing is locked."""
        return {folder for folder in traces.folders if not self._is_held(traces, folder, tally)}

    def _is_held(self, traces: Traces, place: str, tally: Tally) -> bool:
        held = {source.source_id for source in tally.held}
        return any(
            source_id in held and any(one.startswith(place) or place.startswith(one) for one in trace.places)
            for source_id, trace in traces.traces.items()
        )

    def _delete(self, versions: Iterable[Version], tally: Tally) -> int:
        count, source = 0, iter(versions)
        while batch := list(islice(source, _AT_ONCE)):
            for bucket in {one.bucket for one in batch}:
                objects = [
                    {"Key": one.key, "VersionId": one.version_id} for one in batch if one.bucket == bucket
                ]
                bypass = (
                    {"BypassGovernanceRetention": True} if self._bypass and self._locks.get(bucket) else {}
                )
                done = self._s3.delete_objects(
                    Bucket=bucket, Delete={"Objects": objects, "Quiet": True}, **bypass
                )
                errors = {(item["Key"], item.get("VersionId", "null")) for item in done.get("Errors", ())}
                tally.left += [one for one in batch if (one.key, one.version_id) in errors]
                count += len(objects) - len(errors)
        return count

    def _claims(self, traces: Traces) -> set[str]:
        """The bare claims that have to stay for now, by their version ids."""
        heads = [found for folder in traces.folders if (found := self._head(manifest_key(folder)))]
        return {
            found.get("VersionId", "null")
            for found in heads
            if found.get("Metadata", {}).get(FORGOTTEN) and not self._rested(found["LastModified"])
        }

    def _rested(self, since: datetime) -> bool:
        return datetime.now(UTC) - since >= self._rest

    def _claim_barely(self, folder: str) -> None:
        """Leave of a folder's manifest nothing but whose it is, as a digest. Where that is so already, leave it."""
        found = self._head(manifest_key(folder))
        if found is None or found.get("Metadata", {}).get(FORGOTTEN):
            return
        manifest = next((one for one in self._versions.manifests(folder) if "owner" in one), None)
        if manifest is None:
            return
        self._s3.put_object(
            Bucket=self._connection.processed,
            Key=manifest_key(folder),
            Body=json.dumps(bare_claim(manifest["owner"]["id"]), sort_keys=True).encode(),
            ContentType="application/json",
            Metadata={FORGOTTEN: subject_of(self._patient)},
            Tagging=encoded(manifest_tags(layout_tags(Kind.DOCUMENT, Patient(), b""))),
        )

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
        """The sources of which a version may not be deleted."""
        if not any(self._locks.values()):
            return []
        return [trace.source for trace in traces.mine if any(map(self._is_locked, self._all_of(trace)))]

    def _all_of(self, trace: Trace) -> Iterator[Version]:
        yield from self._versions.landed(trace.source)
        for place in trace.places:
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
        return (trace for trace in traces.mine if trace.source.source_id not in held)

    # Tables

    def _session_places(self, traces: Traces, tally: Tally) -> list[Place]:
        return [
            Place(self._connection.processed, folder)
            for folder in sorted(traces.sessions)
            if not self._is_held(traces, folder, tally)
        ]

    def _session(self, place: Place, traces: Traces) -> tuple[Item, Item | None] | None:
        """The session's item, and what becomes of it. Where something in its folder is not the patient's for sure, it
        tells of that alone, as nobody's. None where nothing becomes of it."""
        table = self._connection.catalog_table
        found = self._dynamodb.get_item(TableName=table, Key={KEY: {"S": place.key}}, ConsistentRead=True)
        item = found.get("Item")
        if item is None:
            return None
        if place.prefix in traces.folders:
            return item, None
        known, mine = entry_at(place, item), {trace.source.source_id for trace in traces.mine}
        there = self._entries.get_many([one for one in known.present if one not in mine])
        left = {one: seen for one, seen in known.seen.items() if one in there or seen.facts is None}
        if left == known.seen and known.patient != self._patient:
            return None
        return item, replace(known, patient=None, seen=left).to_item()

    def _forget_session(self, place: Place, traces: Traces) -> bool:
        changed = self._session(place, traces)
        if changed is None:
            return False
        known, item = changed
        if item is None:
            return self._delete_item(self._connection.catalog_table, place.key)
        return self._conditionally(
            self._dynamodb.put_item,
            TableName=self._connection.catalog_table,
            Item=item,
            ConditionExpression="seen = :known",
            ExpressionAttributeValues={":known": known["seen"]},
        )

    def _forget_in_ledger(self, trace: Trace, versions: list[Version]) -> int:
        """The source's item, unless another patient's places are in it, and those of its versions."""
        table, source_id = self._ledger, trace.source.source_id
        names = {one.name for one in versions if not one.is_marker} | self._overwritten(trace, versions)
        keys = [version_key(source_id, name) for name in sorted(names)]
        deleted = sum(self._delete_item(table, key) for key in keys)
        if trace.theirs:
            return deleted
        # The source's own item last: it leads to those with the places that were taken out of it.
        items = [*self._places.keys(trace.source)]
        return deleted + sum(self._delete_item(table, key) for key in reversed(items))

    def _overwritten(self, trace: Trace, versions: list[Version]) -> set[str]:
        """Versions that were overwritten while the bucket kept none, by the stamps of what was filed of them."""
        if all(one.version_id != "null" for one in versions):
            return set()
        filed = (one for place in trace.places for one in self._versions.at(place) if not one.is_marker)
        return {stamp.version for one in filed if (stamp := self._versions.stamp(one))}

    def _take_out_of_ledger(self, trace: Trace) -> None:
        """Of a source that is not the patient's alone: the places under the patient's name."""
        for key in self._places.keys(trace.source) if trace.places else ():
            self._conditionally(
                self._dynamodb.update_item,
                TableName=self._ledger,
                Key={KEY: {"S": key}},
                UpdateExpression="DELETE destinations :places",
                ConditionExpression="attribute_exists(destinations)",
                ExpressionAttributeValues={":places": {"SS": sorted(trace.places)}},
            )

    def _delete_entry(self, source_id: str) -> bool:
        """The catalog's entry, unless it became another patient's meanwhile."""
        whose = {":patient": {"S": patient_ref_key(self._patient)}, ":nobody": {"S": patient_ref_key(None)}}
        return self._conditionally(
            self._dynamodb.delete_item,
            TableName=self._connection.catalog_table,
            Key={KEY: {"S": source_id}},
            ConditionExpression="patient_ref_key = :patient OR patient_ref_key = :nobody",
            ExpressionAttributeValues=whose,
        )

    def _conditionally(self, request: Any, **arguments: Any) -> bool:
        """False where the condition did not hold."""
        try:
            request(**arguments)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _exists(self, table: str, key: str) -> bool:
        found = self._dynamodb.get_item(TableName=table, Key={KEY: {"S": key}}, ConsistentRead=True)
        return "Item" in found

    def _delete_item(self, table: str, key: str) -> bool:
        done = self._dynamodb.delete_item(TableName=table, Key={KEY: {"S": key}}, ReturnValues="ALL_OLD")
        return bool(done.get("Attributes"))


def refuse_placeholder(patient: str, rules: RuleTable) -> None:
    if rules.is_placeholder(patient):
        raise Problem(
            f"{patient!r} is a placeholder and names nobody",
            "give the id of the patient who is to be forgotten",
        )
