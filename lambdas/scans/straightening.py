"""By how much a page lies askew, measured by how sharply its lines and the gaps between them stand out.

Rows of a page that lies straight are either full of ink or empty, so their sums differ most from one to the next. A
page that lies on its side shows that in its columns.
"""

from __future__ import annotations

from array import array
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

_SIDE = 900  # pixels of the picture that is looked at
_MOST = 8.0  # degrees; what lies further askew is no page on a scanner's glass
_COARSE, _FINE = 1.0, 0.25
_LEAST = 0.3  # degrees below which nothing is gained
_CLEARER = 0.6  # by how many times sharper the lines must be for each degree that the page is turned
_INK = 28  # shades darker than what is around it


def askew(grey: Image.Image) -> float:
    """By how many degrees a page in shades of grey has to be turned, counter-clockwise, for its lines to lie level."""
    ink = _ink(grey)
    if ink.getbbox() is None:
        return 0.0
    steps = round(_MOST / _COARSE)
    score = {step * _COARSE: _sharpness(ink, step * _COARSE) for step in range(-steps, steps + 1)}
    best = max(score, key=lambda angle: score[angle])
    around = [best + step * _FINE for step in range(-3, 4)]
    score |= {angle: _sharpness(ink, angle) for angle in around if angle not in score}
    best = max(score, key=lambda angle: score[angle])
    is_clear = score[best] > (1 + _CLEARER * abs(best)) * score[0.0]
    return best if is_clear and _LEAST <= abs(best) < _MOST else 0.0


def _ink(grey: Image.Image) -> Image.Image:
    """A small picture of what is darker than its surroundings, in white; shadows and the table below are not."""
    from PIL import Image, ImageChops, ImageFilter

    small = grey.copy()
    small.thumbnail((_SIDE, _SIDE), Image.Resampling.BOX)
    around = small.filter(ImageFilter.BoxBlur(12))
    return ImageChops.subtract(around, small).point(lambda value: 255 if value > _INK else 0)


def _sharpness(ink: Image.Image, angle: float) -> float:
    """How much the sums of neighbouring rows differ once the page is turned, or those of its columns."""
    from PIL import Image

    turned = ink.rotate(angle, Image.Resampling.NEAREST) if angle else ink
    found = []
    for size in ((1, turned.height), (turned.width, 1)):
        sums = turned.convert("F").resize(size, Image.Resampling.BOX)
        found.append(sum((one - other) ** 2 for one, other in pairwise(array("f", sums.tobytes()))))
    return max(found)
