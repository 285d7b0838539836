"""Plain text: whatever decodes as text and is written in no markup language."""

from __future__ import annotations

from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.encoding import Decoded
from lambdas.readers.limits import MAX_TEXT_BYTES
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source


def _recognises(source: Source) -> bool:
    return source.size > 0 and source.decoded is not None and detect(source)[0] == "unknown"


def _read(source: Source, draft: Draft) -> None:
    note_text_facts(source, draft)
    draft.text(source.text)
    if not source.text.strip():
        draft.warn("blank", "The document holds nothing but white space.")


def note_text_facts(source: Source, draft: Draft) -> None:
    """The encoding, what is to be said of it, and the cut of a document that is too large."""
    if source.decoded is None:
        return
    draft.encoding = source.decoded.encoding
    note_encoding(source.decoded, draft)
    if source.text_is_cut:
        draft.cut("bytes", "The document is larger than is read.", MAX_TEXT_BYTES, source.size)


def note_encoding(decoded: Decoded, draft: Draft) -> None:
    """What is to be said of how bytes became text."""
    if decoded.assumed:
        draft.warn("encoding-assumed", "The encoding is not certain. Accented letters may be wrong.")
    if decoded.damaged:
        draft.warn("encoding-damaged", "Some bytes are no text in this encoding. They are shown as \ufffd.")


READER = Reader("text", "text/plain", _recognises, _read)
