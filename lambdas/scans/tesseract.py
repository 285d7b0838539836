"""Tesseract, through tesserocr, with trained data that lies beside it.

Mode 1 (layout analysis with orientation) finds pages that lie on their side; the threshold after Sauvola finds letters
in the shadow of a photo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carefile.core.documents.extraction import clean
from carefile.core.documents.recognition import Box, Line, Word
from lambdas.scans.engine import Recognised
from lambdas.scans.limits import MAX_WORD, MAX_WORDS

if TYPE_CHECKING:
    from PIL import Image

_SAUVOLA = "2"
# How much may stand inside a shape before it is taken for a picture, with all that it surrounds and touches: a stamp
# surrounds lines of text.
_INSIDE = {
    "edges_children_count_limit": "10000",
    "edges_max_children_per_outline": "1000",
    "edges_max_children_layers": "20",
}
_SPECK = 30  # below this confidence, marks without a letter or digit are dirt on the glass
_RULED = "|¦_"  # what the lines of a form are taken for
_QUARTERS = {0: 0, 1: 270, 2: 180, 3: 90}  # how the page lies -> degrees clockwise that set it upright


class Tesseract:
    name = "tesseract"

    def __init__(self, data: Path, languages: Sequence[str]) -> None:
        import tesserocr

        self.languages = tuple(languages)
        self.version: str = tesserocr.tesseract_version().split()[1]
        self._api = tesserocr.PyTessBaseAPI(
            path=str(data),
            lang="+".join(languages),
            psm=tesserocr.PSM.AUTO_OSD,
            oem=tesserocr.OEM.LSTM_ONLY,
        )
        self._api.SetVariable("thresholding_method", _SAUVOLA)
        for name, most in _INSIDE.items():
            self._api.SetVariable(name, most)
        # tesserocr sends the engine's remarks to /dev/null. Where that cannot be opened for writing, as in a confined
        # process, the first remark would be the end of it.
        self._api.SetVariable("debug_file", "")

    def read(self, image: Image.Image, dpi: int) -> Recognised:
        import tesserocr

        self._api.SetImage(image)
        self._api.SetSourceResolution(dpi)
        self._api.Recognize()
        found = self._api.GetIterator()
        if found is None:
            return Recognised(())
        lines, turns = _lines(found, tesserocr)
        self._api.Clear()
        turned = max(turns, key=lambda turn: turns[turn], default=0)
        upright = tuple(_upright(line, turned, image.size) for line in lines)
        return Recognised(upright, turned)


def _lines(found: Any, tesserocr: Any) -> tuple[list[Line], dict[int, int]]:
    """The lines in the order of reading, and how many letters lie in which direction."""
    level = tesserocr.RIL
    lines: list[Line] = []
    turns: dict[int, int] = {}
    words: list[Word] = []
    begins, count = False, 0
    for item in _iterate(found, level.WORD, tesserocr):
        if words and item.IsAtBeginningOf(level.TEXTLINE):
            lines.append(Line(tuple(words), begins and bool(lines)))
            words, begins = [], False
        begins = begins or item.IsAtBeginningOf(level.PARA)
        word = _word(item, level.WORD)
        if word is None:
            continue
        count += 1
        if count > MAX_WORDS:
            break
        words.append(word)
        turn = _QUARTERS.get(int(item.Orientation()[0]), 0)
        turns[turn] = turns.get(turn, 0) + len(word.text)
    if words:
        lines.append(Line(tuple(words), begins and bool(lines)))
    return lines, turns


def _iterate(found: Any, level: int, tesserocr: Any) -> Iterator[Any]:
    yield from tesserocr.iterate_level(found, level)


def _word(item: Any, level: int) -> Word | None:
    box = item.BoundingBox(level)
    try:
        text = clean((item.GetUTF8Text(level) or "").strip())[:MAX_WORD]
    except RuntimeError:  # tesserocr's way to say that there is no text
        return None
    confidence = min(max(round(item.Confidence(level)), 0), 100)
    if not text or box is None or (confidence < _SPECK and not any(map(str.isalnum, text))):
        return None
    if not text.strip(_RULED):
        return None
    return Word(" ".join(text.split()), (box[0], box[1], box[2], box[3]), confidence)


def _upright(line: Line, turned: int, size: tuple[int, int]) -> Line:
    if not turned:
        return line
    words = tuple(Word(w.text, _turn(w.box, turned, size), w.confidence) for w in line.words)
    return Line(words, line.begins_paragraph)


def _turn(box: Box, turned: int, size: tuple[int, int]) -> Box:
    """The box on the page after it was turned clockwise."""
    (left, top, right, bottom), (width, height) = box, size
    if turned == 90:
        return height - bottom, left, height - top, right
    if turned == 180:
        return width - right, height - bottom, width - left, height - top
    return top, width - right, bottom, width - left
