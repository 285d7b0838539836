"""Executions of the machines that are one Distributed Map: begun, found again, followed by the counts of their Map Run.

Step Functions lists no Express children, so what became of each item is read from what the run wrote into the reports
bucket: one line an item, in a file for each status. A redrive writes further files; what succeeded in any, succeeded.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from carefile.connection import Connection
from carefile.executions import ENDED_BADLY, reason_in
from carefile.problem import Problem
from lambdas.core.model import digest

_LOOKED_AT = 50


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
    """`folder` is where the machine's results are in the reports bucket."""

    def __init__(self, connection: Connection, machine: str, folder: str) -> None:
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

    def latest_about(self, asked: dict[str, Any]) -> Run | None:
        """The latest of the last runs that was asked for the same place."""
        pages = self._client.get_paginator("list_executions").paginate(stateMachineArn=self.machine)
        listed = (item for page in pages for item in page["executions"])
        for item in islice(listed, _LOOKED_AT):
            found = self._client.describe_execution(executionArn=item["executionArn"])
            given = json.loads(found.get("input") or "{}")
            if all(given.get(name) == asked[name] for name in ("bucket", "prefix")):
                return self.look(item["executionArn"])
        return None

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
        later = {line["Input"] for line in self._lines(run, "SUCCEEDED")} if run.redrives else set()
        told: set[str] = set()
        for line in self._lines(run, "FAILED"):
            if line["Input"] in later or line["Input"] in told:
                continue
            told.add(line["Input"])
            yield FailedItem(
                json.loads(line["Input"]),
                line.get("Error") or str(line.get("Status", "FAILED")),
                reason_in(line.get("Cause")),
            )

    def dispositions(self, run: Run) -> Counter[str]:
        """How the items that succeeded ended, counted."""
        counts, told = Counter[str](), set[str]()
        for line in self._lines(run, "SUCCEEDED"):
            if run.redrives:  # only then may two files tell of one item
                if line["Input"] in told:
                    continue
                told.add(line["Input"])
            counts[str(json.loads(line.get("Output") or "{}").get("disposition", "done"))] += 1
        return counts

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
    return MapRuns(connection, connection.output("BackfillStateMachineArn"), "backfill/")


def of_adoption(connection: Connection) -> MapRuns:
    return MapRuns(connection, connection.output("AdoptionStateMachineArn"), "adoption/")


def is_of(connection: Connection, name: str) -> bool:
    """Whether this is the ARN of a backfill."""
    machine = connection.output("BackfillStateMachineArn").rpartition(":")[2]
    return name.startswith("arn:") and f":execution:{machine}:" in name


def refuse_half_finished(runs: MapRuns, asked: dict[str, Any], command: str) -> None:
    """Stop where a run of the same place goes on, or failed and can be gone on with."""
    earlier = runs.latest_about(asked)
    if earlier and earlier.status == "RUNNING":
        raise Problem(
            f"{earlier.name} is at this place already", f"`{command} --run {earlier.name}` follows it"
        )
    if earlier and earlier.status in ENDED_BADLY:
        raise Problem(
            f"{earlier.name} was at this place before and ended {earlier.status}",
            f"`{command} --redrive {earlier.name}` goes on with it; --afresh begins another",
        )
