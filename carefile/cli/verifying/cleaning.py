"""Delete all that a run has made, and look again until nothing comes after it.

What the journal lists was made by this run alone and has its token in its key, in both buckets. Anything else is never
deleted, wherever ledger or catalog point to. The landing versions go first, so that nothing is taken in again; the
ledger's item of a source goes last, as it leads to the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice

from botocore.exceptions import BotoCoreError, ClientError

from carefile.cli.again.dead_letters import DeadLetters, Queue
from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.executions import Executions
from carefile.cli.aws.ledger_places import LedgerPlaces
from carefile.cli.aws.map_runs import RESULTS
from carefile.cli.aws.versions import Version, Versions
from carefile.cli.patients.decided import Decided
from carefile.cli.verifying.journal import Journal
from carefile.cli.verifying.site import take_back
from carefile.core.documents.recognition import readings_folder
from carefile.core.messages.events import iso_8601
from carefile.core.model import Source
from carefile.core.records import catalog, ledger
from carefile.core.records import patients as directory
from carefile.core.records.session_entries import Place

_AT_ONCE = 1000  # S3, DeleteObjects
_PATIENCE = 120.0  # seconds until what still runs has ended
_QUIET = 15.0  # longer than the catalog's stream gathers changes
_LOOKS = 8
_RECENT = 50  # executions of another machine among which the run's own are
_DECIDED_SINCE = timedelta(days=2)


class Cleaner:
    """Deletes what one run has made."""

    def __init__(self, connection: Connection, journal: Journal) -> None:
        self._connection, self._journal = connection, journal
        self._s3, self._dynamodb = connection.client("s3"), connection.client("dynamodb")
        self._versions, self._places = Versions(connection), LedgerPlaces(connection)
        self._ledger = connection.output("LedgerTableName")
        # The versions and places that were found; they lead to items after the objects are gone.
        self._names: dict[Source, set[str]] = {}
        self._folders: dict[Source, set[str]] = {}
        self._cleaned: set[Source] = set()
        # The codes with which S3 refused to delete something.
        self.refusals: set[str] = set()

    def put_back(self) -> None:
        """Take back every change that is not taken back yet. One that AWS refuses keeps none of the others."""
        refused: ClientError | BotoCoreError | None = None
        for number, undo in reversed(list(self._journal.made.undo.items())):
            try:
                take_back(self._connection, undo)
            except (ClientError, BotoCoreError) as error:
                refused = refused or error
            else:
                self._journal.took_back(number)
        if refused:
            raise refused

    def clean_new(self) -> None:
        """Delete what the latest check has made, as far as it is there now."""
        new = self._journal.made.objects - self._cleaned
        self._cleaned |= new
        self._clean_sources(new)

    def clean(self) -> int:
        """Delete everything that is there now; how many versions, items and messages that were."""
        made = self._journal.made
        count = self._clean_sources(made.objects) + self._abort_uploads()
        reports = self._connection.output("ReportsBucketName")
        folders = {(reports, folder) for machine in made.machines for folder in self._results_of(machine)}
        if self._connection.setting("OCR") == "on":
            folders |= {(reports, readings_folder(source.source_id)) for source in made.objects}
        for bucket, prefix in sorted(folders | made.folders):
            count += self._delete(self._versions.below(bucket, prefix), whole=True)
        count += sum(map(self._unregister, made.patients))
        return count + sum(map(self._delete_letters, made.queues))

    def finish(self) -> int:
        """Wait for what still runs, delete until nothing is found any more; how much was still found at the end."""
        self._wait_for_executions()
        if self._journal.made.lasting:
            self._empty_decisions()
        found = self.clean()
        for _ in range(_LOOKS if not self._journal.is_new else 0):
            time.sleep(_QUIET if self._connection.endpoint is None else 0.5)
            if not (found := self.clean()):
                return 0
        return found

    def _abort_uploads(self) -> int:
        """Abort uploads in parts that were never completed."""
        landing, keys = self._connection.landing, {source.key for source in self._journal.made.objects}
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=landing)
        begun = [one for page in pages for one in page.get("Uploads", ()) if one["Key"] in keys]
        for one in begun:
            self._s3.abort_multipart_upload(Bucket=landing, Key=one["Key"], UploadId=one["UploadId"])
        return len(begun)

    def _clean_sources(self, sources: Iterable[Source]) -> int:
        """Delete uploads, what was filed of them, and the items about them."""
        each, layout, count = sorted(sources, key=lambda one: one.key), self._connection.layout, 0
        for source in each:
            places = self._folders.setdefault(source, set())
            places |= {layout.folder_of(place) for place in self._places.ever(source)}
            count += self._clean_versions(source)
        token = self._journal.made.token
        folders = {folder for source in each for folder in self._folders[source] if token in folder}
        for folder in sorted(folders):
            count += self._delete(self._versions.at(folder))
            place = Place(self._connection.processed, folder)
            count += self._delete_item(self._connection.catalog_table, catalog.KEY, place.key)
        for source in each:
            for key in list(self._places.keys(source))[::-1]:
                count += self._delete_item(self._ledger, ledger.KEY, key)
        return count

    def _clean_versions(self, source: Source) -> int:
        """Delete a source's landing versions, the items about them, and its catalog entry."""
        landed = self._versions.landed(source)
        names = self._names.setdefault(source, set())
        names |= {one.name for one in landed if not one.is_marker}
        count = self._delete_item(self._connection.catalog_table, catalog.KEY, source.source_id)
        for name in names:
            count += self._delete_item(self._ledger, ledger.KEY, ledger.version_key(source.source_id, name))
        return count + self._delete(landed)

    def _delete(self, versions: Iterable[Version], *, whole: bool = False) -> int:
        """Delete versions that are marked as the run's; with `whole`, all of them, as their folder is."""
        token, count = self._journal.made.token, 0
        source = (one for one in versions if whole or token in one.key)
        while batch := list(islice(source, _AT_ONCE)):
            objects = [{"Key": one.key, "VersionId": one.version_id} for one in batch]
            request = {"Bucket": batch[0].bucket, "Delete": {"Objects": objects, "Quiet": True}}
            done = self._s3.delete_objects(**request, **self._bypass)
            self.refusals.update(str(one.get("Code")) for one in done.get("Errors", ()))
            count += len(batch)
        return count

    @cached_property
    def _bypass(self) -> dict[str, bool]:
        """What deletes versions that the stage retains in governance mode for some days: these are the run's own."""
        try:
            found = self._s3.get_object_lock_configuration(Bucket=self._connection.landing)
        except ClientError:
            return {}
        lock = found.get("ObjectLockConfiguration", {})
        return {"BypassGovernanceRetention": True} if "Rule" in lock else {}

    def _delete_item(self, table: str, name: str, key: str) -> int:
        done = self._dynamodb.delete_item(TableName=table, Key={name: {"S": key}}, ReturnValues="ALL_OLD")
        return int(bool(done.get("Attributes")))

    def _unregister(self, patient: str) -> int:
        """Take a patient out of the directory, with the tombstone that forgetting leaves."""
        table = self._connection.output("PatientsTableName")
        there = Patients(self._connection).forget(patient, iso_8601(datetime.now(UTC)))
        self._dynamodb.delete_item(TableName=table, Key=directory.patient_key(patient))
        self._delete_item(self._ledger, ledger.KEY, ledger.patient_tombstone_key(patient))
        return int(there)

    def _results_of(self, machine: str) -> Iterator[str]:
        """Where the Map Runs that were started write their results."""
        client = self._connection.client("stepfunctions")
        for item in client.list_executions(stateMachineArn=machine, maxResults=_RECENT)["executions"]:
            arn = item["executionArn"]
            if self._journal.made.token in client.describe_execution(executionArn=arn)["input"]:
                for run in client.list_map_runs(executionArn=arn)["mapRuns"]:
                    yield f"{RESULTS}{run['mapRunArn'].rpartition(':')[2]}/"

    def _delete_letters(self, name: str) -> int:
        """Delete the run's messages from a dead-letter queue; all others stay as they are."""
        letters, count = DeadLetters(self._connection), 0
        for letter in letters.take(Queue(name)):
            if self._journal.made.token in json.dumps(letter.event):
                letters.delete(letter)
                count += 1
            else:
                letters.give_back([letter])
        return count

    def _wait_for_executions(self) -> None:
        deadline = time.monotonic() + _PATIENCE
        while any(self._running()) and time.monotonic() < deadline:
            time.sleep(1.0)

    def _running(self) -> Iterator[str]:
        executions, token = Executions(self._connection), self._journal.made.token
        for found in executions.described(executions.changed_since(status="RUNNING")):
            if token in found.input:
                yield found.listed.arn

    def _empty_decisions(self) -> None:
        """Delete the contents of the records of decisions; the records themselves stay in their chain for good."""
        now, token = datetime.now(UTC), self._journal.made.token
        decided = Decided(self._connection)
        for record in decided.all(now - _DECIDED_SINCE):
            if token in (record.payload or ""):
                decided.forget(record, iso_8601(now))
