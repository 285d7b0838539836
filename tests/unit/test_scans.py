"""How a document's pictures are read after it was filed, whatever happens to it between these moments."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest

from carefile.core.documents.extraction import DocumentFacts, Entity, Extraction, ReadingWarning, Status
from carefile.core.documents.scans import shows_text
from lambdas.intake import scans
from tests.unit.scanned import FAX, KEY, MANIFEST, OTHER, RECORD, Reading, filed, of, reading
from tests.unit.world import LANDING, PROCESSED, REPORTS, World, cataloged, created_event, submitted_event

__all__ = ["reading"]  # a fixture


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


@pytest.mark.parametrize(
    ("kind", "shows"),
    [
        ("Secondary Capture Image Storage", True),
        ("Encapsulated PDF Storage", True),
        ("CT Image Storage", False),
    ],
)
def test_a_dicom_image_shows_text_if_it_is_a_document(kind: str, shows: bool) -> None:
    facts = DocumentFacts("x.dcm", 1, 1, "dicom", "application/dicom")
    image = Entity("Image", "/", (("kind", kind),))
    picture = ReadingWarning("picture", "not read")
    assert shows_text(Extraction(facts, Status.READ, entities=(image,), warnings=(picture,))) is shows


def test_a_compressed_scan_is_read_through(reading: Reading) -> None:
    version = reading.world.upload(KEY, gzip.compress(FAX), ContentEncoding="gzip")
    first = cataloged(reading.world.run(created_event(KEY, version)))

    assert [page["digest"] for page in reading.read(first)] == [f"{len(FAX)}-1", f"{len(FAX)}-2"]


@pytest.mark.parametrize(("room", "shown"), [(8, 2), (7, 1)])
def test_the_page_shows_the_pictures_that_were_read_as_far_as_there_is_room(
    reading: Reading, monkeypatch: pytest.MonkeyPatch, room: int, shown: int
) -> None:
    monkeypatch.setattr(scans, "SHOWN_TOTAL", room)
    first = filed(reading)
    reading.file(first, reading.read(first))

    page = reading.world.body("processed/P_fax/result.html").decode()
    assert page.count(base64.b64encode(b"jpeg").decode()) == shown


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
