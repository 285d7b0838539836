"""RTF: the text of every part that has some, deleted text marked as such; the cells of a row stay in a line."""

from __future__ import annotations

import re

from carefile.core.documents.extraction import Reason
from lambdas.readers.base import Reader
from lambdas.readers.draft import Draft
from lambdas.readers.formats.text.rtf_text import BODY, RtfReader, RtfText
from lambdas.readers.limits import MAX_TEXT_BYTES
from lambdas.readers.media_types import detect
from lambdas.readers.source import Source

_PAIR = re.compile("([\ud800-\udbff])([\udc00-\udfff])")  # as RTF writes a letter beyond the first 65,536
_CELL_END = re.compile(r"   (?=\n|$)")


def _recognises(source: Source) -> bool:
    return detect(source)[0] == "rtf"


def _read(source: Source, draft: Draft) -> None:
    if source.text_is_cut:
        draft.cut("bytes", "The document is larger than is read.", MAX_TEXT_BYTES, source.size)
    describe_rtf(source.data[:MAX_TEXT_BYTES], draft, is_cut=source.text_is_cut)


def describe_rtf(data: bytes, draft: Draft, *, is_cut: bool = False) -> None:
    """What an RTF document says. Its facts and parts are put down even if reading ends before its end."""
    markup, is_unicode = _markup(data)
    reader = RtfReader(markup, is_unicode=is_unicode)
    try:
        reader.read()
    finally:
        _describe(reader.found, draft)
    if reader.found.is_too_deep:
        draft.give_up(Reason.TOO_COMPLEX, "The document is nested too deep to be read to its end.")
    elif reader.found.is_damaged and not is_cut:
        draft.reason = Reason.DAMAGED
        draft.warn("damaged", "The document is damaged. Not all of its content could be read.")


def _markup(data: bytes) -> tuple[str, bool]:
    """The markup, and whether its letters are letters already: RTF itself is ASCII, but some programs write UTF-8."""
    data = data.lstrip(b"\xef\xbb\xbf \t\r\n")
    try:
        return data.decode("utf-8"), not data.isascii()
    except UnicodeDecodeError:
        return data.decode("latin-1"), False


def _describe(found: RtfText, draft: Draft) -> None:
    for name, value in found.facts.items():
        draft.fact(name, _whole(value))
    for name, runs in sorted(found.parts.items(), key=lambda part: part[0] != BODY):
        text = _CELL_END.sub("", _whole(str(runs))).strip("\n")
        draft.text(text, section=name or None)
    if found.pictures:
        draft.warn("pictures", "The document holds pictures. They are not shown here.")
    if found.embedded:
        draft.warn("embedded", "The document holds other documents. They are not read.")


def _whole(text: str) -> str:
    return _PAIR.sub(
        lambda pair: (pair[1] + pair[2]).encode("utf-16", "surrogatepass").decode("utf-16"), text
    )


READER = Reader("rtf", "application/rtf", _recognises, _read, isolated=True)
