"""A corpus: files of each format, made by independent libraries, and hundreds of mutations. Every one is filed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from carefile.page.render import render
from lambdas.readers import Content, read
from tests.readers.golden_files import documents
from tests.readers.here import read_here
from tests.readers.office import docx_of, eml_of, xlsx_of, zip_of
from tests.readers.pdfs import pdf_of
from tests.readers.schema import assert_is_fit
from tests.readers.test_images import image_of
from tests.readers.test_page import HEADER, assert_nothing_can_run

MUTATIONS = 25  # of each file
FILES = {
    "docx": docx_of("Señora López"),
    "xlsx": xlsx_of("Señora López"),
    "eml": eml_of("Señora López"),
    "zip": zip_of({"a.txt": b"a", "b.txt": b"b"}),
    "pdf": pdf_of(["first page", "second page"]),
    "png": image_of("PNG"),
    "jpeg": image_of("JPEG"),
    "tiff": image_of("TIFF"),
}
GOLDEN = {path.name: path for path in documents() if path.stat().st_size and path.suffix != ".pdf"}


def mutated(data: bytes, other: bytes, chance: random.Random) -> bytes:
    """Bytes flipped, the end cut off, a piece taken out, doubled, or put in from another file."""
    changed = bytearray(data)
    for _ in range(chance.randrange(1, 6)):
        start = chance.randrange(len(changed) + 1)
        end = min(len(changed), start + chance.randrange(200))
        match chance.randrange(5):
            case 0 if changed:
                changed[min(start, len(changed) - 1)] ^= 1 << chance.randrange(8)
            case 1:
                del changed[start:end]
            case 2:
                changed[start:start] = changed[start:end]
            case 3:
                begin = chance.randrange(len(other) + 1)
                changed[start:end] = other[begin : begin + chance.randrange(200)]
            case 4 if chance.random() < 0.3:
                del changed[start:]
    return bytes(changed)


def check(data: bytes) -> None:
    extraction = read(Content(data, len(data)), name="x.bin", declared_type=None)
    assert_is_fit(extraction)
    assert "reader-failed" not in {warning.code for warning in extraction.warnings}, "a reader broke down"
    assert_nothing_can_run(render(extraction, HEADER))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("name", FILES)
def test_every_mutation_of_a_file_is_filed(name: str) -> None:
    chance = random.Random(name)
    others = list(FILES.values())
    with read_here():
        for _ in range(MUTATIONS):
            check(mutated(FILES[name], chance.choice(others), chance))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", GOLDEN.values(), ids=GOLDEN)
def test_every_mutation_of_a_golden_file_is_filed(path: Path) -> None:
    chance = random.Random(path.name)
    others = list(FILES.values())
    with read_here():
        for _ in range(8):
            check(mutated(path.read_bytes(), chance.choice(others), chance))
