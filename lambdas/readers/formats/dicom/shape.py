"""Whether bytes without DICOM's preamble are a data set all the same, judged by its first element.

Transfer tools and old modalities leave out the preamble, the group's length and the extension. What is taken for DICOM
must begin with elements in their order, each of a length that fits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_FIRST_GROUPS = (0x0002, 0x0008)
_FEWEST = 3  # elements in a row
_LONGEST = 16 * 1024  # bytes of one of them: what comes first is short
_SHORT = frozenset(
    (b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FL", b"FD", b"IS", b"LO", b"LT", b"PN", b"SH", b"SL", b"SS")
) | {b"ST", b"TM", b"UI", b"UL", b"US"}  # fmt: skip
_LONG = frozenset((b"OB", b"OW", b"OD", b"OF", b"OL", b"SQ", b"UC", b"UN", b"UR", b"UT"))
_CLASS_OR_INSTANCE = (0x0008_0016, 0x0008_0018)
_UID = re.compile(rb"[012](?:\.\d{1,30}){2,20}\x00?")


def is_data_set(head: bytes) -> bool:
    """Whether these bytes begin a data set, with the types of its elements or without them."""
    if int.from_bytes(head[:2], "little") not in _FIRST_GROUPS:
        return False
    typed = [tag for tag, _ in _elements(head, typed=True)]
    if len(typed) >= _FEWEST:
        return True
    untyped = list(_elements(head, typed=False))
    return len(untyped) >= _FEWEST and any(
        tag in _CLASS_OR_INSTANCE and _UID.fullmatch(value) for tag, value in untyped
    )


def _elements(data: bytes, *, typed: bool) -> Iterator[tuple[int, bytes]]:
    """The elements with which the data begin, as long as they are such: each tag greater than the one before."""
    at = last = 0
    while at + 8 <= len(data):
        tag = int.from_bytes(data[at : at + 2], "little") << 16 | int.from_bytes(
            data[at + 2 : at + 4], "little"
        )
        kind = data[at + 4 : at + 6]
        if tag <= last:
            return
        if not typed:
            start, size = at + 8, int.from_bytes(data[at + 4 : at + 8], "little")
        elif kind in _SHORT:
            start, size = at + 8, int.from_bytes(data[at + 6 : at + 8], "little")
        elif kind in _LONG:
            start, size = at + 12, int.from_bytes(data[at + 8 : at + 12], "little")
        else:
            return
        if size > _LONGEST or size % 2 or start + size > len(data):
            return
        yield tag, data[start : start + size]
        at, last = start + size, tag
