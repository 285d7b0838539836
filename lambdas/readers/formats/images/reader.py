"""Images: what they are, and a small picture of them, through Pillow. Their text, if they show any, is not read.

Where a picture was taken, the camera's number and its owner's name are left out. What Pillow raises for a damaged file
is of every kind.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from carefile.core.documents.extraction import Reason
from carefile.core.documents.picture import Picture
from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.limits import MAX_DECODED, MAX_PAGES, MAX_PICTURE_SIDE
from lambdas.readers.media_types import detect
from lambdas.readers.pictures import picture_of
from lambdas.readers.source import Source

if TYPE_CHECKING:
    from PIL import Image

_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_TAGS = {270: "description", 305: "software", 306: "modified", 315: "author", 33432: "copyright"}
_MAKE, _MODEL, _TAKEN = 271, 272, 36867
_PNG_TEXTS = {
    "Title": "title",
    "Author": "author",
    "Description": "description",
    "Software": "software",
    "Creation Time": "created",
}
_DEPTHS = {
    "1": "black and white",
    "L": "grey",
    "LA": "grey",
    "I": "grey, 16 bits or more",
    "F": "grey, 32 bits",
}


def _reader(format_: str, media_type: str) -> Reader:
    def recognises(source: Source) -> bool:
        return detect(source)[0] == format_

    return Reader(format_, media_type, recognises, _read, isolated=True, picture=_picture)


def _open(source: Source) -> Image.Image:
    from PIL import Image, TiffImagePlugin  # noqa: F401 - which makes itself known

    Image.MAX_IMAGE_PIXELS = None  # what is decoded is bounded below, and a larger image may be described
    return Image.open(io.BytesIO(source.data), formats=["PNG", "JPEG", "TIFF"])


def _read(source: Source, draft: Draft) -> None:
    draft.reason = Reason.NO_TEXT
    try:
        image = _open(source)
    except Exception:
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The image is damaged. It cannot be shown.")
        return
    draft.warn("picture", "This is a picture. Text that it may show is not read.")
    draft.fact("width", f"{image.width} pixels")
    draft.fact("height", f"{image.height} pixels")
    draft.fact("colours", _DEPTHS.get(image.mode.partition(";")[0], "colour"))
    if source.is_cut:
        draft.warn("no-picture", "The file is too large to be shown here.")
    elif _memory(image) > MAX_DECODED:
        draft.warn("no-picture", "The image has too many pixels to be shown here.")
    _describe_metadata(image, draft)
    if image.format == "TIFF":
        _describe_pages(image, draft)


def _describe_pages(image: Image.Image, draft: Draft) -> None:
    try:
        draft.pages = _pages_of(image)
    except Exception:
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The image is damaged. Pages of it are missing.")
        return
    if draft.pages > MAX_PAGES:
        draft.cut("pages", "The image has more pages than are counted.", MAX_PAGES)
        draft.pages = MAX_PAGES
    if draft.pages > 1:
        draft.warn("first-page", "Only the first page of the image is shown here.")


def _pages_of(image: Image.Image) -> int:
    """Their number, counted one by one: to ask for all of them takes the longer for each, the more there are."""
    pages = 1
    try:
        while pages <= MAX_PAGES:
            image.seek(pages)
            pages += 1
    except EOFError:
        pass
    finally:
        image.seek(0)
    return pages


def _describe_metadata(image: Image.Image, draft: Draft) -> None:
    try:
        exif = image.getexif()
        details, place = exif.get_ifd(_EXIF_IFD), exif.get_ifd(_GPS_IFD)
    except Exception:
        draft.warn("damaged-metadata", "What the image says of itself cannot be read.")
        return
    draft.fact("camera", " ".join(str(exif[tag]).strip("\0 ") for tag in (_MAKE, _MODEL) if tag in exif))
    draft.fact("taken", _text(details.get(_TAKEN)))
    for tag, name in _TAGS.items():
        draft.fact(name, _text(exif.get(tag)))
    for key, value in image.info.items():
        if known := _PNG_TEXTS.get(str(key)):
            draft.fact(known, _text(value))
    if place:
        draft.warn("location", "The image says where it was taken. The place is not shown here.")


def _text(value: object) -> str:
    return value.strip("\0 ") if isinstance(value, str) else ""


def _picture(source: Source) -> Picture | None:
    from PIL import ImageFile, ImageOps

    try:
        image = _open(source)
    except Exception:
        return None
    alt = "The image" if max(image.size) <= MAX_PICTURE_SIDE else "The image, made smaller"
    if source.is_cut or _memory(image) > MAX_DECODED:
        return None
    is_partial = False
    try:
        image.load()
    except Exception:
        is_partial = True
        image = _open(source)
        _memory(image)
        ImageFile.LOAD_TRUNCATED_IMAGES = True
        try:
            image.load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = False
    ImageOps.exif_transpose(image, in_place=True)
    return picture_of(image, alt, is_partial=is_partial)


def _memory(image: Image.Image) -> int:
    """The bytes that the decoded image takes. A JPEG is decoded at a reduced size, which costs less."""
    image.draft(None, (MAX_PICTURE_SIDE, MAX_PICTURE_SIDE))
    channels = 1 if image.mode in ("1", "L") else 4
    return image.width * image.height * channels


READERS = (
    _reader("png", "image/png"),
    _reader("jpeg", "image/jpeg"),
    _reader("tiff", "image/tiff"),
)
