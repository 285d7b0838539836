"""Counts what reading a scan costs beside filing it: the real functions along the real machine, with a stand-in for the
engine, whose time is an assumption that `make bench-ocr` measures.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace

import pytest
from moto import mock_aws

from benchmarks import assumptions
from benchmarks.bill import Lane, total
from benchmarks.counting import Meter
from benchmarks.operations import Operations, Work
from carefile.core.documents.recognition import Line, RecognisedPage, Word
from infrastructure.machines.definitions import read_scan
from infrastructure.watching import prices
from lambdas import file_reading, index_catalog, read_pages
from lambdas.adapters.readings import Readings
from lambdas.intake import wiring
from lambdas.intake.scans import Scans
from lambdas.readers.source import Source
from lambdas.scans.limits import BATCH_PAGES
from lambdas.scans.reading import Batch, PageRead
from tests.scans.paper import page, tiff
from tests.unit.world import REPORTS, World, cataloged, created_event

_KEY = "documents/Ana_Ruiz/fax.tiff"
_WORDS = 300  # of a page
_PICTURE = b"x" * 60_000  # of a page, as the page shows it
_IN_A_BATCH = ("ReadPages", "AreAllPagesRead")


@dataclass(frozen=True)
class _Pages:
    """An engine that sees so many pages, a batch in a call."""

    pages: int
    engine = "tesseract"
    version = "5.5.4"
    languages = ("eng",)

    def read(
        self, source: Source, format_: str, *, first: int = 1, known: frozenset[str] = frozenset()
    ) -> Batch:
        last = min(first + BATCH_PAGES - 1, self.pages)
        line = Line(tuple(Word("potassium", (1000, 2000, 1200, 2040), 96) for _ in range(_WORDS)))
        read = tuple(
            PageRead(number, f"{number:064}", RecognisedPage(number, 1654, 2339, 0, (line,)), _PICTURE)
            for number in range(first, last + 1)
        )
        return Batch(read, last + 1 if last < self.pages else None)


def of_scan(pages: int) -> Operations:
    """What one scan of so many pages takes once it is filed."""
    with mock_aws(), pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAYOUT_SHARED", "false")
        patch.setenv("OCR", "on")
        world, meter = World(patch), Meter()
        filed = cataloged(world.run(created_event(_KEY, world.upload(_KEY, tiff([page(dpi=50)])))))
        scans = Scans(wiring.landing(), Readings(world.s3, REPORTS), _Pages(pages), wiring.intake())
        for module in (read_pages, file_reading):
            patch.setattr(module, "scans", scans)
        source = filed["source"]
        asked = {"bucket": source["bucket"], "key": source["key"], "version_id": source["version_id"]}
        about = {"upload": asked, "execution": f"{filed['execution']}-reading"}
        works: list[Work] = []
        found: list[object] = []
        states = [*read_scan()["States"]]
        with meter.reading():
            first, batches = 1, 0
            while first:
                answer, work = meter.run("ReadPages", read_pages.handler, about | {"first": first})
                read = len(answer["pages"])
                works.append(replace(work, cpu_ms=work.cpu_ms + 1000 * assumptions.SECONDS_A_PAGE * read))
                found, first, batches = found + answer["pages"], answer["next"], batches + 1
            answer, work = meter.run("FileReading", file_reading.handler, about | {"pages": found})
            works.append(work)
            detail = cataloged(answer)
            works.append(meter.run("IndexCatalog", index_catalog.handler, {"detail": detail})[1])
        path = [name for name in states if name != "RejectBatch"] + list(_IN_A_BATCH) * (batches - 1)
        return Operations(
            "scan",
            0,
            tuple(path),
            tuple(replace(work, per_object=1.0) for work in works),
            event_bytes=len(json.dumps(detail).encode()),
            tags=0,
            stored_bytes=0,
        )


def usd(pages: int) -> float:
    """What reading a million such scans costs. No upload starts it, so S3 sends no event."""
    return total(of_scan(pages), Lane.STANDARD) - prices.EVENT


def kept_usd(pages: int) -> float:
    """What their recognised pages cost while they are kept, 90 days."""
    size = pages * (len(_PICTURE) * 4 / 3 + _WORDS * 90)
    return math.ceil(size) * prices.MILLION / prices.GB * prices.STORAGE_GB_MONTH * 3
