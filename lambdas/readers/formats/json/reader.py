"""JSON and JSON lines: values as tables of facts, records as rows, and patient ids.

Numbers keep the digits they were written with; a member that occurs twice is shown twice. What does not parse
is shown as the text it is.
"""

from __future__ import annotations

import re

from carefile.core.documents.extraction import Reason, clean
from lambdas.readers.base import NotThisFormatError, Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.json.facts import describe_facts
from lambdas.readers.formats.json.glimpse import glimpse_patients
from lambdas.readers.formats.json.patients import describe_patients
from lambdas.readers.formats.json.values import Lines, is_too_complex, parse, parse_lines
from lambdas.readers.formats.text.plain_text import note_text_facts
from lambdas.readers.media_types import detect_markup
from lambdas.readers.source import Source

_CLAIMS = ("json", "ndjson", "jsonl", "application/json", "application/x-ndjson", "application/jsonl")
_BEGINNING = re.compile(r"(?:\{\s*[\"}]|\[\s*(?:[]\"\[{\d-]|true|false|null|NaN))")


def _recognises(source: Source) -> bool:
    begins_well = source.decoded is not None and _BEGINNING.match(source.text_head)
    return bool(begins_well) and detect_markup(source) is None


def _read(source: Source, draft: Draft) -> None:
    if is_too_complex(source.text):
        if _read_lines(source, draft):
            return
        message = "The document has too many values, or too many levels, to be shown as tables."
        _show_as_text(source, draft, Reason.TOO_COMPLEX, message)
        return
    try:
        value = parse(source.text)
    except ValueError:
        if not _read_lines(source, draft):
            _read_damaged(source, draft)
        return
    note_text_facts(source, draft)
    describe_facts(value, draft)
    describe_patients([("", value)], draft)


def _read_lines(source: Source, draft: Draft) -> bool:
    """Whether the document is JSON lines, and so has been read."""
    lines = parse_lines(source.text, last_is_cut=source.text_is_cut)
    if lines is None:
        return False
    draft.format, draft.media_type = "ndjson", "application/x-ndjson"
    note_text_facts(source, draft)
    note_lines(lines, source, draft)
    describe_facts([value for _, value in lines.values], draft)
    describe_patients([(f"line {number}: ", value) for number, value in lines.values], draft)
    return True


def note_lines(lines: Lines, source: Source, draft: Draft) -> None:
    """Say which lines were not read."""
    if lines.damaged:
        draft.doubt("damaged-lines", lines.complaint)
        draft.reason = Reason.DAMAGED
    if lines.is_cut:
        draft.cut("lines", "The file has more lines than are read.", lines.count)
    if lines.is_cut or source.text_is_cut:
        draft.candidates_complete = False


def _read_damaged(source: Source, draft: Draft) -> None:
    if source.text_is_cut:
        _show_as_text(source, draft, Reason.CUT, "The document is too large to be shown as tables.")
    elif source.is_called(*_CLAIMS):
        _show_as_text(
            source, draft, Reason.DAMAGED, "The document is called JSON but is not. It is shown as text."
        )
    else:
        raise NotThisFormatError


def _show_as_text(source: Source, draft: Draft, reason: Reason, message: str) -> None:
    note_text_facts(source, draft)
    draft.reason = reason
    draft.candidates_complete = False
    draft.warn("shown-as-text", message)
    draft.text(clean(source.text))
    glimpse_patients(source.text, draft)


READER = Reader("json", "application/json", _recognises, _read)
