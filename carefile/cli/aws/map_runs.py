"""Start, find and follow executions of the Distributed Map machines (backfill, adoption), and read their results.

Step Functions does not list Express children, so each item's result is read from the files that the run wrote to the
reports bucket: one line per item, in separate files for each status. A redrive writes more files; an item that
succeeded in any of them has succeeded. Memory is bounded for any number of items: files are streamed, and what has to
be remembered of them is kept on disk.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from tempfile import TemporaryFile
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.digests import Digests
from carefile.cli.aws.executions import reason_in
from carefile.cli.aws.listing import Place
from carefile.cli.problem import Problem
from carefile.core.model import digest

REDRIVABLE = timedelta(days=14)  # Step Functions, "Redriving executions"
RESULTS, LISTS = "backfill/", "lists/"
MOST_TOLERATED = 50  # percent of a run that may fail
# Errors in the operator's input: the run started nothing and cannot be resumed.
NOTHING_STARTED = ("RejectedBackfill", "NothingToTakeIn")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run covers: a place, and whether all of it; `failed_of` names the run whose failures it retries, `reread`
    says how documents are read again that are filed already."""

    place: Place
    whole: bool = True
    failed_of: str | None = None
    reread: str | None = None

    @classmethod
    def of(cls, text: str | None) -> Scope | None:
        """Parse an execution's input; None if it names no place."""
        try:
            given = json.loads(text or "")
            place = Place(given["bucket"], given["prefix"])
        except (ValueError, KeyError, TypeError):
            return None
        if not isinstance(place.bucket, str) or not isinstance(place.prefix, str):
            return None
        is_whole = not given.keys() & {"inventory", "list"}
        return cls(place, is_whole, given.get("failed_of"), given.get("reread"))

    def overlaps(self, other: Scope) -> bool:
        """Return whether both may cover the same object."""
        mine, theirs = self.place.prefix, other.place.prefix
        return self.place.bucket == other.place.bucket and (
            mine.startswith(theirs) or theirs.startswith(mine)
        )

    def covers(self, other: Scope) -> bool:
        return self.overlaps(other) and self.whole and other.place.prefix.startswith(self.place.prefix)


@dataclass(frozen=True, slots=True)
class Run:
    """An execution and the progress of its Map Run; `counts` is empty until the Map Run has started."""

    arn: str
    status: str
    counts: dict[str, int]
    map_run: str | None
    error: str | None
    redrives: int
    took: timedelta | None
    scope: Scope | None

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def done(self) -> int:
        return sum(self.counts.get(name, 0) for name in ("succeeded", "failed", "timedOut", "aborted"))

    @property
    def unsuccessful(self) -> int:
        """Items that did not succeed, started or not."""
        return self.counts.get("total", 0) - self.counts.get("succeeded", 0)


@dataclass(frozen=True, slots=True)
class FailedItem:
    input: dict[str, Any]
    error: str
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        return {"key": self.input.get("key"), "error": self.error, "reason": self.reason}


class MapRuns:
    """`folder` holds the machine's results in the reports bucket; `retry_option` is the command-line option that
    retries a run's failures, if there is one."""

    def __init__(
        self, connection: Connection, machine: str, folder: str, retry_option: str | None = None
    ) -> None:
        self.retry_option = retry_option
        self._connection, self.machine, self._folder = connection, machine, folder
        self._client, self._s3 = connection.client("stepfunctions"), connection.client("s3")
        self._pause = 3.0 if connection.endpoint is None else 0.5

    def start(self, request: dict[str, Any]) -> str:
        """Start a run and return its ARN. Its name holds the time and nothing of the request."""
        now = datetime.now(UTC)
        mark = digest("run", json.dumps(request, sort_keys=True), now.isoformat())[:8]
        started = self._client.start_execution(
            stateMachineArn=self.machine,
            name=f"{now:%Y%m%dT%H%M%S}-{mark}",
            input=json.dumps(request, ensure_ascii=False),
        )
        return str(started["executionArn"])

    def arn(self, name: str) -> str:
        if name.startswith("arn:"):
            return name
        return f"{self.machine.replace(':stateMachine:', ':execution:')}:{name}"

    def redrive(self, name: str) -> str:
        arn = self.arn(name)
        try:
            self._client.redrive_execution(executionArn=arn)
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code")
            if code == "ExecutionNotRedrivable":
                raise Problem(
                    f"{name} cannot be redriven: {error.response['Error'].get('Message')}",
                    "start a new run for the same place with --afresh: objects that are filed cost next to nothing",
                ) from None
            if code in ("ExecutionDoesNotExist", "InvalidArn"):
                raise _no_run(arn) from None
            raise
        return arn

    def half_finished(self, scope: Scope) -> Run | None:
        """Find a run with an overlapping scope that is running, or failed and can be resumed. A failed run is settled
        once a later one succeeded for all of its scope, or for its failures."""
        done, settled = list[Scope](), {scope.failed_of}
        for arn, status in self._recent():
            found = self._client.describe_execution(executionArn=arn)
            earlier = Scope.of(found.get("input"))
            if earlier is None or not earlier.overlaps(scope):
                continue
            if status == "SUCCEEDED":
                done.append(earlier)
                settled.add(earlier.failed_of)
            elif found["name"] not in settled and not any(later.covers(earlier) for later in done):
                run = self.describe(arn)
                if status == "RUNNING" or run.counts.get("total"):  # otherwise it started nothing
                    return run
        return None

    def latest_at(self, place: Place) -> Run | None:
        """Find the latest run for exactly this place, as far back as runs can be redriven."""
        for arn, _ in self._recent():
            found = self._client.describe_execution(executionArn=arn)
            if found.get("error") not in NOTHING_STARTED and Scope.of(found.get("input")) == Scope(place):
                return self.describe(arn)
        return None

    def _recent(self) -> Iterator[tuple[str, str]]:
        """List running executions, then the others latest first, as far back as they can be redriven."""
        oldest = datetime.now(UTC) - REDRIVABLE
        pages = self._client.get_paginator("list_executions")
        for page in pages.paginate(stateMachineArn=self.machine, statusFilter="RUNNING"):
            yield from ((item["executionArn"], "RUNNING") for item in page["executions"])
        for page in pages.paginate(stateMachineArn=self.machine):
            for item in page["executions"]:
                if item["status"] == "RUNNING":
                    continue
                if item["stopDate"] < oldest:
                    return
                yield item["executionArn"], item["status"]

    def describe(self, name: str) -> Run:
        arn = self.arn(name)
        try:
            found = self._client.describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("ExecutionDoesNotExist", "InvalidArn"):
                raise _no_run(arn) from None
            raise
        listed = self._client.list_map_runs(executionArn=arn)["mapRuns"]
        map_run = self._client.describe_map_run(mapRunArn=listed[-1]["mapRunArn"]) if listed else {}
        return Run(
            arn,
            found["status"],
            dict(map_run.get("itemCounts", {})),
            map_run.get("mapRunArn"),
            found.get("error"),
            int(found.get("redriveCount") or 0),
            found["stopDate"] - (found.get("redriveDate") or found["startDate"])
            if found.get("stopDate")
            else None,
            Scope.of(found.get("input")),
        )

    def followed(self, name: str) -> Iterator[Run]:
        """Poll the run until it has ended, yielding its state each time."""
        while True:
            run = self.describe(name)
            yield run
            if run.status != "RUNNING":
                return
            time.sleep(self._pause)

    def failed(self, run: Run) -> Iterator[FailedItem]:
        """Yield every item that failed and did not succeed in a redrive."""
        for line in self._undone(run, "FAILED"):
            yield FailedItem(
                json.loads(line["Input"]),
                line.get("Error") or str(line.get("Status", "FAILED")),
                reason_in(line.get("Cause")),
            )

    def undone(self, run: Run) -> Iterator[str]:
        """Yield the keys of items that failed or were not started."""
        return (json.loads(line["Input"])["key"] for line in self._undone(run, "FAILED", "PENDING"))

    def list_undone(self, run: Run) -> tuple[str, int]:
        """Write the undone keys to the reports bucket for another run; return the list's key and their number."""
        key, count = f"{self._folder}{LISTS}{run.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl", 0
        with TemporaryFile() as lines:
            for count, undone in enumerate(self.undone(run), start=1):  # noqa: B007 - counted by the loop
                lines.write(json.dumps({"key": undone}).encode() + b"\n")
            if count:
                lines.seek(0)
                self._s3.upload_fileobj(lines, self._connection.output("ReportsBucketName"), key)
        return key, count

    def dispositions(self, run: Run) -> Counter[str]:
        """Count the dispositions of the items that succeeded."""
        counts, seen = Counter[str](), Digests()
        for line in self._lines(run, "SUCCEEDED"):
            if not run.redrives or seen.add(line["Input"]):  # only a redrive can list an item twice
                output = json.loads(line.get("Output") or "{}")
                counts[
                    "left unchanged" if output.get("left") else str(output.get("disposition", "done"))
                ] += 1
        return counts

    def left(self, run: Run) -> Iterator[str]:
        """Yield the keys of documents that were to be read again and were left, as their patient would change."""
        seen = Digests()
        for line in self._lines(run, "SUCCEEDED"):
            if json.loads(line.get("Output") or "{}").get("left") and seen.add(line["Input"]):
                yield json.loads(line["Input"])["key"]

    def _undone(self, run: Run, *statuses: str) -> Iterator[dict[str, Any]]:
        """Yield the lines with these statuses, one per item, without items that succeeded in a redrive."""
        if not run.redrives:
            for status in statuses:
                yield from self._lines(run, status)
            return
        left = Digests()
        for status in statuses:
            for line in self._lines(run, status):
                left.add(line["Input"])
        for line in self._lines(run, "SUCCEEDED"):
            left.take(line["Input"])
        for status in statuses:
            yield from (line for line in self._lines(run, status) if left.take(line["Input"]))

    def _lines(self, run: Run, status: str) -> Iterator[dict[str, Any]]:
        """Stream the lines of every file with this status; files may be gigabytes."""
        bucket = self._connection.output("ReportsBucketName")
        prefix = f"{self._folder}{(run.map_run or '').rpartition(':')[2]}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        for key in keys:
            if f"/{status}_" in key:
                for line in self._s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
                    if line:
                        yield json.loads(line)


def backfill_runs(connection: Connection) -> MapRuns:
    return MapRuns(connection, connection.output("BackfillStateMachineArn"), RESULTS, "--failed-of")


def adoption_runs(connection: Connection) -> MapRuns:
    return MapRuns(connection, connection.output("AdoptionStateMachineArn"), "adoption/")


def is_backfill(connection: Connection, name: str) -> bool:
    """Return whether this is the ARN of a backfill."""
    machine = connection.output("BackfillStateMachineArn").rpartition(":")[2]
    return name.startswith("arn:") and f":execution:{machine}:" in name


def refuse_half_finished(runs: MapRuns, scope: Scope, command: str) -> None:
    """Raise a Problem if a run with an overlapping scope is running, or failed and can be resumed."""
    earlier = runs.half_finished(scope)
    if earlier is None or earlier.scope is None:
        return
    where = earlier.scope.place
    place = "this place" if where == scope.place else f"{where}, which overlaps {scope.place},"
    if earlier.status == "RUNNING":
        raise Problem(
            f"a run for {place} is already in progress: {earlier.name}",
            f"follow it with `{command} --run {earlier.name}`",
        )
    raise Problem(
        f"an earlier run for {place} ended {earlier.status}: {earlier.name}",
        f"resume it with `{command} --redrive {earlier.name}`, or start a new one with --afresh",
    )


def _no_run(arn: str) -> Problem:
    name, machine = arn.rpartition(":")[2], arn.split(":")[-2]
    return Problem(
        f"there is no run {name} of {machine}", "check the name; runs are kept for 90 days after they end"
    )
