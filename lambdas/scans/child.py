"""The process that reads pictures: confined, bounded, and of use for one batch of pages.

In come the document through standard input and what is known of it through one environment variable. Out goes one JSON
object for each page, each ended by a NUL, which JSON cannot hold: so a page over which this process dies takes no other
page with it. Before a page it says that it begins it, so that it is known which page that was.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carefile.core.documents.readers import RECOGNITION, VERSIONS
from carefile.core.documents.recognition import RecognisedPage, beside_labels
from lambdas.readers.confinement import confine_this_process
from lambdas.readers.isolation import limit_this_process
from lambdas.readers.source import Content, Source
from lambdas.scans.limits import (
    BATCH_PAGES,
    BATCH_SECONDS,
    CHILD_MEMORY,
    OPENING_SECONDS,
    PAGE_SECONDS,
    SHOWN_BYTES,
    SHOWN_SIDE,
)
from lambdas.scans.pages import PagePicture, TooLargeError, is_tiny, pictures_of
from lambdas.scans.preparing import prepare
from lambdas.scans.tesseract import Tesseract

if TYPE_CHECKING:
    from PIL import Image

    from lambdas.scans.engine import Engine

VARIABLE = "CAREFILE_SCAN"
END = b"\0"
_ROWS = 500
_SECONDS = 600  # of a processor, for all of a batch


def main() -> None:
    """Read a batch of pages, and end."""
    limit_this_process(CHILD_MEMORY, _SECONDS)
    confine_this_process()
    asked = json.loads(os.environ[VARIABLE])
    source = Source(Content(sys.stdin.buffer.read(), asked["size"]), asked["name"], asked["declared_type"])
    try:
        _read(source, asked)
    finally:
        os._exit(0)  # nothing of a library's clean-up can fail or hang any more


def _read(source: Source, asked: dict[str, Any]) -> None:
    known, first = frozenset(asked["known"]), asked["first"]
    engine: Engine | None = None
    began, read = time.monotonic(), 0
    signal.alarm(OPENING_SECONDS)
    for picture in pictures_of(source, asked["format"]):
        if picture.number < first:
            continue
        if read >= BATCH_PAGES or time.monotonic() - began > BATCH_SECONDS:
            _say({"next": picture.number})
            return
        _say({"begins": picture.number})
        signal.alarm(PAGE_SECONDS)
        if engine is None:
            engine = Tesseract(Path(asked["data"]), asked["languages"])
        _say(_page(picture, engine, known))
        read += 1
    _say({"next": None})


def _page(picture: PagePicture, engine: Engine, known: frozenset[str]) -> dict[str, Any]:
    """What is found on a page, or its digest alone where it is known already."""
    page, place = picture.number, picture.place
    try:
        image = picture.open()
        digest = _digest(image, engine, page)
        if digest in known:
            return {"page": page, "digest": digest}
        if is_tiny(image):
            return {"page": page, "digest": digest, "found": RecognisedPage(page, place=place).to_json()}
        prepared = prepare(image)
        found = engine.read(prepared.image, prepared.dpi)
        upright = prepared.image.rotate(-found.turned, expand=True) if found.turned else prepared.image
        recognised = RecognisedPage(
            page, *upright.size, found.turned, beside_labels(found.lines), place=place
        )
        return {
            "page": page,
            "digest": digest,
            "found": recognised.to_json(),
            "picture": base64.b64encode(_shown(upright)).decode(),
        }
    except TooLargeError:
        return {"page": page, "failed": "too-large"}
    except MemoryError:
        return {"page": page, "failed": "too-complex"}
    except Exception:
        return {"page": page, "failed": "damaged"}


def _digest(image: Image.Image, engine: Engine, page: int) -> str:
    """The digest of a picture's pixels and of what reads them: read by another release, it is another reading."""
    image.load()
    about = (
        str(VERSIONS[RECOGNITION]),
        engine.name,
        engine.version,
        *engine.languages,
        page,
        image.mode,
        image.size,
    )
    seen = hashlib.sha256(repr((*about, image.info.get("dpi"), image.getexif().get(274))).encode())
    for top in range(0, image.height, _ROWS):  # never all of a large picture a second time
        seen.update(image.crop((0, top, image.width, min(top + _ROWS, image.height))).tobytes())
    return seen.hexdigest()


def _shown(image: Image.Image) -> bytes:
    """The page as a small JPEG."""
    shown = image.copy()
    side = SHOWN_SIDE
    while True:
        shown.thumbnail((side, side))
        for quality in (60, 40, 25):
            file = io.BytesIO()
            shown.save(file, "JPEG", quality=quality, optimize=True)
            if file.tell() <= SHOWN_BYTES or (side < 64 and quality == 25):
                return file.getvalue()
        side = side * 3 // 4


def _say(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message, ensure_ascii=False).encode() + END)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
