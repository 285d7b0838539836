"""What a DICOM image looks like: its first frame, in the window that it asks for, small.

Pixels as they are, JPEG and JPEG 2000 by Pillow, run lengths by pydicom; no other compression, so that no further
library is packaged. Values go through one table from what is stored to a grey, whatever their width and sign.
"""

from __future__ import annotations

import io
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carefile.core.documents.picture import Picture
from lambdas.readers.formats.dicom.values import texts
from lambdas.readers.limits import MAX_DECODED, MAX_PICTURE_SIDE
from lambdas.readers.pictures import picture_of
from lambdas.readers.source import Source

if TYPE_CHECKING:
    from PIL import Image
    from pydicom.dataset import Dataset

ABOUT_PIXELS = (
    *(
        "Rows",
        "Columns",
        "SamplesPerPixel",
        "PhotometricInterpretation",
        "PlanarConfiguration",
        "NumberOfFrames",
    ),
    *(
        "BitsAllocated",
        "BitsStored",
        "PixelRepresentation",
        "RescaleSlope",
        "RescaleIntercept",
        "WindowCenter",
    ),
    *("WindowWidth", "PixelPaddingValue", "BurnedInAnnotation"),
)
_PIXELS = "PixelData"
_AS_THEY_ARE = ("1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.1.99")
_BIG_ENDIAN = "1.2.840.10008.1.2.2"
_RUN_LENGTHS = "1.2.840.10008.1.2.5"
_BY_PILLOW = {
    **dict.fromkeys(("1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"), "JPEG"),
    **dict.fromkeys(("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"), "JPEG2000"),
}
_SHOWN = {*_AS_THEY_ARE, _BIG_ENDIAN, _RUN_LENGTHS, *_BY_PILLOW}
_GREY = ("MONOCHROME1", "MONOCHROME2")
_LARGEST = 1e9  # number that is believed
_MOST_SAMPLES = 50_000  # of the values, by which a window is found where the image names none
_DARKEST, _LIGHTEST = 0.005, 0.995  # shares of them beyond which nothing is distinguished


@dataclass(frozen=True, slots=True)
class _Pixels:
    """How the values of an image are stored."""

    width: int
    height: int
    samples: int
    bits: int  # that each value takes
    stored: int  # and those of them that it uses
    is_signed: bool
    kind: str

    @classmethod
    def of(cls, data: Dataset) -> _Pixels:
        bits = _number(data, "BitsAllocated", 16)
        return cls(
            _number(data, "Columns"),
            _number(data, "Rows"),
            _number(data, "SamplesPerPixel", 1),
            bits,
            min(_number(data, "BitsStored", bits) or bits, bits),
            _number(data, "PixelRepresentation") == 1,
            next(iter(texts(data, "PhotometricInterpretation")), "MONOCHROME2"),
        )

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    @property
    def frame(self) -> int:
        """The bytes of one frame."""
        return (self.width * self.height * self.samples * self.bits + 7) // 8


def why_not_shown(data: Dataset, source: Source) -> str:
    """Why there will be no picture of an image, empty if there will be one, or if this is no image."""
    pixels = _Pixels.of(data)
    if not pixels.width or not pixels.height:
        return ""
    if source.is_cut:
        return "The file is too large to be shown here."
    if _syntax(data) not in _SHOWN:
        return "The image is compressed in a way that is not shown here."
    if pixels.frame > MAX_DECODED or pixels.width * pixels.height * 4 > MAX_DECODED:
        return "The image has too many pixels to be shown here."
    return ""


def picture_of_pixels(data: Dataset, source: Source) -> Picture | None:
    """The picture of a whole data set; None if it has no pixels. Raises whatever damage brings about."""
    pixels = _Pixels.of(data)
    if _PIXELS not in data or not pixels.width or not pixels.height or why_not_shown(data, source):
        return None
    frames = max(_number(data, "NumberOfFrames", 1), 1)
    image = _image(data, pixels, frames)
    return picture_of(image, "The image" if frames == 1 else "The first of its frames")


def frame_of(data: Dataset, index: int, most_pixels: int) -> Image.Image:
    """One frame in all its pixels. Raises whatever damage brings about."""
    pixels = _Pixels.of(data)
    if pixels.width * pixels.height > most_pixels:
        raise ValueError("the frame has too many pixels")
    return _image(data, pixels, max(_number(data, "NumberOfFrames", 1), 1), index)


def _image(data: Dataset, pixels: _Pixels, frames: int, index: int = 0) -> Image.Image:
    from PIL import Image

    syntax = _syntax(data)
    if format_ := _BY_PILLOW.get(syntax):
        from pydicom.encaps import get_frame

        image = Image.open(
            io.BytesIO(get_frame(data[_PIXELS].value, index, number_of_frames=frames)), formats=[format_]
        )
        if image.width * image.height * 4 > MAX_DECODED:
            raise ValueError("the frame is larger than the image says")
        image.load()
        if image.mode.startswith("I;16"):
            # Pillow spreads the values over all 16 bits, those with a sign from the middle on.
            return _windowed(image, data, pixels, spread=16 - pixels.stored)
        return _windowed(image, data, pixels) if image.mode == "L" else image
    if syntax == _RUN_LENGTHS:
        from pydicom.pixels.decoders.base import get_decoder

        raw = bytes(get_decoder(syntax).as_buffer(data, index=index)[0])
        return _from_values(raw, data, pixels, is_planar=True)
    raw = data[_PIXELS].value[index * pixels.frame : (index + 1) * pixels.frame]
    if syntax == _BIG_ENDIAN and pixels.bits == 16:
        values = array("H", raw)
        values.byteswap()
        raw = values.tobytes()
    return _from_values(raw, data, pixels, is_planar=_number(data, "PlanarConfiguration") == 1)


def _from_values(raw: bytes, data: Dataset, pixels: _Pixels, *, is_planar: bool) -> Image.Image:
    from PIL import Image

    if pixels.samples == 3 and pixels.bits == 8 and pixels.kind in ("RGB", "YBR_FULL"):
        mode = "RGB" if pixels.kind == "RGB" else "YCbCr"
        if not is_planar:
            return Image.frombytes(mode, pixels.size, raw)
        plane = pixels.width * pixels.height
        planes = [Image.frombytes("L", pixels.size, raw[plane * n : plane * (n + 1)]) for n in range(3)]
        return Image.merge(mode, planes)
    if pixels.samples != 1 or pixels.kind not in _GREY:
        raise ValueError("colours that are not shown")
    if pixels.bits == 1:
        return Image.frombytes("1", pixels.size, raw, "raw", "1;R")
    if pixels.bits == 8:
        return _windowed(Image.frombytes("L", pixels.size, raw), data, pixels)
    if pixels.bits == 16:
        return _windowed(Image.frombytes("I;16", pixels.size, raw), data, pixels)
    return Image.frombytes("I", pixels.size, raw, "raw", "I;32")


def _windowed(image: Image.Image, data: Dataset, pixels: _Pixels, *, spread: int = 0) -> Image.Image:
    """The values as greys, through the window of the image, or one that shows nearly all of them."""
    from PIL import Image

    wide = image.mode != "L"
    if wide:
        side = 2 * MAX_PICTURE_SIDE  # as much as a smaller picture can show; four bytes a value are needed
        scale = min(1.0, side / max(image.size))
        size = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
        image = image.resize(size, Image.Resampling.NEAREST) if size != image.size else image
    values = _meanings(pixels, spread if wide else 0, 65_536 if wide else 256)
    slope, intercept = _decimal(data, "RescaleSlope") or 1.0, _decimal(data, "RescaleIntercept") or 0.0
    center, width = _decimal(data, "WindowCenter"), _decimal(data, "WindowWidth")
    if center is None or width is None or width < 1:
        low, high = sorted(value * slope + intercept for value in _range(image, values))
    else:
        low, high = center - width / 2, center + width / 2 - 1
    step = 255 / (high - low) if high > low else 255.0
    greys = [min(max(round((value * slope + intercept - low) * step), 0), 255) for value in values]
    table = [255 - grey for grey in greys] if pixels.kind == "MONOCHROME1" else greys
    return (image.convert("I") if wide else image).point(table, "L")


def _meanings(pixels: _Pixels, spread: int, count: int) -> list[int]:
    """What each of the values that can be stored means: only the bits that are used count, one of them as the sign."""
    half, full = 1 << (pixels.stored - 1), 1 << pixels.stored
    if spread and pixels.is_signed:
        return [(value >> spread) - half for value in range(count)]
    known = ((value >> spread) & (full - 1) for value in range(count))
    return [value - full if pixels.is_signed and value >= half else value for value in known]


def _range(image: Image.Image, values: list[int]) -> tuple[int, int]:
    raw: Any = array("B" if image.mode == "L" else "H", image.tobytes())
    step = max(len(raw) // _MOST_SAMPLES, 1)
    found = sorted(values[value] for value in raw[::step])
    last = len(found) - 1
    return found[int(last * _DARKEST)], found[int(last * _LIGHTEST)]


def _syntax(data: Dataset) -> str:
    return str(getattr(getattr(data, "file_meta", None), "TransferSyntaxUID", None) or _AS_THEY_ARE[0])


def _number(data: Dataset, keyword: str, otherwise: int = 0) -> int:
    value = _decimal(data, keyword)
    return otherwise if value is None else int(value)


def _decimal(data: Dataset, keyword: str) -> float | None:
    try:
        value = float(texts(data, keyword)[0])
    except (IndexError, ValueError):
        return None
    return value if abs(value) < _LARGEST else None
