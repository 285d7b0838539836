"""How names from outside become parts of object keys.

Rules: Unicode NFC; letters, marks and digits of any script and `. _ -` stay; anything else becomes `=XX`, one for each
byte of its UTF-8 form, as in quoted-printable (RFC 2045), so `=` itself becomes `=3D`. In names, runs of white space
become `_`; in patient ids they are escaped like the rest, so that two different ids never share a prefix. What is too
long is cut and ends in `=h` and a hash of the whole: no escape has that form, so a cut name meets no other.

Sessions are loaded again by their ids, so their names and sub-paths keep every byte that S3 can hold.
"""

from __future__ import annotations

import re
import unicodedata

from carefile.core.model import digest

MAX_NAME_BYTES = 200
MAX_PATIENT_BYTES = 150
MAX_KEY_BYTES = 1024  # S3, "Object key name": 1,024 bytes of UTF-8
_MAX_EXTENSION = 16
_MARKED = re.compile(r"=h[0-9a-f]{32}\Z")
# What `encode_sub_path` writes for a segment, or at the end of a path, with any number of escapes before it.
_ESCAPED_SEGMENT = re.compile(r"=((?:3D)*)(2E|2E=2E|5Fmanifest\.json)")
_ESCAPED_END = re.compile(r"=((?:3D)*)(h[0-9a-f]{32})\Z")
_SEGMENTS = {".": "=2E", "..": "=2E=2E"}
SESSION_PREFIX = "session_"


def encode_name(name: str) -> str:
    """A document or session name as a key segment. Not injective: white space and NFC are folded."""
    text = unicodedata.normalize("NFC", name)
    return _cut(_escape(re.sub(r"\s+", "_", text)), text, MAX_NAME_BYTES)


def encode_patient_id(patient_id: str) -> str:
    """A patient id as the first part of a key segment. Injective up to Unicode canonical equivalence."""
    text = unicodedata.normalize("NFC", patient_id)
    return _cut(_escape(text), text, MAX_PATIENT_BYTES)


def decode_patient_id(encoded: str) -> str | None:
    """The inverse of `encode_patient_id`; None for what that never writes, and for an id that was cut."""
    try:
        decoded = re.sub(
            r"(?:=[0-9A-F]{2})+", lambda found: bytes.fromhex(found[0].replace("=", "")).decode(), encoded
        )
    except UnicodeDecodeError:
        return None
    return decoded if decoded and encode_patient_id(decoded) == encoded else None


def encode_session_name(name: str, limit: int) -> str:
    """A session folder's name as a key segment: itself, byte for byte, unless S3 can't hold it. Injective.

    A slash and a lone surrogate are escaped, what is longer than the limit is cut; either ends in a hash of the whole,
    and so does a name that looks as if it did.
    """
    escaped = re.sub("[/\ud800-\udfff]", lambda found: _hex(found[0]), name)
    if escaped == name and not _MARKED.search(name) and len(name.encode()) <= limit:
        return name
    return _marked(escaped, name, limit)


def with_session_prefix(session_id: str) -> str:
    """The name of a session's folder, as the Strands SDK begins it."""
    return session_id if session_id.startswith(SESSION_PREFIX) else f"{SESSION_PREFIX}{session_id}"


def encode_sub_path(path: str) -> str:
    """A session's own sub-path: unchanged but for what would be read as something else. Injective.

    The segments `.` and `..` (some tools resolve them), a first segment `_manifest.json` (it is ours), an end that
    looks like the hash of a cut key, and whatever has the form of one of these escapes already, are escaped.
    """
    segments = [_escaped_segment(part) for part in path.split("/")]
    if segments == ["_manifest.json"]:
        segments = ["=5Fmanifest.json"]
    return _ESCAPED_END.sub(_once_more, "/".join(segments))


def decode_sub_path(path: str) -> str:
    """The inverse of `encode_sub_path`."""
    path = _ESCAPED_END.sub(_once_less, path)
    return "/".join(_decoded_segment(part) for part in path.split("/"))


def decode_earlier_sub_path(path: str) -> str:
    """The sub-path of an object filed by an earlier release, which escaped more than it had to."""
    return re.sub(r"=(2E|3D|5F)", lambda found: chr(int(found[1], 16)), path)


def cut_key(key: str) -> str:
    """The key itself, or, where S3 would refuse it as too long, its beginning with a hash of the whole."""
    return _cut(key, key, MAX_KEY_BYTES)


def split_extension(file_name: str) -> tuple[str, str]:
    """(stem, extension) at the last dot only; the extension is "" where what follows is no extension.

    `170.315_b1_toc.xml` is `170.315_b1_toc` and `xml`; `.profile`, `a.` and `Dr. Smith` have none.
    """
    stem, dot, extension = file_name.rpartition(".")
    if not dot or not stem.strip(".") or not extension.isalnum() or len(extension) > _MAX_EXTENSION:
        return file_name, ""
    return stem, unicodedata.normalize("NFC", extension)


def _escape(text: str) -> str:
    """A mark after an escape is escaped too: it would combine with the escape's last digit."""
    pieces: list[str] = []
    escaped = False
    for char in text:
        category = unicodedata.category(char)[0]
        escaped = not (char in "._-" or category in "LN" or (category == "M" and not escaped))
        pieces.append(_hex(char) if escaped else char)
    return "".join(pieces)


def _hex(char: str) -> str:
    return "".join(f"={byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def _escaped_segment(part: str) -> str:
    found = _ESCAPED_SEGMENT.fullmatch(part)
    return _once_more(found) if found else _SEGMENTS.get(part, part)


def _decoded_segment(part: str) -> str:
    found = _ESCAPED_SEGMENT.fullmatch(part)
    if found is None:
        return part
    return (
        _once_less(found) if found[1] else found[2].replace("=2E", ".").replace("2E", ".").replace("5F", "_")
    )


def _once_more(found: re.Match[str]) -> str:
    return f"=3D{found[1]}{found[2]}"


def _once_less(found: re.Match[str]) -> str:
    return f"={found[1].removeprefix('3D')}{found[2]}"


def _cut(encoded: str, whole: str, limit: int) -> str:
    if len(encoded.encode("utf-8", "surrogatepass")) <= limit:
        return encoded
    return _marked(encoded, whole, limit)


def _marked(encoded: str, whole: str, limit: int) -> str:
    """As much of the name as fits beside a hash of the whole."""
    mark = f"=h{digest('cut', whole)}"
    room, kept = limit - len(mark), []
    for piece in re.findall(r"=[0-9A-F]{2}|.", encoded, re.DOTALL):
        room -= len(piece.encode("utf-8", "surrogatepass"))
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + mark
