"""What the layout holds of a document: its manifest, what was extracted from it, its page and the pictures on that.

Pictures are those of `result.html`, which was made without running anything. The last few documents stay in memory, so
that a page and its pictures are read once; nothing is written to disk.
"""

from __future__ import annotations

import base64
import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from threading import Lock
from typing import Any

from botocore.exceptions import ClientError

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.objects import is_gone
from carefile.core.documents.extraction import Extraction, Heading, Table
from carefile.core.documents.picture import PlacedWord
from carefile.core.documents.recognition import RecognisedPage
from carefile.core.filing.layout import EXTRACTED, manifest_key, result_key
from carefile.core.model import Decision, Evidence, EvidenceSource, Suggestion

_KEPT = 4  # documents
_MANIFESTS = 1_000  # a kilobyte or two each
_CHUNK = 256 * 1024
_MOST = 32 * 1024 * 1024  # bytes of a page or record that is read
_MOST_TEXT = 200_000  # characters that are searched for names and dates
_SCAN = re.compile(
    r'<svg[^>]*aria-label="Page (\d+) as a picture[^>]*>\s*<image href="data:(image/[a-z]+);base64,([A-Za-z0-9+/=]+)"'
)
_FIGURE = re.compile(
    r'<img src="data:(image/[a-z]+);base64,([A-Za-z0-9+/=]+)" width="(\d+)" height="(\d+)"(?: data-words="([^"]*)")?'
)


@dataclass(frozen=True, slots=True)
class Filed:
    """What a document's manifest says. `is_read` is False where there is none, or it was not asked for; `source` is the
    bucket and key of the upload, of a session of one of its objects."""

    is_read: bool = False
    rule: str = ""
    evidence: tuple[Evidence, ...] = ()
    suggestions: tuple[Suggestion, ...] = ()
    decision: Decision | None = None
    content_digest: str | None = None
    reading: str | None = None
    source: tuple[str, str] = ("", "")

    @property
    def about_patient(self) -> tuple[Evidence, ...]:
        return tuple(one for one in self.evidence if one.about == "patient" and one.value)


@dataclass(frozen=True, slots=True)
class Picture:
    """How a page looks. `words` are those on it with their places, where an engine read it or the document has them."""

    page: int
    media_type: str
    data: bytes
    width: int
    height: int
    words: tuple[PlacedWord, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A document as a person reads it. `html` is its own page, `record` what was extracted."""

    html: str = ""
    record: Extraction | None = None
    pictures: tuple[Picture, ...] = field(default=())

    @property
    def text(self) -> str:
        """The text of the document, as far as it is searched."""
        parts: list[str] = []
        for block in self.record.content if self.record else ():
            if isinstance(block, Table):
                parts += ["  ".join(row) for row in (*([block.header] if block.header else ()), *block.rows)]
            else:
                parts.append(block.text)
        for entity in self.record.entities if self.record else ():
            parts += [value for _, value in entity.attributes]
        return "\n".join(parts)[:_MOST_TEXT]

    def passages(self) -> Iterator[tuple[int | None, str, str]]:
        """Yield (page, kind, text) of what is to be shown beside the pictures."""
        for block in self.record.content if self.record else ():
            if isinstance(block, Table):
                rows = (*([block.header] if block.header else ()), *block.rows)
                yield block.page, "text", "\n".join("   ".join(row) for row in rows)
            else:
                yield block.page, "heading" if isinstance(block, Heading) else "text", block.text
        for entity in self.record.entities if self.record else ():
            facts = "\n".join(f"{name}: {value}" for name, value in entity.attributes)
            yield None, "text", f"{entity.type}\n{facts}"


class Records:
    def __init__(self, connection: Connection) -> None:
        self._s3, self._bucket = connection.client("s3"), connection.processed
        self._kept: OrderedDict[tuple[str, int], Document] = OrderedDict()
        self._manifests: OrderedDict[tuple[str, int], Filed] = OrderedDict()
        self._lock = Lock()

    def filed(self, folder: str, revision: int) -> Filed:
        """Read the manifest of a folder, at a revision."""
        with self._lock:
            if known := self._manifests.get((folder, revision)):
                return known
        found = self._filed(folder)
        with self._lock:
            if found.is_read:
                self._manifests[(folder, revision)] = found
            while len(self._manifests) > _MANIFESTS:
                self._manifests.popitem(last=False)
        return found

    def _filed(self, folder: str) -> Filed:
        manifest = _json(self._bytes(manifest_key(folder)))
        if manifest is None:
            return Filed()
        found, source = manifest.get("classification", {}), manifest.get("source", {})
        return Filed(
            True,
            found.get("rule", ""),
            tuple(map(_evidence, found.get("evidence", ()))),
            tuple(
                Suggestion(s["patient_id"], tuple(s["supported_by"])) for s in found.get("suggestions", ())
            ),
            Decision.from_json(found["decision"]) if "decision" in found else None,
            source.get("content_digest"),
            manifest.get("reading", {}).get("status"),
            (source.get("bucket", ""), source.get("key", "")),
        )

    def document(self, folder: str, revision: int) -> Document:
        """Read the page and the record of a folder, at a revision."""
        with self._lock:
            if found := self._kept.get((folder, revision)):
                self._kept.move_to_end((folder, revision))
                return found
        html = (self._bytes(result_key(folder)) or b"").decode("utf-8", "replace")
        data = _json(self._bytes(folder + EXTRACTED))
        record = Extraction.from_json(data) if data else None
        pages = {
            page["page"]: RecognisedPage.from_json(page)
            for page in ((data or {}).get("reading") or {}).get("pages", ())
        }
        found = Document(html, record, tuple(_pictures(html, pages)))
        with self._lock:
            self._kept[(folder, revision)] = found
            while len(self._kept) > _KEPT:
                self._kept.popitem(last=False)
        return found

    def original(self, key: str) -> Iterator[bytes]:
        """Yield the bytes of a filed object as they were uploaded."""
        body = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"]
        return iter(body.iter_chunks(_CHUNK))

    def _bytes(self, key: str) -> bytes | None:
        try:
            body: bytes = self._s3.get_object(Bucket=self._bucket, Key=key)["Body"].read(_MOST)
        except ClientError as error:
            if is_gone(error):
                return None
            raise
        return body


def _json(data: bytes | None) -> Any:
    if data is None:
        return None
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return found if isinstance(found, Mapping) else None


def _evidence(data: Mapping[str, Any]) -> Evidence:
    return Evidence(
        data["about"],
        EvidenceSource(data["source"]),
        data["value"],
        data["where"],
        data["used"],
        data.get("listed"),
    )


def _pictures(html: str, pages: Mapping[int, RecognisedPage]) -> Iterator[Picture]:
    """Every page that is drawn: those that were recognised, and the first, where that has text of its own."""
    scans = {int(scan[1]): scan for scan in _SCAN.finditer(html)}
    if 1 not in scans and (figure := _FIGURE.search(html)):
        width, height = int(figure[3]), int(figure[4])
        words = tuple(_placed(unescape(figure[5] or "")))
        yield Picture(1, figure[1], base64.b64decode(figure[2]), width, height, words)
    for number, scan in scans.items():
        page = pages.get(number)
        if page is not None:
            words = tuple((word.text, word.box) for word in page.words)
            yield Picture(number, scan[2], base64.b64decode(scan[3]), page.width, page.height, words)


def _placed(words: str) -> Iterator[PlacedWord]:
    """The words of a picture, as its page holds them."""
    try:
        found = json.loads(words or "[]")
    except ValueError:
        return
    for text, (left, top, right, bottom) in found:
        yield str(text), (int(left), int(top), int(right), int(bottom))
