"""Containers are named for what they are, and what an upload's Content-Encoding compresses is read through."""

from __future__ import annotations

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from carefile.core.documents.extraction import Extraction, Status, TextBlock
from lambdas.readers import MAX_READ, Content, read
from tests.readers.office import xlsx_of, zip_of
from tests.readers.reading import codes, read_bytes, speaking
from tests.readers.schema import assert_is_fit

TEXT = b"Potassium 3.9, sodium 141. " * 40


def read_encoded(
    data: bytes, encoding: str = "gzip", name: str = "x.txt", size: int | None = None
) -> Extraction:
    extraction = read(Content(data, size or len(data), encoding), name=name, declared_type=None)
    assert_is_fit(extraction)
    return extraction


def text(extraction: Extraction) -> str:
    return "".join(block.text for block in extraction.content if isinstance(block, TextBlock))


def ole(*streams: str) -> bytes:
    """An old Office container with such a directory."""
    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 22 + (9).to_bytes(2, "little")
    header += b"\0" * 16 + (1).to_bytes(4, "little")
    directory = b"".join(name.encode("utf-16-le").ljust(128, b"\0") for name in ("Root Entry", *streams))
    return header.ljust(512, b"\0") + b"\0" * 512 + directory


@pytest.mark.parametrize(
    ("data", "format_"),
    [
        (zip_of({"[Content_Types].xml": b"x", "xl/workbook.bin": b"x"}), "xlsb"),
        (zip_of({"[Content_Types].xml": b"x", "visio/document.xml": b"x"}), "vsdx"),
        (zip_of({"[Content_Types].xml": b"x", "FixedDocumentSequence.fdseq": b"x"}), "xps"),
        (zip_of({"[Content_Types].xml/[0].piece": b"x", "FixedDocSeq.fdseq": b"x"}), "xps"),
        (zip_of({"[Content_Types].xml": b"x", "ppt/presentation.xml": b"x"}), "pptx"),
        (zip_of({"META-INF/MANIFEST.MF": b"x"}), "jar"),
        (ole("WordDocument", "1Table"), "doc"),
        (ole("Workbook"), "xls"),
        (ole("Book"), "xls"),
        (ole("PowerPoint Document"), "ppt"),
        (ole("__nameid_version1.0", "__properties_version1.0"), "msg"),
        (ole("VisioDocument"), "vsd"),
        (ole("Something"), "ole"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\xff" * 60, "ole"),
    ],
)
def test_a_container_that_is_not_read_is_named(data: bytes, format_: str) -> None:
    extraction = read_bytes(data)
    assert (extraction.document.format, extraction.status) == (format_, Status.NOT_READ)
    assert "unsupported" in codes(extraction)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "x-gzip", "aws-chunked,gzip", "gzip, aws-chunked"])
def test_a_compressed_upload_is_read_through_and_described_as_it_is_stored(encoding: str) -> None:
    packed = gzip.compress(TEXT)
    extraction = read_encoded(packed, encoding)
    assert text(extraction) == TEXT.decode()
    assert (extraction.status, extraction.document.size) == (Status.READ, len(packed))
    assert extraction.document.bytes_read == len(packed)
    assert dict(extraction.document.metadata)["content encoding"] == "gzip"


def test_its_patient_is_known_as_in_a_plain_one() -> None:
    packed = gzip.compress(json.dumps({"mrn": "A-1"}).encode())
    assert speaking(read_encoded(packed)) == {"A-1"}


def test_a_workbook_in_it_is_read_in_a_process_of_its_own() -> None:
    extraction = read_encoded(gzip.compress(xlsx_of("fine")), name="x.xlsx")
    assert (extraction.document.format, extraction.status) == ("xlsx", Status.READ)


def test_several_members_are_one_text() -> None:
    assert text(read_encoded(gzip.compress(b"one ") + gzip.compress(b"two"))) == "one two"


@pytest.mark.parametrize("data", [TEXT, b"", b"\x1f\x8b"])
def test_what_is_not_compressed_after_all_is_read_as_it_is(data: bytes) -> None:
    assert read_encoded(data).to_json() == read_encoded(data, "").to_json()


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip,gzip"])
def test_another_compression_is_told(encoding: str) -> None:
    assert "content-encoding" in codes(read_encoded(b"\x1b\x00\x80\xff" * 50, encoding))


@pytest.mark.parametrize("cut", [30, -9, -1])
def test_a_damaged_one_is_read_as_far_as_it_goes(cut: int) -> None:
    packed = gzip.compress(bytes(range(32, 127)) * 3 + TEXT, mtime=0)
    extraction = read_encoded(packed[:cut])
    assert extraction.status is not Status.READ
    assert extraction.reason == "damaged"
    assert not extraction.candidates_complete


@pytest.mark.timeout(60)
def test_a_bomb_is_unpacked_up_to_the_limit() -> None:
    packed = gzip.compress(b"0123456789 words\n" * (12 * MAX_READ // 17))
    extraction = read_encoded(packed)
    assert extraction.status is Status.PARTLY_READ
    assert {cut.what for cut in extraction.cuts} == {"bytes", "text"}


def test_of_a_large_one_the_beginning_is_read() -> None:
    packed = gzip.compress(TEXT * 1_000, compresslevel=1)
    extraction = read_encoded(packed[: len(packed) // 2], size=len(packed))
    assert text(extraction).startswith("Potassium 3.9")
    assert extraction.status is Status.PARTLY_READ
    assert "damaged" not in codes(extraction)


@given(st.binary(max_size=300), st.sampled_from(["gzip", "br", "aws-chunked", "gzip;x", ",,"]))
def test_any_bytes_are_filed(data: bytes, encoding: str) -> None:
    read_encoded(b"\x1f\x8b\x08" + data, encoding)
