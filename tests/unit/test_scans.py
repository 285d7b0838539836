"""How a document's pictures are read after it was filed, whatever happens to it between these moments."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from carefile.cli.patients.forgetting import Forgetter
from carefile.cli.patients.traces import Finder
from carefile.cli.rule_table import rules_of
from carefile.core.documents.recognition import Line, RecognisedPage, Word
from carefile.core.model import Source as Upload
from lambdas import normalise_document
from lambdas.adapters.readings import Readings
from lambdas.intake import wiring
from lambdas.intake.convergence import Outcome
from lambdas.intake.convergence import Upload as Asked
from lambdas.intake.scans import Scans
from lambdas.readers import choosing
from lambdas.readers.source import Source
from lambdas.scans.reading import Batch, PageRead
from tests.scans.paper import page, tiff
from tests.unit.conftest import connection_to
from tests.unit.test_corroboration import PEOPLE, list_all, patient
from tests.unit.world import (
    LANDING,
    PROCESSED,
    REPORTS,
    World,
    cataloged,
    created_event,
    execution_arn,
    submitted_event,
)

KEY = "documents/P/fax.tiff"
RECORD, MANIFEST = "processed/P_fax/extracted_data.json", "processed/P_fax/_manifest.json"
FAX = tiff([page(dpi=50), page(dpi=50)])
OTHER = tiff([page("another", dpi=50)])


@dataclass
class Scripted:
    """An engine that reads a page a call, and sees on each that it is page so and so."""

    pages: int = 2
    failing: frozenset[int] = frozenset()
    read_pages: list[int] = field(default_factory=list)
    engine: str = "scripted"
    version: str = "1"
    languages: Sequence[str] = ("eng",)
    of_page: tuple[str, ...] = ()

    def read(
        self, source: Source, format_: str, *, first: int = 1, known: frozenset[str] = frozenset()
    ) -> Batch:
        assert format_ == "tiff"
        following = first + 1 if first < self.pages else None
        if first in self.failing:
            return Batch((PageRead(first, failed="too-slow"),), following)
        digest = f"{len(source.data)}-{first}"
        if digest in known:
            return Batch((PageRead(first, digest),), following)
        self.read_pages.append(first)
        texts = self.of_page or (f"sheet{first}",)
        lines = [Line(tuple(Word(word, (1, 1, 9, 9), 90) for word in text.split())) for text in texts]
        found = RecognisedPage(first, 10, 20, 0, tuple(lines))
        return Batch((PageRead(first, digest, found, b"jpeg"),), following)


class Reading:
    """The two steps of reading, as the machine takes them."""

    def __init__(self, world: World) -> None:
        self.world, self.engine = world, Scripted()
        self.readings = Readings(world.s3, REPORTS)

    @property
    def scans(self) -> Scans:
        return Scans(wiring.landing(), self.readings, self.engine, wiring.intake())

    def asked(self, detail: dict[str, Any], name: str) -> Asked:
        source = detail["source"]
        version = source.get("version_id")
        return Asked(Upload(source["bucket"], source["key"]), version, version, execution_arn(name))

    def read(self, detail: dict[str, Any], name: str = "r1") -> list[dict[str, Any]]:
        pages: list[dict[str, Any]] = []
        first = 1
        while first:
            batch = self.scans.read(self.asked(detail, name), first)
            pages += batch["pages"]
            first = batch["next"]
        return pages

    def file(self, detail: dict[str, Any], pages: list[dict[str, Any]], name: str = "r1") -> Outcome:
        return self.scans.file(self.asked(detail, name), pages)

    def record(self, key: str = RECORD) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.world.body(key))
        return found

    def status(self, key: str = RECORD) -> str | None:
        return self.record(key).get("reading", {}).get("status")


@pytest.fixture
def reading(world: World, monkeypatch: pytest.MonkeyPatch) -> Reading:
    monkeypatch.setenv("OCR", "on")
    world.wire()
    return Reading(world)


@pytest.fixture
def listed(reading: Reading, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("PATIENTS", "listed")
    reading.world.wire()
    list_all(reading.world, *(patient(number, *facts) for number, facts in PEOPLE.items()))
    return reading.world


def filed(reading: Reading, body: bytes = FAX, name: str = "e1") -> dict[str, Any]:
    version = reading.world.upload(KEY, body)
    found: dict[str, Any] = cataloged(reading.world.run(created_event(KEY, version), name))
    return found


def of(outcome: Outcome) -> dict[str, Any]:
    (event,) = (event for event in outcome.events if event.type.value == "Object Cataloged")
    return event.detail


def test_a_stage_that_reads_no_scans_files_them_as_ever(world: World) -> None:
    world.upload(KEY, FAX)
    detail = cataloged(world.run(created_event(KEY)))

    assert "reading" not in detail
    assert "reading" not in json.loads(world.body(RECORD))
    assert "carefile-reading" not in world.s3.head_object(Bucket=PROCESSED, Key=RECORD)["Metadata"]


def test_a_scan_is_filed_at_once_and_says_that_it_is_still_to_be_read(reading: Reading) -> None:
    detail = filed(reading)

    assert detail["reading"] == {"status": "pending"}
    assert reading.status() == "pending"
    assert json.loads(reading.world.body(MANIFEST))["reading"] == {"status": "pending"}


def test_a_document_with_text_waits_for_nothing(reading: Reading) -> None:
    reading.world.upload("documents/P/note.txt", b"hello")
    detail = cataloged(reading.world.run(created_event("documents/P/note.txt")))

    assert "reading" not in detail


def test_once_read_it_is_filed_at_the_same_place_and_announced_again(reading: Reading) -> None:
    first = filed(reading)
    second = of(reading.file(first, reading.read(first)))

    assert second["reading"] == {"status": "done", "engine": "scripted 1", "confidence": 90}
    assert second["location"]["prefix"] == first["location"]["prefix"]
    assert second["event_id"] == first["event_id"]
    assert second["revision"] > first["revision"]
    assert [block["text"] for block in reading.record()["content"]] == ["sheet1", "sheet2"]
    assert reading.record()["status"] == "read"
    assert "sheet2" in reading.world.body("processed/P_fax/result.html").decode()


def test_a_page_that_failed_loses_no_other(reading: Reading) -> None:
    reading.engine.failing = frozenset({1})
    first = filed(reading)
    second = of(reading.file(first, reading.read(first)))

    assert second["reading"]["status"] == "done"
    assert reading.record()["status"] == "partly-read"
    assert [block["text"] for block in reading.record()["content"]] == ["sheet2"]


def test_where_no_page_could_be_read_the_reading_failed(reading: Reading) -> None:
    reading.engine.failing = frozenset({1, 2})
    first = filed(reading)
    second = of(reading.file(first, reading.read(first)))

    assert second["reading"] == {"status": "failed", "engine": "scripted 1", "reason": "too-slow"}


def test_no_page_is_read_twice(reading: Reading) -> None:
    first = filed(reading)
    reading.file(first, reading.read(first))
    assert reading.read(first, "r2") == reading.read(first, "r3")
    assert reading.engine.read_pages == [1, 2]


def test_the_same_reading_twice_ends_as_once(reading: Reading) -> None:
    first = filed(reading)
    pages = reading.read(first)
    once, twice = of(reading.file(first, pages)), of(reading.file(first, pages, "r2"))

    assert twice["disposition"] == "duplicate"
    assert twice["revision"] == once["revision"]
    assert twice["reading"] == once["reading"]


def test_an_intake_that_comes_again_leaves_what_was_read(reading: Reading) -> None:
    first = filed(reading)
    done = of(reading.file(first, reading.read(first)))
    again = cataloged(reading.world.run(created_event(KEY, first["source"]["version_id"]), "e2"))

    assert again["disposition"] == "duplicate"
    assert again["reading"] == done["reading"]
    assert reading.status() == "done"


def test_a_newer_upload_wins_over_a_slow_reading(reading: Reading) -> None:
    first = filed(reading)
    pages = reading.read(first)
    newer = filed(reading, OTHER, "e2")

    late = of(reading.file(first, pages))

    assert late["source"]["version_id"] == newer["source"]["version_id"]
    assert late["reading"] == {"status": "pending"}
    assert reading.status() == "pending"
    assert reading.world.body("processed/P_fax/original.tiff") == OTHER


@pytest.mark.parametrize("after", ["write", "put"])
def test_a_newer_upload_during_the_filing_of_a_reading_wins(
    reading: Reading, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = filed(reading)
    pages = reading.read(first)
    scans = reading.scans
    owner: Any = scans.intake.filing.processed
    real, calls = owner.put, []

    def put(*arguments: Any, **named: Any) -> Any:
        done = real(*arguments, **named) if after == "write" else None
        calls.append(1)
        if len(calls) == 1:
            filed(reading, OTHER, "e2")
        return done or real(*arguments, **named)

    monkeypatch.setattr(owner, "put", put)
    late = of(scans.file(reading.asked(first, "r1"), pages))

    assert late["reading"] == {"status": "pending"}
    assert reading.status() == "pending"
    assert "sheet1" not in reading.world.body("processed/P_fax/result.html").decode()
    assert json.loads(reading.world.body(MANIFEST))["reading"] == {"status": "pending"}


def test_what_was_moved_meanwhile_is_read_where_it_is_now(reading: Reading) -> None:
    first = filed(reading)
    pages = reading.read(first)
    moved = reading.world.run(submitted_event(KEY, {"patient_id": "Q"}), "e2")
    assert cataloged(moved)["reading"] == {"status": "pending"}

    late = of(reading.file(first, pages))

    assert late["location"]["prefix"] == "processed/Q_fax/"
    assert reading.status("processed/Q_fax/extracted_data.json") == "done"
    listed = reading.world.s3.list_objects_v2(Bucket=PROCESSED, Prefix="processed/P_fax/")["Contents"]
    assert [item["Key"] for item in listed] == [MANIFEST]


def test_a_record_that_another_intake_wrote_half_over_is_written_whole_again(reading: Reading) -> None:
    """A slow intake of the same version may leave its record, without a reading, between those of a reading."""
    first = filed(reading)
    pending = reading.world.s3.get_object(Bucket=PROCESSED, Key=RECORD)
    reading.file(first, reading.read(first))
    reading.world.s3.put_object(
        Bucket=PROCESSED, Key=RECORD, Body=pending["Body"].read(), Metadata=pending["Metadata"]
    )

    again = cataloged(reading.world.run(created_event(KEY, first["source"]["version_id"]), "e2"))

    assert again["reading"] == {"status": "pending"}
    of(reading.file(first, reading.read(first), "r2"))
    assert reading.status() == "done"


def test_of_a_version_that_is_gone_nothing_is_read(reading: Reading) -> None:
    first = filed(reading)
    reading.world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=first["source"]["version_id"])

    assert reading.read(first) == []
    assert reading.engine.read_pages == []


def test_a_reading_that_was_lost_fails_its_page_alone(reading: Reading) -> None:
    first = filed(reading)
    pages = reading.read(first)
    key = f"readings/{first['source_id']}/{pages[0]['digest']}"
    reading.world.s3.delete_object(Bucket=REPORTS, Key=key)

    reading.file(first, pages)

    assert [block["text"] for block in reading.record()["content"]] == ["sheet2"]


def test_a_scan_that_was_filed_before_scans_were_read_is_read_when_it_comes_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = world.upload(KEY, FAX)
    world.run(created_event(KEY, version))
    monkeypatch.setenv("OCR", "on")
    world.wire()

    again = cataloged(world.run(created_event(KEY, version), "e2"))

    assert again["reading"] == {"status": "pending"}


def test_nothing_recognised_changes_whose_the_document_is(reading: Reading) -> None:
    version = reading.world.upload("documents/fax.tiff", FAX)
    first = cataloged(reading.world.run(created_event("documents/fax.tiff", version)))
    second = of(reading.file(first, reading.read(first)))

    assert second["patient"] == first["patient"]
    assert second["evidence"] == first["evidence"]


LISTED = "documents/5001/fax.tiff"
SOMEBODY_ELSES = ("Patient: Ana Ruiz Soto", "DOB: 1984-02-11", "MRN: 4711")


def reread(reading: Reading, how: str, *, of_page: Sequence[str]) -> list[Outcome]:
    """A scan of 5001's, that is read again and recognised by an engine that sees this now; and comes twice."""
    world = reading.world
    version = world.upload(LISTED, FAX)
    first = cataloged(world.run(created_event(LISTED, version)))
    reading.file(first, reading.read(first))
    reading.engine.of_page, reading.engine.version = tuple(of_page), "2"
    better = {**choosing.VERSIONS, "tiff": choosing.VERSIONS["tiff"] + 1}
    world.monkeypatch.setattr(choosing, "VERSIONS", better)
    reading.readings.drop(Upload(LANDING, LISTED).source_id)
    upload = world.classify({"bucket": LANDING, "key": LISTED}, "again")["upload"]
    asked = {"upload": upload, "execution": execution_arn("again"), "reread": how}
    pending = cataloged(normalise_document.handler(asked, None))
    assert (pending["reading"], pending["patient"]["id"]) == ({"status": "pending"}, "5001")
    return [reading.file(pending, reading.read(pending, name), name) for name in ("r2", "r3")]


def test_a_scan_that_was_read_again_is_not_moved_by_what_is_recognised_now(
    reading: Reading, listed: World
) -> None:
    for outcome in reread(reading, "leave", of_page=SOMEBODY_ELSES):
        assert outcome.is_left
        assert (of(outcome)["patient"]["id"], of(outcome)["reading"]["status"]) == ("5001", "done")
        assert [event.type.value for event in outcome.events] == ["Object Cataloged"]
    record = reading.record("processed/5001_fax/extracted_data.json")
    assert "Ana Ruiz Soto" in json.dumps(record["content"])
    assert "owner-would-change" in {warning["code"] for warning in record["warnings"]}
    assert listed.filed("processed/unknown") == []


def test_a_scan_that_was_read_again_and_may_move_is_moved(reading: Reading, listed: World) -> None:
    for outcome in reread(reading, "move", of_page=SOMEBODY_ELSES):
        assert not outcome.is_left
        assert of(outcome)["patient"] == {"status": "unknown", "reason": "conflict"}
    assert listed.filed("processed/5001") == ["processed/5001_fax/_manifest.json"]


def test_a_scan_that_was_read_again_and_says_nothing_else_is_filed_as_ever(
    reading: Reading, listed: World
) -> None:
    for outcome in reread(reading, "leave", of_page=["All is well."]):
        assert not outcome.is_left
        assert of(outcome)["patient"]["id"] == "5001"
    record = reading.record("processed/5001_fax/extracted_data.json")
    assert {warning["code"] for warning in record["warnings"]} == {"recognised"}


def kept(world: World) -> int:
    return len(world.s3.list_object_versions(Bucket=REPORTS).get("Versions", ()))


def test_nothing_is_kept_of_a_version_that_was_deleted_while_it_was_read(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    detail = filed(reading)
    read = reading.engine.read

    def deleted_meanwhile(*told: Any, **named: Any) -> Batch:
        version = detail["source"]["version_id"]
        reading.world.s3.delete_object(Bucket=LANDING, Key=KEY, VersionId=version)
        return read(*told, **named)

    monkeypatch.setattr(reading.engine, "read", deleted_meanwhile)
    assert reading.read(detail) == []
    assert kept(reading.world) == 0


def test_a_patient_is_forgotten_with_what_was_kept_of_the_pages(reading: Reading) -> None:
    world, connection = reading.world, connection_to(reading.world)
    detail = filed(reading)
    world.index(detail)
    reading.read(detail)
    assert kept(world) == 2

    traces = Finder(connection, "P", rules_of(connection)).find()
    forgetter = Forgetter(connection, "P", rest=timedelta(0))
    before, done = forgetter.tally(traces), forgetter.forget(traces)
    assert before.readings == done.readings == 2
    assert before.bytes == done.bytes
    assert kept(world) == 0


class Interrupted:
    """The AWS clients of a reading, before whose n-th call something else happens."""

    def __init__(self, client: Any, at: int, happens: Callable[[], None], count: list[int]) -> None:
        self._client, self._at, self._happens, self._count = client, at, happens, count

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._client, name)
        if not callable(real) or name in ("meta", "exceptions", "get_paginator"):
            return real

        def called(*arguments: Any, **named: Any) -> Any:
            self._count[0] += 1
            if self._count[0] == self._at:
                self._happens()
            return real(*arguments, **named)

        return called


@pytest.mark.parametrize("at", range(1, 9))
def test_whenever_its_patient_is_forgotten_while_it_is_read_nothing_is_left(
    reading: Reading, at: int
) -> None:
    world, connection = reading.world, connection_to(reading.world)
    detail = filed(reading)
    world.index(detail)
    count, forgotten = [0], [0]

    def forget() -> None:
        forgotten[0] += 1
        traces = Finder(connection, "P", rules_of(connection)).find()
        Forgetter(connection, "P", rest=timedelta(0)).forget(traces)

    s3 = Interrupted(world.s3, at, forget, count)
    landing, readings = wiring.Landing(s3), Readings(s3, REPORTS)  # type: ignore[arg-type]
    scans = Scans(landing, readings, reading.engine, wiring.intake())
    first = 1
    while first:
        first = scans.read(reading.asked(detail, "r1"), first)["next"]
    assert forgotten == [1]
    assert kept(world) == 0
