"""Readings of pages that begin before their patient is forgotten and end whenever, as steps of a history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from carefile.core.documents import scans
from carefile.core.documents.recognition import Line, RecognisedPage, Word
from carefile.core.errors import CarefileError
from carefile.core.model import Observation
from carefile.core.model import Source as Landed
from lambdas.adapters.readings import Readings
from lambdas.intake import wiring
from lambdas.intake.convergence import Upload
from lambdas.intake.results import result
from lambdas.intake.scans import Scans
from lambdas.readers.source import Source
from lambdas.scans.reading import Batch, PageRead
from tests.unit.world import LANDING, REPORTS, World, execution_arn


class Engine:
    """Sees one page, on which the bytes of the document stand, and so whose it is."""

    engine, version, languages = "plain", "1", ("eng",)

    def read(
        self, source: Source, format_: str, *, first: int = 1, known: frozenset[str] = frozenset()
    ) -> Batch:
        line = Line((Word(source.data.decode("utf-8", "replace").strip() or "-", (1, 1, 9, 9), 90),))
        page = RecognisedPage(first, 10, 20, 0, (line,))
        return Batch((PageRead(first, f"{len(source.data)}-{first}", page, b"jpeg"),), None)


class LateReadings:
    """What was begun to be read; `told` is told of what a reading announces."""

    def __init__(self, world: World, told: Callable[[dict[str, Any]], None]) -> None:
        self.world, self._told = world, told
        self._begun: list[tuple[Upload, Sequence[dict[str, Any]]]] = []

    @staticmethod
    def install(patch: pytest.MonkeyPatch) -> None:
        """Every document's pages are pictures."""
        patch.setenv("OCR", "on")
        patch.setattr(scans, "shows_text", lambda _: True)

    def read(self, key: str, *, to_the_end: bool) -> None:
        observed = wiring.landing().head(Landed(LANDING, key))
        if isinstance(observed, Observation):
            name = execution_arn(f"r{len(self._begun)}")
            upload = Upload(observed.source, observed.version, observed.version_id, name)
            self._begun.append((upload, self._scans.read(upload, 1)["pages"]))
            if to_the_end:
                self._file(*self._begun[-1])

    def end(self) -> None:
        """Each goes on where it was, and then comes once more from its beginning."""
        for upload, pages in self._begun[:]:
            self._file(upload, pages)
            self._file(upload, self._scans.read(upload, 1)["pages"])

    def _file(self, upload: Upload, pages: Sequence[dict[str, Any]]) -> None:
        try:
            outcome = self._scans.file(upload, pages)
        except CarefileError:
            return
        self._told(result(outcome.disposition.value, outcome.events, outcome.classification))

    @property
    def _scans(self) -> Scans:
        return Scans(wiring.landing(), Readings(self.world.s3, REPORTS), Engine(), self.world.intake)
