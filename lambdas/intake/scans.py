"""Reading a filed document's pictures: page by page into the store of readings, then into its record and page.

The second is an intake like any other that knows more and comes late (docs/convergence.md): it converges on the current
version of the key under a revision of its own. Where that is another version than the one that was read, what was read
is left out; where the document was moved, replaced or forgotten meanwhile, nothing is brought back. Of a document that
was filed only to be read again, what was recognised moves nothing: it joins the record, which says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from carefile.core.documents.extraction import Extraction
from carefile.core.documents.picture import Picture
from carefile.core.documents.recognition import RecognisedPage, Recognition, recognition_of
from carefile.core.documents.scans import with_recognition
from carefile.core.messages.upload import Reread
from carefile.core.model import Classification, Deleted, Observation
from lambdas.adapters.landing import Landing
from lambdas.adapters.readings import Readings
from lambdas.intake.convergence import Intake, Outcome, Upload
from lambdas.intake.filing import DocumentReader
from lambdas.readers import MAX_READ, Content
from lambdas.readers.content_encoding import unpacked
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source
from lambdas.scans.limits import SHOWN_TOTAL
from lambdas.scans.reading import Batch

_LOST = "lost"  # a page that was read and is in the store no more


class PageReader(Protocol):
    @property
    def engine(self) -> str: ...

    @property
    def version(self) -> str: ...

    @property
    def languages(self) -> Sequence[str]: ...

    def read(
        self, source: Source, format_: str, *, first: int = 1, known: frozenset[str] = frozenset()
    ) -> Batch: ...


@dataclass(frozen=True)
class Scans:
    landing: Landing
    readings: Readings
    reader: PageReader
    intake: Intake

    def read(self, upload: Upload, first: int) -> dict[str, Any]:
        """Read a batch of pages from `first` on: {pages: [{page, digest | failed}], next}. `next` is 0 once no page
        is left, and where the version is gone."""
        observed = self.landing.head(upload.source, upload.version_id)
        data = None if isinstance(observed, Deleted) else self.landing.read(observed, MAX_READ)
        source_id = upload.source.source_id
        if isinstance(observed, Deleted) or data is None:
            return self._gone(source_id)
        if observed.version != upload.version:
            return {"pages": [], "next": 0}
        encoding = dict(observed.headers).get("ContentEncoding", "")
        content = unpacked(Content(data, observed.size, encoding)).content
        source = Source(content, upload.source.key.rpartition("/")[2], observed.content_type)
        batch = self.reader.read(source, detect(source)[0], first=first, known=self.readings.known(source_id))
        for page in batch.pages:
            if page.found and page.digest:
                self.readings.keep(source_id, page.digest, page.found, page.picture)
        if self.landing.read(observed, 1) is None:
            return self._gone(source_id)
        pages = [
            {"page": page.page, **({"failed": page.failed} if page.failed else {"digest": page.digest})}
            for page in batch.pages
        ]
        return {"pages": pages, "next": batch.next or 0}

    def _gone(self, source_id: str) -> dict[str, Any]:
        """Nothing is kept of a version that is gone, since its patient may have been forgotten; it is looked for after
        the last was kept. What other versions of the source miss then is read again."""
        self.readings.drop(source_id)
        return {"pages": [], "next": 0}

    def file(self, upload: Upload, pages: Sequence[Mapping[str, Any]]) -> Outcome:
        """File the record and the page anew with what was read on these pages."""
        found: list[RecognisedPage] = []
        shown: dict[int, Picture] = {}
        room = SHOWN_TOTAL
        for page in pages:
            digest = page.get("digest")
            kept = self.readings.get(upload.source.source_id, digest) if digest else None
            if kept is None:
                found.append(RecognisedPage(page["page"], failed=page.get("failed", _LOST)))
                continue
            recognised, picture = kept
            found.append(recognised)
            room -= len(picture)
            if picture and room >= 0:
                size = recognised.width, recognised.height
                shown[recognised.page] = Picture(picture, "image/jpeg", *size, f"Page {recognised.page}")
        recognition = recognition_of(self.reader.engine, self.reader.version, self.reader.languages, found)
        documents = ReadDocuments(self.intake.filing.documents, upload, recognition, shown)
        outcome = self._filing(documents).run(replace(upload, reread=Reread.AS_FILED))
        if not outcome.is_left:
            return outcome
        # Announcing what stands, with a reading that is pending, would start the next reading.
        silent = replace(documents, recognition=replace(recognition, is_evidence=False))
        return replace(self._filing(silent).run(upload), is_left=True)

    def _filing(self, documents: ReadDocuments) -> Intake:
        return replace(self.intake, filing=replace(self.intake.filing, documents=documents))


@dataclass(frozen=True)
class ReadDocuments:
    """Documents, with what was recognised in one version of one of them. Of others nothing is known that was not
    before."""

    documents: DocumentReader
    upload: Upload
    recognition: Recognition
    shown: Mapping[int, Picture]

    def read(self, observed: Observation) -> Extraction | None:
        extraction = self.documents.read(observed)
        is_meant = (observed.source, observed.version) == (self.upload.source, self.upload.version)
        if extraction is None or extraction.recognition is None or not is_meant:
            return extraction
        return with_recognition(extraction, self.recognition, self.shown)

    def page(self, observed: Observation, classification: Classification, extraction: Extraction) -> bytes:
        return self.documents.page(observed, classification, extraction)
