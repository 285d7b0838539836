"""Names for addresses that say nothing: no patient, file or key can be read from one, or made up.

A text is sealed under a key of this process only, so an address of yesterday opens nothing. Equal texts have equal
names, so a person's way back finds the same page. SHA-256 in HMAC is all it is made of: the first part proves that the
rest is unaltered, and seeds the stream that hides it.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from itertools import count

_MARK = 16  # bytes


class Opaque:
    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or secrets.token_bytes(32)

    def seal(self, what: str, text: str) -> str:
        """Return the name of a text; `what` it is the name of keeps one sort from standing in for another."""
        plain = text.encode("utf-8", "surrogatepass")
        mark = self._mark(what, plain)
        return base64.urlsafe_b64encode(mark + self._hidden(mark, plain)).decode().rstrip("=")

    def open(self, what: str, name: str) -> str | None:
        """Return the text of a name; None if this process did not make it."""
        try:
            sealed = base64.b64decode(name + "=" * (-len(name) % 4), b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        mark, hidden = sealed[:_MARK], sealed[_MARK:]
        plain = self._hidden(mark, hidden)
        if not hmac.compare_digest(mark, self._mark(what, plain)):
            return None
        return plain.decode("utf-8", "surrogatepass")

    def _mark(self, what: str, plain: bytes) -> bytes:
        return hmac.digest(self._key, b"mark" + what.encode() + b"\0" + plain, "sha256")[:_MARK]

    def _hidden(self, mark: bytes, data: bytes) -> bytes:
        stream = b""
        for number in count():
            if len(stream) >= len(data):
                break
            stream += hmac.digest(self._key, b"hide" + mark + number.to_bytes(4, "big"), "sha256")
        return bytes(one ^ other for one, other in zip(data, stream, strict=False))
