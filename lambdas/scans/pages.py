"""The pages of a document that are pictures, one at a time, each as an image that is decoded when it is asked for.

Which documents have such pages is for `carefile.core.documents.scans` to say; which pages of them, for the format.
Runs in a process of its own only: what is decoded here came from outside.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambdas.readers.formats.pdf.pictured import is_pictured
from lambdas.readers.limits import MAX_UNPACKED
from lambdas.readers.source import Source
from lambdas.scans.limits import MAX_PAGES, MAX_PIXELS, MAX_SIDE, TINY

if TYPE_CHECKING:
    import pypdfium2
    from PIL import Image

_RENDERED_DPI = 300
_POINTS = 72  # an inch has
_PICTURES = ["PNG", "JPEG", "TIFF"]
_IN_OFFICE = (".png", ".jpg", ".jpeg", ".tif", ".tiff")


class TooLargeError(Exception):
    """A picture has more pixels than are decoded."""


class NotReadableError(Exception):
    """The document cannot be opened for its pictures."""


@dataclass(frozen=True, slots=True)
class PagePicture:
    """`number` is the page's own where the document has pages, else the picture's; `place` then names it."""

    number: int
    open: Callable[[], Image.Image]
    place: str | None = None


def pictures_of(source: Source, format_: str) -> Iterator[PagePicture]:
    """In the order of the document, at most `MAX_PAGES`. Raises what a damaged document brings about."""
    if format_ == "pdf":
        yield from _of_pdf(source.data)
    elif format_ == "dicom":
        yield from _of_dicom(source)
    elif format_ == "docx":
        yield from _of_docx(source)
    elif format_ in ("heic", "heif"):
        yield from _of_heif(source.data)
    elif format_ in ("png", "jpeg", "tiff"):
        yield from _of_image(source.data)
    else:
        raise NotReadableError


def _checked(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise TooLargeError
    return image


def _opened(data: bytes, frame: int = 0) -> Image.Image:
    from PIL import Image, ImageFile, TiffImagePlugin  # noqa: F401 - which makes itself known

    Image.MAX_IMAGE_PIXELS = None  # bounded by `_checked`, before anything is decoded
    ImageFile.LOAD_TRUNCATED_IMAGES = True  # what a broken transfer left of a page is read
    image = Image.open(io.BytesIO(data), formats=_PICTURES)
    if frame:
        image.seek(frame)
    return _checked(image)


def _of_image(data: bytes) -> Iterator[PagePicture]:
    from PIL import Image, TiffImagePlugin  # noqa: F401

    Image.MAX_IMAGE_PIXELS = None
    with Image.open(io.BytesIO(data), formats=_PICTURES) as image:
        for frame in range(MAX_PAGES if image.format == "TIFF" else 1):
            try:
                image.seek(frame)
            except EOFError:
                return
            yield PagePicture(frame + 1, lambda frame=frame: _opened(data, frame))  # type: ignore[misc]


def _of_heif(data: bytes) -> Iterator[PagePicture]:
    """What telephones take pictures in; upright by itself."""
    import pi_heif

    file = pi_heif.open_heif(io.BytesIO(data))

    def opened(index: int) -> Image.Image:
        width, height = file[index].size
        if width * height > MAX_PIXELS:
            raise TooLargeError
        image: Image.Image = file[index].to_pillow()
        image.info.clear()
        return image

    for index in range(min(len(file), MAX_PAGES)):
        yield PagePicture(index + 1, lambda index=index: opened(index))  # type: ignore[misc]


def _of_pdf(data: bytes) -> Iterator[PagePicture]:
    import pypdfium2

    document = pypdfium2.PdfDocument(data)
    if document.get_formtype():
        document.init_forms()
    for index in range(min(len(document), MAX_PAGES)):
        try:
            page = document[index]
        except pypdfium2.PdfiumError:
            continue  # the readers report it
        try:
            pictured = is_pictured(page, page.get_textpage().get_text_bounded())
        except pypdfium2.PdfiumError:
            continue
        finally:
            page.close()
        if pictured:
            yield PagePicture(index + 1, lambda index=index: _rendered(document, index))  # type: ignore[misc]


def _rendered(document: pypdfium2.PdfDocument, index: int) -> Image.Image:
    page = document[index]
    longest = max(*page.get_size(), 1)
    scale = min(_RENDERED_DPI / _POINTS, MAX_SIDE / longest)
    image: Image.Image = page.render(scale=scale, grayscale=True).to_pil().copy()
    page.close()
    image.info["dpi"] = (round(scale * _POINTS),) * 2
    return image


def _of_dicom(source: Source) -> Iterator[PagePicture]:
    import pydicom
    from pydicom import config

    from lambdas.readers.formats.dicom.picture import frame_of

    config.settings.reading_validation_mode = config.IGNORE
    data = pydicom.dcmread(io.BytesIO(source.data), force=True)
    if "EncapsulatedDocument" in data:
        held = bytes(data.EncapsulatedDocument)
        if b"%PDF-" not in held[:1024]:
            raise NotReadableError
        yield from _of_pdf(held)
        return
    count = min(max(int(data.get("NumberOfFrames") or 1), 1), MAX_PAGES)
    for index in range(count):
        yield PagePicture(index + 1, lambda index=index: _checked(frame_of(data, index, MAX_PIXELS)))  # type: ignore[misc]


def _of_docx(source: Source) -> Iterator[PagePicture]:
    """The pictures inside, in the order of their names, which is the one in which they were put in."""
    package = zipfile.ZipFile(io.BytesIO(source.data))
    held = [
        entry
        for entry in package.infolist()
        if "/media/" in entry.filename and entry.filename.lower().endswith(_IN_OFFICE)
    ]
    held.sort(key=lambda entry: (len(entry.filename), entry.filename))
    for number, entry in enumerate(held[:MAX_PAGES], 1):
        name = entry.filename.rpartition("/")[2]
        yield PagePicture(number, lambda entry=entry: _opened(_member(package, entry)), name)  # type: ignore[misc]


def _member(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    if entry.file_size > MAX_UNPACKED:
        raise TooLargeError
    return package.read(entry)


def is_tiny(image: Image.Image) -> bool:
    """Whether a picture is a rule or a bullet, on which nothing stands."""
    return min(image.size) < TINY
