"""How a picture is made ready for an engine: level, enlarged, dark on light, and the same for the same bytes."""

from __future__ import annotations

import hashlib
import io
import json

import pytest
from PIL import Image, ImageOps

from carefile.core.documents.readers import RECOGNITION, VERSIONS
from lambdas.scans.limits import MAX_SIDE, MOST_ENLARGED, WANTED_SIDE
from lambdas.scans.preparing import prepare
from lambdas.scans.straightening import askew
from tests.readers.versions import FILE
from tests.scans.paper import page, png, tiff

PAGE = page(dpi=100)


def lying(degrees: float) -> Image.Image:
    return PAGE.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


@pytest.mark.parametrize("degrees", [-6, -3, -1, 0.5, 2, 4.5])
@pytest.mark.parametrize("side", [0, 90, 180])
def test_a_page_that_lies_askew_is_found_out_also_on_its_side(degrees: float, side: int) -> None:
    assert askew(lying(side + degrees)) == pytest.approx(-degrees, abs=0.3)


@pytest.mark.parametrize(
    "image",
    [
        PAGE,
        lying(90),
        lying(30),
        lying(45),
        Image.new("L", (800, 1000), 255),
        Image.effect_noise((600, 800), 60),
    ],
    ids=["level", "on its side", "30", "45", "blank", "noise"],
)
def test_what_is_level_or_no_page_at_all_stays_as_it_is(image: Image.Image) -> None:
    assert askew(image) == 0.0


def test_a_page_is_enlarged_to_what_the_engine_reads_best_and_never_beyond() -> None:
    assert max(prepare(page(dpi=200)).image.size) == pytest.approx(WANTED_SIDE, abs=2)
    assert prepare(Image.new("L", (300, 200), 255)).image.width == round(300 * MOST_ENLARGED)
    assert max(prepare(Image.new("L", (9000, 300), 255)).image.size) == MAX_SIDE
    assert prepare(page(dpi=200)).dpi == pytest.approx(300, rel=0.1)


def test_nothing_about_preparing_changes_without_a_raised_version() -> None:
    """`scans` in `carefile/core/documents/readers.py`, and the digest in `tests/readers/versions.json`."""
    pictures = [
        PAGE,
        lying(3),
        ImageOps.invert(PAGE),
        PAGE.convert("1"),
        PAGE.resize((300, 500)),
    ]
    seen = hashlib.sha256()
    files = [*(png(picture, 100) for picture in pictures), tiff([PAGE.resize((827, 584))], (204, 98))]
    for file in files:
        prepared = prepare(Image.open(io.BytesIO(file)))
        seen.update(repr((prepared.image.size, prepared.dpi)).encode())
        seen.update(
            prepared.image.resize((200, 280), Image.Resampling.BOX).point(lambda grey: grey // 16).tobytes()
        )
    recorded = json.loads(FILE.read_bytes())[RECOGNITION]
    assert {"version": VERSIONS[RECOGNITION], "prepared": seen.hexdigest()[:16]} == recorded
