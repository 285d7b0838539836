"""What becomes of a printed page on its way: scanned, faxed, photographed, turned, stamped, folded, compressed.

Each degradation takes a page at 300 dpi and gives the file that a clinic would send.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Mapping
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageFont

from benchmarks.ocr.sheets import DPI

Degrade = Callable[[Image.Image, random.Random], bytes]
_PAPER = 235  # the grey of scanned paper


def _scanned(image: Image.Image, rng: random.Random, dpi: int) -> Image.Image:
    """As a flatbed sees it: a little soft, grainy, on paper that is not white."""
    size = (image.width * dpi // DPI, image.height * dpi // DPI)
    seen = image if dpi == DPI else image.resize(size, Image.Resampling.LANCZOS)
    seen = seen.filter(ImageFilter.GaussianBlur(0.6 * dpi / 200))
    seen = seen.point(lambda value: 25 + value * (_PAPER - 25) // 255)
    return _grainy(seen, rng, 9)


@cache
def _noise(sigma: float) -> Image.Image:
    """The same in every process, so that both engines read the same bytes."""
    rng = random.Random(sigma)  # noqa: S311
    return Image.frombytes(
        "L", (512, 512), bytes(min(max(round(rng.gauss(128, sigma)), 0), 255) for _ in range(512 * 512))
    )


def _grainy(image: Image.Image, rng: random.Random, sigma: float) -> Image.Image:
    """With the noise of a sensor, from a tile that is shifted, as drawing it whole would take long."""
    tile = _noise(sigma)
    noise = Image.new("L", image.size)
    left, top = rng.randrange(512), rng.randrange(512)
    for x in range(-left, image.width, 512):
        for y in range(-top, image.height, 512):
            noise.paste(tile, (x, y))
    return ImageChops.add(image, noise, 1, -128)


def _jpeg(image: Image.Image, quality: int, dpi: int | None) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality, **({"dpi": (dpi, dpi)} if dpi else {}))
    return file.getvalue()


def _fax(image: Image.Image, rng: random.Random, down: int) -> bytes:
    """Group 4, 204 dots across and 98 or 196 down, with the dirt of the machine."""
    seen = image.resize((1728, image.height * down // DPI), Image.Resampling.BOX)
    seen = _grainy(seen, rng, 22).point(lambda value: 255 if value > 150 else 0)
    drawing = ImageDraw.Draw(seen)
    for _ in range(250):
        x, y = rng.randrange(seen.width), rng.randrange(seen.height)
        drawing.rectangle((x, y, x + rng.randrange(2), y), fill=0)
    file = io.BytesIO()
    seen.convert("1").save(file, "TIFF", compression="group4", dpi=(204, down))
    return file.getvalue()


def _photo(image: Image.Image, rng: random.Random) -> bytes:
    """From a telephone: at an angle, on a table, in uneven light, out of focus at one end."""
    width, height = 2448, 3264
    table = Image.new("L", (width, height), 70)
    page = image.resize((2050, 2900), Image.Resampling.LANCZOS)
    corners = [(150 + rng.randrange(90), 130 + rng.randrange(90)), (120 + rng.randrange(90), height - 160),
               (width - 140 - rng.randrange(90), height - 120), (width - 260 - rng.randrange(60), 170)]  # fmt: skip
    placed = page.transform(
        (width, height), Image.Transform.PERSPECTIVE, _perspective(corners, page.size), Image.Resampling.BICUBIC,
        fillcolor=70,
    )  # fmt: skip
    inside = Image.new("L", page.size, 255).transform(
        (width, height), Image.Transform.PERSPECTIVE, _perspective(corners, page.size), fillcolor=0
    )
    table.paste(placed, mask=inside)
    shadow = Image.linear_gradient("L").rotate(rng.choice((0, 90, 180, 270))).resize((width, height))
    shadow = shadow.point(lambda value: 95 + value * 150 // 255)
    hand = Image.new("L", (width, height), 255)
    x, y = rng.randrange(width // 2), rng.randrange(height // 2, height)
    ImageDraw.Draw(hand).ellipse((x, y, x + 1300, y + 1100), fill=150)
    lit = ImageChops.multiply(ImageChops.multiply(table, shadow), hand.filter(ImageFilter.GaussianBlur(90)))
    return _jpeg(_grainy(lit.filter(ImageFilter.GaussianBlur(0.9)), rng, 8), 70, None)


def _perspective(corners: list[tuple[int, int]], size: tuple[int, int]) -> list[float]:
    """The eight coefficients that take these corners to those of a page: left top, left bottom, and so on."""
    width, height = size
    rows: list[list[float]] = []
    for (x, y), (u, v) in zip(corners, ((0, 0), (0, height), (width, height), (width, 0)), strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y, u])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y, v])
    return _solved(rows)


def _solved(rows: list[list[float]]) -> list[float]:
    """By elimination: eight equations, the right side last."""
    count = len(rows)
    for at in range(count):
        best = max(range(at, count), key=lambda row: abs(rows[row][at]))
        rows[at], rows[best] = rows[best], rows[at]
        rows[at] = [value / rows[at][at] for value in rows[at]]
        for row in range(count):
            if row != at:
                factor = rows[row][at]
                rows[row] = [a - factor * b for a, b in zip(rows[row], rows[at], strict=True)]
    return [row[-1] for row in rows]


def _skewed(image: Image.Image, degrees: float) -> Image.Image:
    return image.rotate(degrees, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def _stamped(image: Image.Image, rng: random.Random) -> Image.Image:
    """A round stamp and a received stamp, across the text."""
    ink = Image.new("L", image.size, 255)
    drawing = ImageDraw.Draw(ink)
    font = ImageFont.load_default(90)
    x, y = rng.randrange(300, 1500), rng.randrange(500, 2200)
    drawing.ellipse((x, y, x + 620, y + 620), outline=120, width=16)
    drawing.ellipse((x + 70, y + 70, x + 550, y + 550), outline=120, width=8)
    drawing.rectangle((x + 100, y + 800, x + 1000, y + 1020), outline=110, width=14)
    drawing.text((x + 150, y + 850), "RECEIVED", font=font, fill=110)
    return ImageChops.multiply(image, ink.rotate(rng.uniform(-12, 12), fillcolor=255))


def _creased(image: Image.Image, rng: random.Random) -> Image.Image:
    """Folded in three: a dark and a light line across the text, and a shade on one side of each."""
    shade = Image.new("L", image.size, 255)
    drawing = ImageDraw.Draw(shade)
    for part in (1, 2):
        y = image.height * part // 3 + rng.randrange(-40, 40)
        slope = rng.randrange(-25, 25)
        for depth in range(160):
            drawing.line((0, y + depth, image.width, y + slope + depth), fill=175 + depth // 2, width=2)
        drawing.line((0, y, image.width, y + slope), fill=90, width=5)
    return ImageChops.multiply(image, shade.filter(ImageFilter.GaussianBlur(2)))


PAPER: Mapping[str, Degrade] = {
    "scan 300 dpi": lambda image, rng: _jpeg(_scanned(image, rng, 300), 85, 300),
    "scan 200 dpi": lambda image, rng: _jpeg(_scanned(image, rng, 200), 80, 200),
    "fax, fine": lambda image, rng: _fax(image, rng, 196),
    "fax, standard": lambda image, rng: _fax(image, rng, 98),
    "photo": _photo,
    "turned by 90°": lambda image, rng: _jpeg(
        _scanned(image, rng, 200).transpose(Image.Transpose.ROTATE_90), 80, 200
    ),
    "turned by 180°": lambda image, rng: _jpeg(
        _scanned(image, rng, 200).transpose(Image.Transpose.ROTATE_180), 80, 200
    ),
    "skewed by 3°": lambda image, rng: _jpeg(
        _scanned(_skewed(image, rng.choice((-3, 3))), rng, 200), 80, 200
    ),
    "stamped": lambda image, rng: _jpeg(_scanned(_stamped(image, rng), rng, 200), 80, 200),
    "creased": lambda image, rng: _jpeg(_scanned(_creased(image, rng), rng, 200), 80, 200),
    "JPEG at 30": lambda image, rng: _jpeg(_scanned(image, rng, 200), 30, 200),
    "negative": lambda image, rng: _jpeg(ImageChops.invert(_scanned(image, rng, 200)), 80, 200),
    "100 dpi": lambda image, rng: _jpeg(_scanned(image, rng, 100), 85, 100),
    "600 dpi": lambda image, rng: _jpeg(
        _scanned(image, rng, 300).resize((image.width * 2, image.height * 2), Image.Resampling.BICUBIC),
        80,
        600,
    ),
}
