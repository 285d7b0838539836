"""How a name of the outside world becomes part of an object key.

Rules: Unicode NFC; letters, marks and digits of any script and `. _ -` stay; anything else becomes `=XX`, one for each
byte of its UTF-8 form, as in quoted-printable (RFC 2045), so `=` itself becomes `=3D`. In names, runs of white space
become `_`; in patient ids they are escaped like the rest, so that two different ids never share a prefix. What is too
long is cut and ends in `=h` and a hash of the whole: no escape has that form, so a cut name meets no other.
"""

from __future__ import annotations

import re
import unicodedata

from carefile.core.model import digest

MAX_NAME_BYTES = 200
MAX_PATIENT_BYTES = 150
MAX_KEY_BYTES = 1024  # S3, "Object key name": 1,024 bytes of UTF-8
_MAX_EXTENSION = 16


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


def encode_sub_path(path: str) -> str:
    """A session's own sub-path: unchanged but for what would be read as something else. Injective.

    The segments `.` and `..` (some tools resolve them), a first segment `_manifest.json` (it is ours) and an `=` that
    would look like one of these escapes are escaped.
    """
    escaped = re.sub(r"=(?=h|2E|3D|5F)", "=3D", path)
    segments = [{".": "=2E", "..": "=2E=2E"}.get(part, part) for part in escaped.split("/")]
    if segments == ["_manifest.json"]:
        segments = ["=5Fmanifest.json"]
    return "/".join(segments)


def decode_sub_path(path: str) -> str:
    """The inverse of `encode_sub_path`."""
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


def _cut(encoded: str, whole: str, limit: int) -> str:
    if len(encoded.encode("utf-8", "surrogatepass")) <= limit:
        return encoded
    mark = f"=h{digest('cut', whole)}"
    room, kept = limit - len(mark), []
    for piece in re.findall(r"=[0-9A-F]{2}|.", encoded, re.DOTALL):
        room -= len(piece.encode("utf-8", "surrogatepass"))
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + mark
