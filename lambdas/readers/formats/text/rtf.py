"""RTF: the text, through striprtf. Pictures are left out before it sees them; the cells of a row stay in a line."""

from __future__ import annotations

import re

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import Reader, Source
from lambdas.readers.draft import Draft
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.limits import MAX_TEXT_BYTES
from lambdas.readers.media_types import detect

_PICTURE_DATA = re.compile(r"(?<![0-9a-fA-F])(?:[0-9a-fA-F]{64,}+\s*+)++")  # each run is tried once
_CELL_END = re.compile(r"\|(?=\n|$)")


def _recognises(source: Source) -> bool:
    return detect(source)[0] == "rtf"


def _read(source: Source, draft: Draft) -> None:
    from striprtf.striprtf import rtf_to_text

    note_text_facts(source, draft)
    draft.encoding = None  # that of the file; each font has its own
    markup = source.text or source.data[:MAX_TEXT_BYTES].decode("cp1252", "replace")
    if "\\pict" in markup:
        markup = _PICTURE_DATA.sub("", markup)
        draft.warn("pictures", "The document holds pictures. They are not shown here.")
    try:
        text: str = rtf_to_text(markup, errors="replace")  # type: ignore[no-untyped-call]
    except MemoryError:
        raise
    except Exception:  # of every kind, for damaged markup
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The document is damaged. Its text cannot be read.")
        return
    draft.text(_CELL_END.sub("", text).replace("|", "   ").strip("\n"))


READER = Reader("rtf", "application/rtf", _recognises, _read, isolated=True)
