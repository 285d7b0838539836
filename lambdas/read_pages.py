"""ReadPages: recognise the text on a batch of a document's pages that are pictures, and keep it."""

from __future__ import annotations

from typing import Any

from carefile.core.messages.upload import NamedUpload
from lambdas.adapters.boundary import entry_point
from lambdas.intake import wiring
from lambdas.intake.convergence import Upload

scans = wiring.scans()


@entry_point
def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """`event`: {upload, first, execution}. Returns {pages, next}: `next` is the first page that is left, or 0."""
    asked = NamedUpload.from_json(event["upload"])
    upload = Upload(asked.source, asked.version, asked.version_id, event["execution"])
    return scans.read(upload, event["first"])
