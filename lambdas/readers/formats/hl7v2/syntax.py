"""HL7 v2 as it is written: messages of segments of fields, with the delimiters that each message declares.

Lenient where senders are: segments end in CR, LF or both; frames of MLLP and batch headers may stand round
messages; a line that begins no segment goes on with the one before.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lambdas.readers.formats.hl7v2.charsets import encoding_of
from lambdas.readers.formats.hl7v2.escapes import Delimiters, resolved
from lambdas.readers.limits import MAX_FIELDS

START = re.compile(r"[\x0b\x1c\s]*(?:MSH|BHS|FHS)([^\w\s])[^\w\s]{2,5}\1")
_LINE = re.compile(r"[^\r\n\x0b\x1c]+")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?=[^A-Za-z0-9]|$)")
_HEADERS = ("MSH", "BHS", "FHS")
_BATCH = ("BHS", "FHS", "BTS", "FTS")
_NULL = '""'


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment. Fields are counted as HL7 does, from 1; texts come out with escapes resolved."""

    name: str
    fields: list[str]
    delimiters: Delimiters
    encoding: str = ""

    def raw(self, number: int) -> str:
        return self.fields[number] if number < len(self.fields) else ""

    def repetitions(self, number: int) -> list[str]:
        raw = self.raw(number)
        if self.name in _HEADERS and number <= 2:
            return [raw]
        return [part for part in raw.split(self.delimiters.repetition) if part not in ("", _NULL)]

    def components(self, repetition: str) -> list[str]:
        """The components of one repetition, subcomponents set off by blanks."""
        return [
            " ".join(filter(None, map(self.text, part.split(self.delimiters.subcomponent))))
            for part in repetition.split(self.delimiters.component)
        ]

    def subcomponents(self, repetition: str, component: int) -> list[str]:
        parts = repetition.split(self.delimiters.component)
        if component > len(parts):
            return []
        return [self.text(part) for part in parts[component - 1].split(self.delimiters.subcomponent)]

    def text(self, raw: str) -> str:
        """A text with its escapes resolved. One that nobody knows stays as it is written."""
        if raw == _NULL:
            return ""
        if self.delimiters.escape not in raw:
            return raw
        return resolved(raw, self.delimiters, self.encoding)


Message = list[Segment]


def messages_of(text: str, most_segments: int) -> tuple[list[Message], bool]:
    """The messages, and whether these are all there are. What stands before the first is left out."""
    messages: list[Message] = []
    delimiters, encoding = Delimiters(), ""
    count = 0
    for line in _lines(text):
        count += 1
        if count > most_segments:
            return messages, False
        name = line[:3]
        if name in _HEADERS and len(line) > 4:
            delimiters = Delimiters.of(line)
        if name == "MSH":
            messages.append([])
        if name in _BATCH or not messages:
            continue
        fields = line.split(delimiters.field, MAX_FIELDS)
        if name == "MSH":
            fields.insert(1, delimiters.field)
            encoding = encoding_of(fields[18]) if len(fields) > 18 else ""
        messages[-1].append(Segment(name, fields, delimiters, encoding))
    return messages, True


def _lines(text: str) -> Iterator[str]:
    parts: list[str] = []
    for line in (match[0] for match in _LINE.finditer(text)):
        if _SEGMENT.match(line):
            if parts:
                yield "\n".join(parts)
            parts = [line]
        elif parts and line.strip():
            parts.append(line)
    if parts:
        yield "\n".join(parts)
