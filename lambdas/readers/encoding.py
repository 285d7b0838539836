"""Bytes to text: the encoding by byte order mark, by UTF-8's own redundancy, by the zeros of UTF-16, by what the
document or its upload declares, else Windows-1252.

No statistics: a wrong guess among single-byte encodings is worse than an honest warning.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from lambdas.readers.limits import SAMPLE

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_CONTROLS = b"\t\n\r\f\x0b\x1b\x1c"  # what text, terminals' logs and HL7 messages may hold
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS) + b"\x7f"
_MOST_CONTROLS = 0.005  # share of control characters in what still counts as text
# What may be declared, by Python's names: encodings of the web that hold ASCII. Of two, browsers take the larger.
_DECLARABLE = re.compile(
    r"iso8859-\d\d?|cp125\d|cp(?:437|85[0258]|866|874)|koi8-[ru]|mac-roman|shift_jis|euc_(?:jp|kr)|gb18030|big5"
)
_LARGER = {"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """`assumed` tells that nothing in the bytes proves the encoding; `damaged` that some of them are not in
    it.
    """

    text: str
    encoding: str
    assumed: bool = False
    damaged: bool = False


def decode(data: bytes, *, is_cut: bool, declared: str = "") -> Decoded | None:
    """The text that the bytes are, or None if they are no text. `is_cut` allows a last character to be
    incomplete; what is `declared` is believed where the bytes neither prove nor contradict it.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decode_as(encoding, data[len(mark) :], is_cut)
    if wide := _wide(data[:SAMPLE]):
        decoded = _decode_as(wide, data, is_cut)
        if not decoded.damaged and _is_text(decoded.text[:SAMPLE].encode("utf-8", "replace")):
            return decoded
    if not _is_text(data[:SAMPLE]):
        return None
    decoded = _decode_as("utf-8", data, is_cut)
    if not decoded.damaged:
        return Decoded(decoded.text, "ascii" if decoded.text.isascii() else "utf-8")
    if name := known_encoding(declared):
        decoded = _decode_as(name, data, is_cut)
        if not decoded.damaged:
            return decoded
    text = data.decode("cp1252", errors="replace")
    return Decoded(text, "windows-1252", assumed=True, damaged="\ufffd" in text)


def known_encoding(declared: str) -> str | None:
    """The encoding that goes by this name, if it is one for documents: Python knows many that are not."""
    try:
        name = codecs.lookup(declared[:40]).name
    except (LookupError, ValueError):
        return None
    name = _LARGER.get(name, name)
    if not _DECLARABLE.fullmatch(name):
        return None
    return name.replace("cp125", "windows-125").replace("iso8859", "iso-8859").replace("euc_", "euc-")


def _decode_as(encoding: str, data: bytes, is_cut: bool) -> Decoded:
    decoder = codecs.getincrementaldecoder(encoding)
    try:
        return Decoded(decoder("strict").decode(data, final=not is_cut), encoding)
    except UnicodeDecodeError:
        return Decoded(decoder("replace").decode(data, final=not is_cut), encoding, damaged=True)


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark: nearly every second byte of Western text is zero, always the same second."""
    if len(sample) < 4:
        return None
    half = len(sample) // 2
    even, odd = sample[0 : half * 2 : 2].count(0), sample[1 : half * 2 : 2].count(0)
    if odd > half * 0.7 and even < half * 0.05:
        return "utf-16-le"
    if even > half * 0.7 and odd < half * 0.05:
        return "utf-16-be"
    return None


def _is_text(sample: bytes) -> bool:
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls <= len(sample) * _MOST_CONTROLS
