"""Small pictures for `result.html`: what an image or a page looks like, within a size that a page can carry.

A picture is made of pixels alone: nothing that the image says beside them (where it was taken, of whom) goes with it.
For isolated readers only: decoding an image is work for a library in C.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from carefile.core.documents.picture import Picture
from lambdas.readers.limits import MAX_PICTURE, MAX_PICTURE_SIDE

if TYPE_CHECKING:
    from PIL import Image

_QUALITY = 82
_DEEP = ("I", "F")  # 16 or 32 bits a pixel, as radiographs have
_WITH_ALPHA = ("RGBA", "LA", "PA", "RGBa", "La")


def picture_of(image: Image.Image, alt: str, *, is_partial: bool = False) -> Picture:
    """The image as a JPEG that is small enough, on white where it is transparent."""
    shown = _plain(image)
    side = MAX_PICTURE_SIDE
    while True:
        shown.thumbnail((side, side))
        file = io.BytesIO()
        shown.save(file, "JPEG", quality=_QUALITY, optimize=True)
        if file.tell() <= MAX_PICTURE or side < 2:
            return Picture(file.getvalue(), "image/jpeg", *shown.size, alt, is_partial)
        side = max(shown.size) * 2 // 3


def _plain(image: Image.Image) -> Image.Image:
    """A new image in grey or colour, 8 bits a channel, without anything but pixels."""
    from PIL import Image

    if image.mode.startswith(_DEEP):
        return _stretched(image)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    if image.mode in _WITH_ALPHA:
        image = image.convert("RGBA")
        image.thumbnail((MAX_PICTURE_SIDE, MAX_PICTURE_SIDE))
        paper = Image.new("RGB", image.size, "white")
        paper.paste(image, mask=image.getchannel("A"))
        return paper
    plain = image.convert("L" if image.mode in ("1", "L") else "RGB")
    plain = plain.copy() if plain is image else plain
    plain.info.clear()
    return plain


def _stretched(image: Image.Image) -> Image.Image:
    """The darkest pixel black, the lightest white: a radiograph of 12 bits in 16 would be all but black."""
    from PIL import Image

    image = image if image.mode == "F" else image.convert("I")
    low, high = (float(value) for value in image.getextrema())  # type: ignore[arg-type]
    if not high > low:
        return Image.new("L", image.size, 0 if high <= 0 else 255)
    scale = 255 / (high - low)
    return image.point(lambda value: value * scale - low * scale).convert("L")
