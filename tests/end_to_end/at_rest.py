"""What must be true of the buckets, the executions and the catalog once everything is quiet."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass

from carefile.core.model import Source
from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline
from tests.end_to_end.crowd import Crowd, Json, Uploaded, in_parallel


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
        """The newest versions that are not shown, or not in the catalog, as they should be."""
        return [
            upload
            for upload in self.crowd.newest.values()
            if not self._shows(upload) or not self._announced(upload)
        ]

    def _shows(self, upload: Uploaded) -> bool:
        of_source = self.of_source(upload.key)
        body = hashlib.md5(upload.file.body, usedforsecurity=False).hexdigest()
        return (
            len(of_source) in (1, 4)
            and {item.version for item in of_source} == {upload.version_id}
            and [item.etag for item in of_source if item.role in ("original", "session")] == [body]
        )

    def _announced(self, upload: Uploaded) -> bool:
        """A round that takes a revision and finds this version in place writes nothing, and announces its own: the
        entry may have a higher revision than what is shown."""
        entry = self.catalog.get(source_id(self.crowd.pipeline, upload.key))
        newest = max((item.revision for item in self.of_source(upload.key)), default=0)
        return (
            entry is not None
            and entry["landing_version"] == {"S": upload.version_id}
            and int(entry["revision"]["N"]) >= newest
        )

    def assert_right(self) -> None:
        """Every upload has one visible disposition; the newest of each key is what is shown, byte for byte, once, in a
        folder of its own; and the catalog says just that."""
        lost = [(u.key, self._shows(u), self._announced(u), self.tags[u.version_id]) for u in self.lost()]
        assert not lost, lost
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
            allowed = ("cataloged",) if newest else ("cataloged", "superseded")
            assert status in allowed, (upload.key, status, said)
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
            assert stored.revision <= int(entry["revision"]["N"])
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
