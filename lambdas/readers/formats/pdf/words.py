"""Where the words of a PDF page stand on its picture, so that a person is shown the place and not only the text.

A box is in pixels of the picture, as PDFium itself maps the page to it: turned and cropped pages come out right.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING

from carefile.core.documents.picture import MAX_WORDS, PlacedWord

if TYPE_CHECKING:
    import pypdfium2

_MOST_CHARACTERS = 20_000  # of a page that are looked at
_BREAKS = "\ufffe\x02"  # PDFium's marks for a hyphen at a line's end


def words_of(page: pypdfium2.PdfPage, width: int, height: int) -> tuple[PlacedWord, ...]:
    """The words of a page in their order, on a picture of it that is so wide and high."""
    from pypdfium2 import raw

    text = page.get_textpage()
    found: list[PlacedWord] = []
    letters, boxes = "", list[tuple[float, float, float, float]]()
    for index in range(min(text.count_chars(), _MOST_CHARACTERS) + 1):
        code = raw.FPDFText_GetUnicode(text, index) if index < text.count_chars() else 0
        character = chr(code) if 0 < code < 0x110000 and not 0xD800 <= code < 0xE000 else ""
        if character.strip() and character not in _BREAKS:
            letters += character
            boxes.append(text.get_charbox(index))
            continue
        if letters and (box := _box(page, boxes, width, height)):
            found.append((letters, box))
        letters, boxes = "", []
        if len(found) >= MAX_WORDS:
            break
    return tuple(found)


def _box(
    page: pypdfium2.PdfPage, boxes: list[tuple[float, float, float, float]], width: int, height: int
) -> tuple[int, int, int, int] | None:
    """The box around characters, None where nothing of it is on the picture."""
    corners = [
        _on_picture(page, x, y, width, height)
        for left, bottom, right, top in boxes
        for x, y in ((left, bottom), (right, top))
    ]
    xs, ys = zip(*corners, strict=True)
    left, top = max(min(xs), 0), max(min(ys), 0)
    right, bottom = min(max(xs), width), min(max(ys), height)
    return (left, top, right, bottom) if left < right and top < bottom else None


def _on_picture(page: pypdfium2.PdfPage, x: float, y: float, width: int, height: int) -> tuple[int, int]:
    from pypdfium2 import raw

    across, down = ctypes.c_int(), ctypes.c_int()
    raw.FPDF_PageToDevice(page, 0, 0, width, height, 0, x, y, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value
