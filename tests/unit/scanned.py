"""A stage that reads scans with an engine of the tests': what the tests of reading share."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from carefile.core.documents.recognition import Line, RecognisedPage, Word
from carefile.core.model import Source as Upload
from lambdas.adapters.readings import Readings
from lambdas.intake import wiring
from lambdas.intake.convergence import Outcome
from lambdas.intake.convergence import Upload as Asked
from lambdas.intake.scans import Scans
from lambdas.readers.source import Source
from lambdas.scans.reading import Batch, PageRead
from tests.readers.here import read_here
from tests.scans.paper import page, tiff
from tests.unit.world import REPORTS, World, cataloged, created_event, execution_arn

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
def reading(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """Faxes are looked at in this process: that each has one of its own is for tests/readers, and takes its time."""
    monkeypatch.setenv("OCR", "on")
    world.wire()
    with read_here():
        yield Reading(world)


def filed(reading: Reading, body: bytes = FAX, name: str = "e1") -> dict[str, Any]:
    version = reading.world.upload(KEY, body)
    found: dict[str, Any] = cataloged(reading.world.run(created_event(KEY, version), name))
    return found


def of(outcome: Outcome) -> dict[str, Any]:
    (event,) = (event for event in outcome.events if event.type.value == "Object Cataloged")
    return event.detail
