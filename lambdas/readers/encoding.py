"""Bytes to text: the encoding by byte order mark, by the escapes of ISO 2022, by UTF-8's own redundancy, by the zeros
of UTF-16, by what the document or its upload declares, else Windows-1252.

No statistics: a wrong guess among single-byte encodings is worse than an honest warning.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, replace

from lambdas.readers.limits import SAMPLE

# UTF-32 first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_TEXT_CONTROLS = b"\t\n\r\f\x0b\x0e\x0f\x1b\x1c"  # what text, ISO 2022, terminals' logs and HL7 messages hold
_CONTROLS = bytes(byte for byte in range(32) if byte not in _TEXT_CONTROLS) + b"\x7f"
_MOST_DAMAGED = (
    0.01  # share of characters that are none in a text that is still taken for what it is declared to be
)
_MOST_CONTROLS = 0.005  # share of control characters in what still counts as text
# What may be declared, by Python's names: encodings of the web that hold ASCII. Of two, browsers take the larger.
_DECLARABLE = re.compile(
    r"iso8859-\d\d?|cp125\d|cp(?:437|85[0258]|866|874|932|949)|koi8-[ru]|mac-roman|shift_jis|euc_(?:jp|kr)|gb18030"
    r"|big5(?:hkscs)?"
)
_LARGER = {
    **{"iso8859-1": "cp1252", "ascii": "cp1252", "gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932"},
    **{"euc_kr": "cp949", "big5": "big5hkscs", "tis-620": "cp874", "iso8859-11": "cp874"},
}
_OTHER_NAMES = {
    **{"x-sjis": "cp932", "windows-31j": "cp932", "x-euc-jp": "euc-jp", "x-mac-roman": "mac-roman"},
    **{"iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8"},
}
_KNOWN_AS = {"cp932": "shift_jis", "cp949": "euc-kr", "big5hkscs": "big5"}
_OF_MANY_BYTES = ("cp932", "cp949", "euc-jp", "gb18030", "big5hkscs")
# Encodings of mail whose bytes are all ASCII, so only their escapes distinguish them from it.
_SEVEN_BITS = re.compile(r"iso2022_(?:jp(?:_1|_2|_3|_ext|_2004)?|kr)|hz|utf_7|utf-7")
_ISO_2022_JP = "iso2022_jp_ext"  # the largest of its kind
_JAPANESE = re.compile(rb"\x1b\$[@B]")


@dataclass(frozen=True, slots=True)
class Decoded:
    """`assumed` means that nothing in the bytes proves the encoding; `damaged` that some of them are not in
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
    is_text = _is_text(data[:SAMPLE])
    if name := _of_seven_bits(declared) or (
        _ISO_2022_JP if is_text and _JAPANESE.search(data[:SAMPLE]) else None
    ):
        decoded = _decode_as(name, data, is_cut)
        if not decoded.damaged:
            return Decoded(
                decoded.text, {_ISO_2022_JP: "iso-2022-jp", "iso2022_kr": "iso-2022-kr"}.get(name, name)
            )
    if not is_text:
        return None
    decoded = _decode_as("utf-8", data, is_cut)
    if not decoded.damaged:
        return Decoded(decoded.text, "ascii" if decoded.text.isascii() else "utf-8")
    if name := known_encoding(declared):
        decoded = _decode_as(name, data, is_cut)
        # A few bytes of another kind do not make a Japanese text a Western one.
        if not decoded.damaged or (name in _OF_MANY_BYTES and _is_nearly_whole(decoded.text)):
            return replace(decoded, encoding=_KNOWN_AS.get(name, name))
    text = data.decode("cp1252", errors="replace")
    return Decoded(text, "windows-1252", assumed=True, damaged="\ufffd" in text)


def known_encoding(declared: str) -> str | None:
    """The encoding that goes by this name, if it is one for documents: Python knows many that are not."""
    name = _python_name(declared)
    if name is None:
        return None
    name = _LARGER.get(name, name)
    if not _DECLARABLE.fullmatch(name):
        return None
    return name.replace("cp125", "windows-125").replace("iso8859", "iso-8859").replace("euc_", "euc-")


def _python_name(declared: str) -> str | None:
    declared = declared.strip()[:40]
    try:
        return codecs.lookup(_OTHER_NAMES.get(declared.lower(), declared)).name
    except (LookupError, ValueError):
        return None


def _of_seven_bits(declared: str) -> str | None:
    name = _python_name(declared)
    if name is None or not _SEVEN_BITS.fullmatch(name):
        return None
    return _ISO_2022_JP if name.startswith("iso2022_jp") else name


def _is_nearly_whole(text: str) -> bool:
    return text.count("\ufffd") <= len(text) * _MOST_DAMAGED


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
