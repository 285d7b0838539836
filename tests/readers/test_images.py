"""Images: what is told of them, the picture on the page, and what never leaves them."""

from __future__ import annotations

import io
import struct
import time
import zlib
from typing import Any

import pytest
from PIL import Image

from carefile.core.documents.extraction import Extraction, Status
from lambdas.readers import Content, limits, read
from tests.readers.here import read_here
from tests.readers.schema import assert_is_fit

PLACE = {1: "N", 2: (48.0, 8.0, 14.0), 3: "E", 4: (11.0, 34.0, 31.0)}


def image_of(format_: str, mode: str = "RGB", size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size, 1 if mode == "1" else 40).save(file, format_, **options)
    return file.getvalue()


def read_image(data: bytes, size: int | None = None) -> Extraction:
    extraction = read(Content(data, size or len(data)), name="x.bin", declared_type=None)
    assert_is_fit(extraction)
    return extraction


def shown(extraction: Extraction) -> Image.Image:
    assert extraction.picture is not None
    image = Image.open(io.BytesIO(extraction.picture.data))
    image.load()
    assert image.size == (extraction.picture.width, extraction.picture.height)
    return image


def codes(extraction: Extraction) -> set[str]:
    return {warning.code for warning in extraction.warnings}


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes, said to have so many pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0" * 100)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize(
    ("format_", "mode"),
    [("PNG", "RGBA"), ("PNG", "I;16"), ("PNG", "P"), ("JPEG", "CMYK"), ("TIFF", "1"), ("TIFF", "F")],
)
def test_an_image_is_filed_with_its_size_and_a_picture(format_: str, mode: str) -> None:
    extraction = read_image(image_of(format_, mode))
    assert extraction.document.media_type == f"image/{format_.lower()}"
    assert (extraction.status, extraction.reason) == (Status.NOT_READ, "no-text")
    assert {("width", "40 pixels"), ("height", "30 pixels")} <= set(extraction.document.metadata)
    assert shown(extraction).size == (40, 30)


def test_where_a_picture_was_taken_and_of_whom_stays_in_the_original() -> None:
    exif = Image.Exif()
    exif[271], exif[274] = "Acme", 6
    exif.get_ifd(0x8769)[36867] = "2026:10:01 10:11:12"
    exif.get_ifd(0x8769)[0xA430] = "secret owner"
    exif.get_ifd(0x8825).update(PLACE)
    extraction = read_image(image_of("JPEG", exif=exif, comment=b"secret comment"))
    assert {("camera", "Acme"), ("taken", "2026:10:01 10:11:12")} <= set(extraction.document.metadata)
    assert codes(extraction) == {"picture", "location"}
    picture = shown(extraction)
    assert picture.size == (30, 40), "turned the right way up"
    assert not picture.getexif()
    assert extraction.picture
    assert b"secret" not in extraction.to_bytes() + extraction.picture.data


def test_a_large_image_is_shown_small() -> None:
    noise = Image.effect_noise((3000, 2000), 100).convert("RGB")
    file = io.BytesIO()
    noise.save(file, "JPEG")
    extraction = read_image(file.getvalue())
    assert extraction.picture
    assert max(shown(extraction).size) <= limits.MAX_PICTURE_SIDE
    assert len(extraction.picture.data) <= limits.MAX_PICTURE
    assert ("width", "3000 pixels") in extraction.document.metadata


def test_a_radiograph_of_twelve_bits_is_not_black() -> None:
    image = Image.new("I;16", (64, 64))
    image.paste(4095, (32, 0, 64, 64))
    file = io.BytesIO()
    image.save(file, "TIFF")
    darkest, lightest = shown(read_image(file.getvalue())).getextrema()
    assert darkest < 10
    assert lightest > 245


def test_a_cut_off_image_is_shown_as_far_as_it_goes() -> None:
    noise = Image.effect_noise((300, 300), 100)
    file = io.BytesIO()
    noise.save(file, "PNG")
    extraction = read_image(file.getvalue()[:30_000])
    assert extraction.picture
    assert extraction.picture.is_partial


def test_of_many_pages_the_first_is_shown() -> None:
    file = io.BytesIO()
    pages = [Image.new("1", (50, 60)) for _ in range(3)]
    pages[0].save(file, "TIFF", save_all=True, append_images=pages[1:])
    extraction = read_image(file.getvalue())
    assert extraction.document.pages == 3
    assert "first-page" in codes(extraction)
    assert shown(extraction).size == (50, 60)


def test_an_image_that_would_unpack_to_more_memory_than_there_is_is_told_of_and_not_shown() -> None:
    extraction = read_image(png_that_claims(60_000, 60_000))
    assert ("width", "60000 pixels") in extraction.document.metadata
    assert "no-picture" in codes(extraction)
    assert extraction.picture is None


def test_an_image_that_is_not_there_as_a_whole_is_told_of_and_not_shown() -> None:
    extraction = read_image(image_of("PNG"), size=limits.MAX_READ + 1)
    assert ("width", "40 pixels") in extraction.document.metadata
    assert extraction.picture is None


@pytest.mark.parametrize(
    "data", [b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\x00", b"II*\x00\x08\x00\x00\x00\xff\xff"]
)
def test_what_only_begins_like_an_image_is_damaged(data: bytes) -> None:
    assert read_image(data).reason == "damaged"


def test_the_pages_of_an_endless_image_are_not_all_counted() -> None:
    entries = ((256, 3, 10), (257, 3, 10), (273, 4, 8))
    directory = struct.pack("<H", 3) + b"".join(
        struct.pack("<HHII", tag, type_, 1, n) for tag, type_, n in entries
    )
    data, step = b"II*\0" + struct.pack("<I", 8), len(directory) + 4
    data += b"".join(directory + struct.pack("<I", 8 + step * page) for page in range(1, 5_000))
    begun = time.process_time()
    with read_here():
        extraction = read(Content(data, len(data)), name="x.tiff", declared_type=None)
    assert time.process_time() - begun < 3
    assert extraction.document.pages == limits.MAX_PAGES
    assert "pages" in {cut.what for cut in extraction.cuts}
