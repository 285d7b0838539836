"""Reads a batch of a document's pictures in a process of its own, and outlives whatever becomes of that process."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carefile.core.documents.recognition import RecognisedPage
from lambdas.readers import children
from lambdas.readers.confinement import close_this_process_to_its_children
from lambdas.readers.isolation import bare_environment
from lambdas.readers.limits import MAX_NAME
from lambdas.readers.source import Source
from lambdas.scans.limits import BATCH_SECONDS, MAX_PAGES, OPENING_SECONDS, PAGE_SECONDS

_COMMAND = (sys.executable, "-m", "lambdas.scans.child")
_SECONDS = OPENING_SECONDS + BATCH_SECONDS + PAGE_SECONDS
_MOST_DEATHS = 3  # of processes in one batch; what is left then goes to the next


@dataclass(frozen=True, slots=True)
class PageRead:
    """A page with what was found on it and its picture, a JPEG; or, where `found` is None, one that is known by its
    digest, or that failed.
    """

    page: int
    digest: str | None = None
    found: RecognisedPage | None = None
    picture: bytes = b""
    failed: str | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Pages that were read, and the first of those that are left; None where none is."""

    pages: tuple[PageRead, ...]
    next: int | None


@dataclass(frozen=True, slots=True)
class Recogniser:
    """Which languages are read, with the trained data in a folder."""

    data: Path
    languages: Sequence[str]
    engine = "tesseract"

    @property
    def version(self) -> str:
        import tesserocr

        return str(tesserocr.tesseract_version().split()[1])

    def read(
        self, source: Source, format_: str, *, first: int = 1, known: frozenset[str] = frozenset()
    ) -> Batch:
        """The pages from `first` on that are pictures, without those whose digests are known. Never raises for what is
        in a document: a page that cannot be read says why.
        """
        pages: list[PageRead] = []
        for _ in range(_MOST_DEATHS):
            said, why = self._run(source, format_, first, known)
            begun: int | None = None
            for message in said:
                if "begins" in message:
                    begun = message["begins"]
                elif "next" in message:
                    return Batch(tuple(pages), message["next"])
                else:
                    pages.append(_page(message))
                    begun = None
            if begun is None:  # it did not reach a page
                broken = first if not pages else pages[-1].page + 1
                return Batch((*pages, PageRead(broken, failed=why)), None)
            pages.append(PageRead(begun, failed=why))
            first = begun + 1
            if first > MAX_PAGES:
                return Batch(tuple(pages), None)
        return Batch(tuple(pages), first)

    def _run(
        self, source: Source, format_: str, first: int, known: frozenset[str]
    ) -> tuple[list[dict[str, Any]], str]:
        """What the process said, and why it would have ended early."""
        asked = {
            "format": format_,
            "name": source.name[:MAX_NAME],
            "declared_type": source.declared[:MAX_NAME],
            "size": source.size,
            "first": first,
            "known": sorted(known),
            "data": str(self.data),
            "languages": list(self.languages),
        }
        environment = bare_environment() | {"CAREFILE_SCAN": json.dumps(asked), "OMP_THREAD_LIMIT": "1"}
        close_this_process_to_its_children()
        try:
            child = children.run(_COMMAND, source.data, environment, _SECONDS)
        except subprocess.TimeoutExpired as late:
            return list(_messages(late.output or b"")), "too-slow"
        return list(_messages(child.stdout)), _why(child.returncode)


def _messages(answer: bytes) -> Iterator[dict[str, Any]]:
    *whole, _ = answer.split(b"\0")
    yield from map(json.loads, whole)


def _why(code: int) -> str:
    return {-14: "too-slow", 0: "damaged"}.get(code, "too-complex")  # 14: SIGALRM


def _page(message: dict[str, Any]) -> PageRead:
    found = message.get("found")
    return PageRead(
        message["page"],
        message.get("digest"),
        RecognisedPage.from_json(found) if found else None,
        base64.b64decode(message.get("picture", "")),
        message.get("failed"),
    )
