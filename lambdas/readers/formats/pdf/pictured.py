"""Whether a page of a PDF is a picture: a scan or a fax, perhaps with the line that a fax server prints above it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pypdfium2

_LITTLE = 150  # letters and digits, as a sender's line and a page number have
_MOST = 0.5  # of the page, covered by pictures
_DEEPEST = 2


def is_pictured(page: pypdfium2.PdfPage, text: str) -> bool:
    """Whether the page shows a picture and holds no text, or a little text and a picture over most of it."""
    letters = sum(map(str.isalnum, text))
    if letters > _LITTLE:
        return False
    if not text.strip():
        return next(_pictures(page), None) is not None
    width, height = page.get_size()
    return _covered(page) > float(_MOST * width * height)


def _covered(page: pypdfium2.PdfPage) -> float:
    """The area under pictures, as if none lay over another."""
    area = 0.0
    for picture in _pictures(page):
        left, bottom, right, top = picture.get_bounds()
        area += max(right - left, 0) * max(top - bottom, 0)
    return area


def _pictures(page: pypdfium2.PdfPage) -> Iterator[pypdfium2.PdfObject]:
    import pypdfium2.raw

    return iter(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE], max_depth=_DEEPEST))
