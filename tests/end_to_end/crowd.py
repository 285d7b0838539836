"""Many uploads at once, and the executions they started."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from local import processes
from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 8
LOOK_EVERY = 0.5  # at all uploads of a crowd, for which the embedded AWS works as hard as for some of them
Json = dict[str, Any]


@dataclass(frozen=True)
class File:
    """What somebody uploads; a key that comes twice is overwritten, in the order of the list."""

    key: str
    body: bytes
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Uploaded:
    file: File
    version_id: str

    @property
    def key(self) -> str:
        return self.file.key


def in_parallel(work: Callable[[T], R], items: Iterable[T]) -> list[R]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(work, items))


class Crowd:
    """The uploads of one test, all at once, and what the pipeline made of them."""

    def __init__(self, pipeline: Pipeline) -> None:
        self.pipeline = pipeline
        self.uploads: list[Uploaded] = []
        self.peak_memory = 0
        self._executions: dict[str, Json] = {}
        self._unseen: dict[str, Json] = {}

    def upload(self, files: Sequence[File]) -> None:
        by_key: dict[str, list[File]] = defaultdict(list)
        for file in files:
            by_key[file.key].append(file)

        def put(versions: list[File]) -> list[Uploaded]:
            return [
                Uploaded(file, self.pipeline.upload(file.key, file.body, Metadata=file.metadata))
                for file in versions
            ]

        for done in in_parallel(put, by_key.values()):
            self.uploads += done

    @property
    def newest(self) -> dict[str, Uploaded]:
        return {upload.key: upload for upload in self.uploads}

    def settle(self, seconds: float) -> None:
        """Wait until every upload has an execution and none is running."""
        eventually(lambda: not self.without_execution() and not self.running(), seconds, LOOK_EVERY)

    def rest(self, seconds: float) -> None:
        """Wait until no execution is running."""
        eventually(lambda: not self.running(), seconds, LOOK_EVERY)

    def running(self) -> int:
        """How many executions have not ended; looks at the emulator's memory on the way."""
        self.peak_memory = max(self.peak_memory, memory_of(self.pipeline))
        found = self.pipeline.aws.client("stepfunctions").list_executions(
            stateMachineArn=self.pipeline.machine, statusFilter="RUNNING"
        )
        return len(found["executions"])

    def forget(self) -> None:
        """What was learned of executions: the embedded AWS may know less of them now."""
        self._executions.clear()
        self._unseen.clear()

    def without_execution(self) -> list[Uploaded]:
        ends = self.ends()
        return [upload for upload in self.uploads if upload.version_id not in ends]

    def ends(self) -> dict[str, list[Json]]:
        """The descriptions of the executions of each version, the oldest first."""
        pages = self.pipeline.aws.client("stepfunctions").get_paginator("list_executions")
        listed = [
            item
            for page in pages.paginate(stateMachineArn=self.pipeline.machine)
            for item in page["executions"]
        ]
        describe = self.pipeline.aws.client("stepfunctions").describe_execution
        unknown = [
            item["executionArn"]
            for item in listed
            if self._executions.get(item["executionArn"], {}).get("status") != item["status"]
        ]
        for found in in_parallel(lambda arn: describe(executionArn=arn), unknown):
            self._executions[found["executionArn"]] = found
        mine = {upload.version_id for upload in self.uploads}
        ends: dict[str, list[Json]] = defaultdict(list)
        for found in sorted(self._executions.values(), key=lambda item: item["startDate"]):
            version_id = version_asked(found)
            if version_id in mine:
                ends[version_id].append(found)
        unseen = [upload for upload in self.uploads if upload.version_id not in ends]
        for upload, end in zip(unseen, in_parallel(self._unseen_end, unseen), strict=True):
            if end:
                ends[upload.version_id].append(end)
        return dict(ends)

    def _unseen_end(self, upload: Uploaded) -> Json | None:
        """What the lane tells of an intake that is no execution of the machine, asked until it ended."""
        if upload.version_id not in self._unseen:
            end = self.pipeline.end_of(upload.key, upload.version_id)
            if end is None:
                return None
            self._unseen[upload.version_id] = end
        return self._unseen[upload.version_id]

    def failed(self) -> list[Uploaded]:
        """The uploads of which no execution succeeded."""
        ends = self.ends()
        return [
            upload
            for upload in self.uploads
            if all(end["status"] != "SUCCEEDED" for end in ends.get(upload.version_id, []))
        ]


def version_asked(execution: Json) -> str | None:
    """The version that an execution was started for, by an event of S3's or by hand."""
    data = json.loads(execution["input"])
    if not isinstance(data, dict):
        return None
    detail = data.get("detail", data)
    return detail.get("version_id") or detail.get("object", {}).get("version-id")


def memory_of(pipeline: Pipeline) -> int:
    """What the embedded AWS's own process holds in memory, in MB."""
    running = processes.find(pipeline.aws.settings)
    assert running is not None
    shown = subprocess.run(
        ["ps", "-o", "rss=", "-p", str(running.aws_pid)], capture_output=True, text=True, check=False
    )
    return int(shown.stdout.strip() or 0) // 1024
