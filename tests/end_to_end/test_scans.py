"""Scans on the deployed stack: filed at once, read afterwards, announced again."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image, ImageFilter

from tests.embedded import eventually
from tests.end_to_end.conftest import Pipeline
from tests.scans.paper import LETTER, page, pdf, png, tiff

# `make test` has it in process (tests/scans, tests/unit/test_scans.py), on the machine's definition and in schedules.
pytest.importorskip("tesserocr")
SECONDS = 300


def sheets(count: int) -> list[Image.Image]:
    return [page(f"{LETTER}\nThis sheet carries number {100 + number}.") for number in range(1, count + 1)]


def photo() -> bytes:
    """A page on a table, lit from one side, a little turned and not quite in focus."""
    lying = page().rotate(3, expand=True, fillcolor=120, resample=Image.Resampling.BICUBIC)
    light = Image.linear_gradient("L").resize(lying.size).point(lambda shade: 110 + shade * 145 // 255)
    return png(
        Image.composite(lying, Image.new("L", lying.size, 20), light).filter(ImageFilter.GaussianBlur(0.8))
    )


@pytest.mark.parametrize(
    ("name", "made", "read"),
    [
        pytest.param("fax.tiff", lambda: tiff(sheets(30)), list(range(1, 31)), marks=pytest.mark.prove),
        pytest.param(
            "report.tif",
            lambda: tiff(sheets(12), compression="tiff_lzw"),
            list(range(1, 13)),
            marks=pytest.mark.prove,
        ),
        pytest.param(
            "mixed.pdf",
            lambda: pdf([LETTER, page(), LETTER, page()], label="Fax 12:03 page 2/4"),
            [2, 4],
            marks=pytest.mark.submission,
        ),
        pytest.param("photo.png", photo, [1], marks=pytest.mark.prove),
    ],
    ids=["fax of 30 pages", "TIFF of 12", "mixed PDF", "photo"],
)
def test_a_scan_is_filed_at_once_and_then_read(
    reading_pipeline: Pipeline, name: str, made: Callable[[], bytes], read: list[int]
) -> None:
    pipeline, key = reading_pipeline, f"documents/Eva_Ruiz_8/{name}"
    data = made()
    version = pipeline.upload(key, data)

    def announced(status: str) -> dict[str, Any] | None:
        for event in pipeline.heard():
            source, reading = event["source"], event.get("reading", {})
            if (source["key"], source.get("version_id"), reading.get("status")) == (key, version, status):
                return event
        return None

    first = eventually(lambda: announced("pending"), SECONDS)
    second = eventually(lambda: announced("done"), SECONDS)

    assert second["event_id"] == first["event_id"]
    assert second["revision"] > first["revision"]
    assert second["reading"]["confidence"] > 70
    folder = second["location"]["prefix"]
    assert folder == first["location"]["prefix"]
    record = json.loads(pipeline.read(f"{folder}extracted_data.json"))
    assert [it["page"] for it in record["reading"]["pages"]] == read
    assert record["status"] == "read"
    assert all(
        "Hernandez" in json.dumps(it) and "4711-0815" in json.dumps(it) for it in record["reading"]["pages"]
    )
    shown = pipeline.read(f"{folder}result.html").decode()
    assert shown.count("<svg") == len(read)
    assert pipeline.read(f"{folder}original.{name.rpartition('.')[2]}") == data
