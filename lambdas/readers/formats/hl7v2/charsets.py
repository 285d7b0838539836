"""The character set that an HL7 v2 message declares in MSH-18, by Python's name for it.

Table 0211 of HL7, and what senders write in its place. Where a field names several sets, as Japanese messages do, the
last is the one that holds the others.
"""

from __future__ import annotations

import re

_HEADER = re.compile(rb"[\x0b\x1c\s\xef\xbb\xbf]*MSH(?P<field>[^\w\s])")
_SEGMENT_END = re.compile(rb"[\r\n\x0b\x1c]")
_LONGEST = 16 * 1024  # bytes of a header segment, and of what stands before it
_FIELD = 18
_BLANKS = re.compile(r"[\s_]+")
_ISO = re.compile(r"(?:ISO-?)?8859[/-](\d\d?)")
_ENCODINGS = {
    "ASCII": "ascii",
    "ISO IR6": "ascii",
    "ISO IR13": "shift_jis",
    "ISO IR14": "iso2022_jp_ext",
    "ISO IR87": "iso2022_jp_ext",
    "ISO IR159": "iso2022_jp_ext",
    "GB 18030-2000": "gb18030",
    "GB18030": "gb18030",
    "GBK": "gb18030",
    "KS X 1001": "euc_kr",
    "KSC5601": "euc_kr",
    "BIG-5": "big5",
    "BIG5": "big5",
    "CNS 11643-1992": "big5",
    "SHIFT JIS": "shift_jis",
    "UNICODE": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "UNICODE UTF-16": "utf-16",
    "UNICODE UTF-32": "utf-32",
    "UTF-8": "utf-8",
    "UTF8": "utf-8",
    "WINDOWS-1252": "cp1252",
}


def declared_encoding(data: bytes) -> str:
    """The encoding of the first message's MSH-18; empty if it names none, or none that is known."""
    head = data[:_LONGEST]
    found = _HEADER.match(head) or re.search(rb"[\r\n]MSH(?P<field>[^\w\s])", head)
    if found is None:
        return ""
    fields = _SEGMENT_END.split(head[found.start("field") :], 1)[0].split(found["field"], _FIELD)
    if len(fields) < _FIELD:
        return ""
    # MSH-1 is the separator itself, so that what the split counts as 17 is MSH-18.
    return encoding_of(fields[_FIELD - 1].decode("latin-1"))


def encoding_of(field: str) -> str:
    """Python's name of the set that a field MSH-18 declares; empty if it is not known."""
    known = [name for name in map(_encoding, field.split("~")) if name]
    return next((name for name in reversed(known) if name != "ascii"), known[0] if known else "")


def _encoding(name: str) -> str:
    name = _BLANKS.sub(" ", name.strip()).upper()
    if iso := _ISO.fullmatch(name):
        return f"iso8859-{iso[1]}"
    return _ENCODINGS.get(name) or _ENCODINGS.get(name.replace("ISO-IR", "ISO IR").replace("IR ", "IR"), "")
