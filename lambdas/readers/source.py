"""A document as readers see it: its bytes, what was claimed of it, and its text if it is text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from carefile.core.deciding.patient_fields import STANDARD_FIELDS, PatientFields
from lambdas.readers.encoding import Decoded, decode
from lambdas.readers.formats.hl7v2.charsets import declared_encoding
from lambdas.readers.limits import MAX_READ, MAX_TEXT_BYTES, SAMPLE

# As a content type says it, an HTML document's <meta>, and an XML declaration. What a message's MSH-18 says is another
# matter.
_CHARSET = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Content:
    """The first bytes of an object and the size of the whole of it. At most `MAX_READ` bytes are used. `encoding` is
    its Content-Encoding.
    """

    data: bytes
    size: int
    encoding: str = ""

    @property
    def is_cut(self) -> bool:
        return len(self.data) < self.size


class Source:
    """A document as readers see it: its bytes, what was claimed of it, and its text if it is text."""

    def __init__(
        self,
        content: Content,
        name: str,
        declared_type: str | None,
        fields: PatientFields | None = None,
    ) -> None:
        self.data = content.data[:MAX_READ]
        self.size = max(content.size, len(content.data))
        self.name = name
        self.fields = fields or STANDARD_FIELDS
        self.declared = declared_type or ""
        self.declared_type = self.declared.partition(";")[0].strip().lower()
        stem, dot, extension = name.rpartition(".")
        self.extension = extension.lower() if dot and stem else ""

    @property
    def head(self) -> bytes:
        return self.data[:SAMPLE]

    @property
    def is_cut(self) -> bool:
        return len(self.data) < self.size

    @property
    def text_is_cut(self) -> bool:
        return min(len(self.data), MAX_TEXT_BYTES) < self.size

    @cached_property
    def decoded(self) -> Decoded | None:
        """The text, or None if this is no text. Of a large document only the first `MAX_TEXT_BYTES`."""
        declared = _CHARSET.search(self.declared.encode("utf-8", "replace")[:200]) or (
            _CHARSET.search(self.data[:1024]) if self.data.lstrip()[:1] == b"<" else None
        )
        encoding = declared[1].decode("ascii") if declared else declared_encoding(self.data)
        return decode(self.data[:MAX_TEXT_BYTES], is_cut=self.text_is_cut, declared=encoding)

    @property
    def text(self) -> str:
        return self.decoded.text if self.decoded else ""

    @cached_property
    def text_head(self) -> str:
        """The beginning of the text, without leading white space."""
        return self.text[:SAMPLE].lstrip()

    def is_called(self, *extensions_and_types: str) -> bool:
        """Whether name or declared type claim one of these. A claim only ever breaks a tie."""
        return self.extension in extensions_and_types or self.declared_type in extensions_and_types
