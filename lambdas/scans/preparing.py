"""A picture of a page as an engine wants it: upright by its own account, square pixels, grey, dark on light, level, and
of a size at which letters have some thirty pixels.

A fax has twice as many dots across as down, and says so or does not; a photo says how the camera was held; a negative
is white on black.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.scans.limits import MAX_SIDE, MOST_ENLARGED, WANTED_SIDE
from lambdas.scans.straightening import askew

if TYPE_CHECKING:
    from PIL import Image

_FAX_WIDTHS = (1728, 2048, 2432)  # ITU-T T.4: dots across A4, B4 and A3
_FLAT = 0.95  # height by width of a page of a standard fax, whose lines are half as many as they should be
_FAX_BLUR = (
    0.5,
    1,
)  # pixels across and down: the steps in a fax's letters, which look like others (B and 8, 6 and G)
_PLAUSIBLE = range(60, 1_300)  # dots an inch
_USUAL = 300
_DARK = 100  # the middle grey of a page below which it is a negative
_DEEP = ("I", "F")
_PAPER = 255
_WORTHWHILE = 1.1  # times


@dataclass(frozen=True, slots=True)
class Prepared:
    """`image` is in shades of grey; `dpi` is what it has, or what it may have where nobody says."""

    image: Image.Image
    dpi: int


def prepare(image: Image.Image) -> Prepared:
    """Raises what a damaged picture brings about."""
    from PIL import Image, ImageFilter, ImageOps

    across, down = _resolution(image)
    image.load()
    ImageOps.exif_transpose(image, in_place=True)
    grey = _grey(image)
    if across and down and not 0.8 < across / down < 1.25:
        finer = max(across, down)
        size = (grey.width * finer // across, grey.height * finer // down)
        grey, across = grey.resize(size, Image.Resampling.BICUBIC), finer
        grey = grey.filter(ImageFilter.BoxBlur(_FAX_BLUR))
    scale = _scale(max(grey.size))
    if scale != 1:
        how = Image.Resampling.BICUBIC if scale > 1 else Image.Resampling.BOX
        size = (max(round(grey.width * scale), 1), max(round(grey.height * scale), 1))
        grey = grey.resize(size, how)
    if _is_negative(grey):
        grey = ImageOps.invert(grey)
    if angle := askew(grey):
        grey = grey.rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=_PAPER)
    dpi = round(across * scale) if across else 0
    return Prepared(grey, dpi if dpi in _PLAUSIBLE else _USUAL)


def _resolution(image: Image.Image) -> tuple[int, int]:
    """Dots an inch across and down, (0, 0) where they are not known."""
    said = image.info.get("dpi")
    try:
        across, down = (round(float(value)) for value in said or (0, 0))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        across = down = 0
    if image.width in _FAX_WIDTHS and image.height < image.width * _FLAT and across == down:
        return 204, 98  # a standard fax that does not say so, or says what is not so
    return (across, down) if across in _PLAUSIBLE and down in _PLAUSIBLE else (0, 0)


def _grey(image: Image.Image) -> Image.Image:
    from PIL import Image

    if image.mode.startswith(_DEEP):
        low, high = (float(value) for value in image.convert("F").getextrema())  # type: ignore[arg-type]
        scale = 255 / (high - low) if high > low else 0.0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("L")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        seen = image.convert("RGBA")
        paper = Image.new("RGB", seen.size, "white")
        paper.paste(seen, mask=seen.getchannel("A"))
        return paper.convert("L")
    return image.convert("L") if image.mode != "L" else image


def _scale(longer: int) -> float:
    if longer > MAX_SIDE:
        return MAX_SIDE / longer
    enlarged = min(WANTED_SIDE / longer, MOST_ENLARGED)
    return enlarged if enlarged > _WORTHWHILE else 1.0


def _is_negative(grey: Image.Image) -> bool:
    counts = grey.resize((min(grey.width, 256), min(grey.height, 256))).histogram()
    half, seen = sum(counts) / 2, 0
    for shade, count in enumerate(counts):
        seen += count
        if seen >= half:
            return shade < _DARK
    return False
