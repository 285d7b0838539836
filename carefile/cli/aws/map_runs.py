"""Executions of the machines that are one Distributed Map: begun, found again, followed by the counts of their Map Run.

Step Functions lists no Express children, so what became of each item is read from what the run wrote into the reports
bucket: one line an item, in a file for each status. A redrive writes further files; what succeeded in any, succeeded.
However many items there were, memory is bounded: files are read as streams, and what is held of them is on disk.
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
LISTS = "lists/"
# Errors of what was typed: the run began nothing, and can't be gone on with.
NOT_BEGUN = ("RejectedBackfill", "NothingToTakeIn")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a run was asked for: a place, and whether for all of it; `failed_of` names a run whose failures it is."""

    place: Place
    whole: bool = True
    failed_of: str | None = None

    @classmethod
    def of(cls, text: str | None) -> Asked | None:
        """What an execution's input asks for; None where it names no place."""
        try:
            given = json.loads(text or "")
            place = Place(given["bucket"], given["prefix"])
        except (ValueError, KeyError, TypeError):
            return None
        if not isinstance(place.bucket, str) or not isinstance(place.prefix, str):
            return None
        return cls(place, not given.keys() & {"inventory", "list"}, given.get("failed_of"))

    def meets(self, other: Asked) -> bool:
        """Whether there may be objects that both are asked for."""
        mine, theirs = self.place.prefix, other.place.prefix
        return self.place.bucket == other.place.bucket and (
            mine.startswith(theirs) or theirs.startswith(mine)
        )

    def covers(self, other: Asked) -> bool:
        return self.meets(other) and self.whole and other.place.prefix.startswith(self.place.prefix)


@dataclass(frozen=True, slots=True)
class Run:
    """An execution, and how far its Map Run is; `counts` is empty before that has begun."""

    arn: str
    status: str
    counts: dict[str, int]
    map_run: str | None
    error: str | None
    redrives: int
    took: timedelta | None
    asked: Asked | None

    @property
    def name(self) -> str:
        return self.arn.rpartition(":")[2]

    @property
    def done(self) -> int:
        return sum(self.counts.get(name, 0) for name in ("succeeded", "failed", "timedOut", "aborted"))

    @property
    def unwell(self) -> int:
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
    """`folder` is where the machine's results are in the reports bucket; `again` the option that takes in what failed
    in a run, where there is one."""

    def __init__(self, connection: Connection, machine: str, folder: str, again: str | None = None) -> None:
        self.again = again
        self._connection, self.machine, self._folder = connection, machine, folder
        self._client, self._s3 = connection.client("stepfunctions"), connection.client("s3")
        self._pause = 3.0 if connection.endpoint is None else 0.5

    def start(self, asked: dict[str, Any]) -> str:
        """Begin a run; its ARN. The name tells when, and nothing of what."""
        now = datetime.now(UTC)
        mark = digest("run", json.dumps(asked, sort_keys=True), now.isoformat())[:8]
        started = self._client.start_execution(
            stateMachineArn=self.machine,
            name=f"{now:%Y%m%dT%H%M%S}-{mark}",
            input=json.dumps(asked, ensure_ascii=False),
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
                    f"{name} can't be re-driven: {error.response['Error'].get('Message')}",
                    "start it again for the same place: what is done already costs next to nothing",
                ) from None
            if code in ("ExecutionDoesNotExist", "InvalidArn"):
                raise Problem(f"there is no run {arn.rpartition(':')[2]}") from None
            raise
        return arn

    def half_finished(self, asked: Asked) -> Run | None:
        """A run that is at objects of this place, or failed there and can be gone on with. One that failed is done with
        once a later one succeeded for all of its place, or for its failures."""
        done, settled = list[Asked](), {asked.failed_of}
        for arn, status in self._recent():
            found = self._client.describe_execution(executionArn=arn)
            earlier = Asked.of(found.get("input"))
            if earlier is None or not earlier.meets(asked):
                continue
            if status == "SUCCEEDED":
                done.append(earlier)
                settled.add(earlier.failed_of)
            elif found["name"] not in settled and not any(later.covers(earlier) for later in done):
                run = self.look(arn)
                if status == "RUNNING" or run.counts.get("total"):  # otherwise it began nothing
                    return run
        return None

    def latest_at(self, place: Place) -> Run | None:
        """The latest run that was asked for all of this very place, as far back as it can be re-driven."""
        for arn, _ in self._recent():
            found = self._client.describe_execution(executionArn=arn)
            if found.get("error") not in NOT_BEGUN and Asked.of(found.get("input")) == Asked(place):
                return self.look(arn)
        return None

    def _recent(self) -> Iterator[tuple[str, str]]:
        """Those that run, then the others with the latest first, as far back as they can be re-driven."""
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

    def look(self, name: str) -> Run:
        arn = self.arn(name)
        try:
            found = self._client.describe_execution(executionArn=arn)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") in ("ExecutionDoesNotExist", "InvalidArn"):
                raise Problem(f"there is no run {arn.rpartition(':')[2]}") from None
            raise
        listed = self._client.list_map_runs(executionArn=arn)["mapRuns"]
        told = self._client.describe_map_run(mapRunArn=listed[-1]["mapRunArn"]) if listed else {}
        return Run(
            arn,
            found["status"],
            dict(told.get("itemCounts", {})),
            told.get("mapRunArn"),
            found.get("error"),
            int(found.get("redriveCount") or 0),
            found["stopDate"] - (found.get("redriveDate") or found["startDate"])
            if found.get("stopDate")
            else None,
            Asked.of(found.get("input")),
        )

    def followed(self, name: str) -> Iterator[Run]:
        """How the run stands, again and again until it has ended."""
        while True:
            run = self.look(name)
            yield run
            if run.status != "RUNNING":
                return
            time.sleep(self._pause)

    def failed(self, run: Run) -> Iterator[FailedItem]:
        """Every item that failed and did not succeed later."""
        for line in self._undone(run, "FAILED"):
            yield FailedItem(
                json.loads(line["Input"]),
                line.get("Error") or str(line.get("Status", "FAILED")),
                reason_in(line.get("Cause")),
            )

    def undone(self, run: Run) -> Iterator[str]:
        """The keys of all that failed in a run or was not begun."""
        return (json.loads(line["Input"])["key"] for line in self._undone(run, "FAILED", "PENDING"))

    def list_undone(self, run: Run) -> tuple[str, int]:
        """Write down these keys for another run: where in the reports bucket, and how many."""
        key, count = f"{self._folder}{LISTS}{run.name}-{datetime.now(UTC):%Y%m%dT%H%M%S}.jsonl", 0
        with TemporaryFile() as lines:
            for count, undone in enumerate(self.undone(run), start=1):  # noqa: B007 - counted by the loop
                lines.write(json.dumps({"key": undone}).encode() + b"\n")
            if count:
                lines.seek(0)
                self._s3.upload_fileobj(lines, self._connection.output("ReportsBucketName"), key)
        return key, count

    def dispositions(self, run: Run) -> Counter[str]:
        """How the items that succeeded ended, counted."""
        counts, told = Counter[str](), Digests()
        for line in self._lines(run, "SUCCEEDED"):
            if not run.redrives or told.add(line["Input"]):  # only then may two files tell of one item
                counts[str(json.loads(line.get("Output") or "{}").get("disposition", "done"))] += 1
        return counts

    def _undone(self, run: Run, *statuses: str) -> Iterator[dict[str, Any]]:
        """The lines of these statuses, one an item; after a redrive only of those that succeeded in no file."""
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
        """The lines of every file of this status; the files are read as streams, they may be gigabytes."""
        bucket = self._connection.output("ReportsBucketName")
        prefix = f"{self._folder}{(run.map_run or '').rpartition(':')[2]}/"
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        for key in keys:
            if f"/{status}_" in key:
                for line in self._s3.get_object(Bucket=bucket, Key=key)["Body"].iter_lines():
                    if line:
                        yield json.loads(line)


def of_backfill(connection: Connection) -> MapRuns:
    return MapRuns(connection, connection.output("BackfillStateMachineArn"), "backfill/", "--failed-of")


def of_adoption(connection: Connection) -> MapRuns:
    return MapRuns(connection, connection.output("AdoptionStateMachineArn"), "adoption/")


def is_of(connection: Connection, name: str) -> bool:
    """Whether this is the ARN of a backfill."""
    machine = connection.output("BackfillStateMachineArn").rpartition(":")[2]
    return name.startswith("arn:") and f":execution:{machine}:" in name


def refuse_half_finished(runs: MapRuns, asked: Asked, command: str) -> None:
    """Stop where a run of objects of this place goes on, or failed and can be gone on with."""
    earlier = runs.half_finished(asked)
    if earlier is None or earlier.asked is None:
        return
    where = earlier.asked.place
    place = "this place" if where == asked.place else f"{where}, which overlaps with {asked.place},"
    if earlier.status == "RUNNING":
        raise Problem(f"{earlier.name} is at {place} already", f"`{command} --run {earlier.name}` follows it")
    raise Problem(
        f"{earlier.name} was at {place} before and ended {earlier.status}",
        f"`{command} --redrive {earlier.name}` goes on with it; --afresh begins another",
    )
