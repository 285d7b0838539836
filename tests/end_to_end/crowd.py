"""Many uploads at once, and what must be true of the buckets, the executions and the catalog once all is quiet."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

from lambdas.core.model import Source
from local import processes
from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline

T = TypeVar("T")
R = TypeVar("R")
AT_ONCE = 8
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
        eventually(lambda: not self.without_execution() and not self.running(), seconds)

    def running(self) -> int:
        """How many executions have not ended; looks at the emulator's memory on the way."""
        self.peak_memory = max(self.peak_memory, memory_of(self.pipeline))
        found = self.pipeline.aws.client("stepfunctions").list_executions(
            stateMachineArn=self.pipeline.machine, statusFilter="RUNNING"
        )
        return len(found["executions"])

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
        return dict(ends)

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


@dataclass(frozen=True)
class Shown:
    """An object of the processed bucket that an intake wrote."""

    key: str
    etag: str
    source_id: str
    version: str
    revision: int
    role: str

    @property
    def folder(self) -> str:
        """A document's folder, or the session's; nothing of two owners may be in it."""
        return self.key.rpartition("/")[0] if self.role != "session" else "/".join(self.key.split("/")[:3])


@dataclass(frozen=True)
class Rest:
    """Buckets and catalog when all is quiet, as far as they are about one crowd."""

    crowd: Crowd
    shown: list[Shown]
    catalog: dict[str, Json]
    tags: dict[str, dict[str, str]]

    @classmethod
    def of(cls, crowd: Crowd, seconds: float = 30) -> Rest:
        """Look at everything, as soon as the catalog knows every source that is shown (it is told by events)."""
        pipeline = crowd.pipeline
        sources = {source_id(pipeline, key) for key in crowd.newest}
        shown = [item for item in in_parallel(lambda key: _shown(pipeline, key), pipeline.keys("")) if item]
        expected = {item.source_id: item.revision for item in shown if item.source_id in sources}

        def caught_up() -> dict[str, Json] | None:
            found = _catalog(pipeline, sources)
            known = {name: int(item["revision"]["N"]) for name, item in found.items()}
            return (found or {"": {}}) if all(known.get(n, 0) >= r for n, r in expected.items()) else None

        try:
            catalog = eventually(caught_up, seconds)
        except AssertionError:
            catalog = _catalog(pipeline, sources)
        catalog.pop("", None)
        tags = in_parallel(
            lambda upload: pipeline.tags(pipeline.landing, upload.key, VersionId=upload.version_id),
            crowd.uploads,
        )
        return cls(crowd, shown, catalog, dict(zip((u.version_id for u in crowd.uploads), tags, strict=True)))

    def of_source(self, key: str) -> list[Shown]:
        wanted = source_id(self.crowd.pipeline, key)
        return [item for item in self.shown if item.source_id == wanted]

    def lost(self) -> list[Uploaded]:
        """The newest versions that are neither shown nor in the catalog as they should be."""
        return [
            upload
            for key, upload in self.crowd.newest.items()
            if not self._shows(upload)
            or self.catalog.get(source_id(self.crowd.pipeline, key), {}).get("landing_version")
            != {"S": upload.version_id}
        ]

    def _shows(self, upload: Uploaded) -> bool:
        of_source = self.of_source(upload.key)
        body = hashlib.md5(upload.file.body, usedforsecurity=False).hexdigest()
        return (
            bool(of_source)
            and {item.version for item in of_source} == {upload.version_id}
            and [item.etag for item in of_source if item.role in ("original", "session")] == [body]
            and len(of_source) in (1, 4)
        )

    def assert_right(self) -> None:
        """Every upload has one visible disposition; the newest of each key is what is shown, byte for byte, once, in a
        folder of its own; and the catalog says just that."""
        assert [upload.key for upload in self.lost()] == []
        self.assert_one_disposition_each()
        self.assert_no_shared_folder()
        self.assert_catalog_equals_bucket()

    def assert_one_disposition_each(self) -> None:
        ends = self.crowd.ends()
        for upload in self.crowd.uploads:
            (*_, last) = ends[upload.version_id]
            assert last["status"] == "SUCCEEDED", last
            status, said = (
                self.tags[upload.version_id]["pipeline-status"],
                json.loads(last["output"])["disposition"],
            )
            newest = self.crowd.newest[upload.key] is upload
            assert status == "cataloged" if newest else status in ("cataloged", "superseded"), upload.key
            assert said in ("cataloged", "duplicate") if newest else said in ("cataloged", "superseded")

    def assert_no_shared_folder(self) -> None:
        owners: dict[str, set[str]] = defaultdict(set)
        for item in self.shown:
            assert len(item.key.encode()) <= 1024
            if item.role == "session":
                assert item.key.split("/")[1].endswith("_medical_notes")
                assert item.key.split("/")[2].startswith("session_")
            else:
                assert not item.key.split("/")[1].endswith("_medical_notes")
                assert item.key.count("/") == 2
                owners[item.folder].add(item.source_id)
        assert [folder for folder, sources in owners.items() if len(sources) > 1] == []

    def assert_catalog_equals_bucket(self) -> None:
        assert len(self.catalog) == len(self.crowd.newest)
        places = [(item["bucket"]["S"], item["key"]["S"]) for item in self.catalog.values()]
        assert len(set(places)) == len(places)
        assert len({item["event_id"]["S"] for item in self.catalog.values()}) == len(self.catalog)
        by_key = {item.key: item for item in self.shown}
        for name, entry in self.catalog.items():
            stored = by_key[entry["key"]["S"]]
            assert (stored.source_id, stored.version) == (name, entry["landing_version"]["S"])
            assert stored.revision == int(entry["revision"]["N"])
            assert stored.key.startswith(entry["prefix"]["S"])


def source_id(pipeline: Pipeline, key: str) -> str:
    return Source(pipeline.landing, key).source_id


def _shown(pipeline: Pipeline, key: str) -> Shown | None:
    """None for a bare claim: a session's manifest, or a folder whose source went elsewhere."""
    found = pipeline.s3.head_object(Bucket=pipeline.processed, Key=key)
    stamp = found["Metadata"]
    if "carefile-source" not in stamp:
        return None
    return Shown(
        key,
        found["ETag"].strip('"'),
        stamp["carefile-source"],
        stamp["carefile-version"],
        int(stamp["carefile-revision"]),
        stamp["carefile-role"],
    )


def _catalog(pipeline: Pipeline, sources: set[str]) -> dict[str, Json]:
    pages = pipeline.aws.client("dynamodb").get_paginator("scan")
    items = [
        item
        for page in pages.paginate(TableName=pipeline.aws.outputs["CatalogTableName"])
        for item in page["Items"]
    ]
    return {item["source_id"]["S"]: item for item in items if item["source_id"]["S"] in sources}
