"""Determine the landing keys of files, and their checksums as S3 will have them. Pure: paths in, keys out.

A file keeps its name, a folder the paths below it; a session's folder (`session_…`, or one that holds a session.json)
also keeps its own name. The key starts with the kind and the patient, as the default rules expect them:
`documents/{patient}/`, `sessions/{patient}/`, or a prefix given by the operator.
"""

from __future__ import annotations

import unicodedata
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from pathlib import Path
from zlib import crc32

from carefile.core.model import Kind

MAX_SINGLE_PUT = 64 * 1024**2
PART = 8 * 1024**2
_SESSION = "session_"
_HIDDEN = "."


@dataclass(frozen=True, slots=True)
class Upload:
    path: Path
    key: str


def plan_uploads(root: Path, patient: str | None, kind: Kind | None, prefix: str | None) -> Iterator[Upload]:
    """Yield the uploads for a file or folder, sorted by path."""
    front = _front(root, patient, kind) if prefix is None else f"{prefix.strip('/')}/".lstrip("/")
    if root.is_file():
        yield Upload(root, front + root.name)
        return
    name = _session_name(root, kind)
    for path in sorted(_files(root)):
        yield Upload(path, front + (f"{name}/" if name else "") + path.relative_to(root).as_posix())


def patient_metadata(patient: str | None) -> dict[str, str]:
    """Build the user metadata that names a patient; S3 accepts ASCII only, so other scripts are RFC 2047-encoded."""
    if patient is None:
        return {}
    if patient.isascii():
        return {"patient-id": patient}
    return {"patient-id": Header(unicodedata.normalize("NFC", patient), "utf-8", maxlinelen=10_000).encode()}


def checksum_of(path: Path, size: int) -> str:
    """The CRC-32 that S3 keeps of an upload by `put`: of all bytes, or of its parts' CRC-32s and their number."""
    parts: list[int] = []
    rest = size
    with path.open("rb") as body:
        while rest > 0 or not parts:
            part = body.read(size if size <= MAX_SINGLE_PUT else PART)
            parts.append(crc32(part))
            rest -= len(part) or rest
    if size <= MAX_SINGLE_PUT:
        return _base64(parts[0])
    return f"{_base64(crc32(b''.join(part.to_bytes(4, 'big') for part in parts)))}-{len(parts)}"


def _base64(checksum: int) -> str:
    return b64encode(checksum.to_bytes(4, "big")).decode()


def is_session(root: Path) -> bool:
    return root.is_dir() and (root.name.startswith(_SESSION) or (root / "session.json").is_file())


def _front(root: Path, patient: str | None, kind: Kind | None) -> str:
    # An id with a slash would split into folders; it is given in the metadata only.
    folder = f"{patient}/" if patient and "/" not in patient else ""
    if kind is Kind.SESSION or (kind is None and is_session(root)):
        return f"sessions/{folder}"
    return f"documents/{folder}" if patient or kind else ""


def _session_name(root: Path, kind: Kind | None) -> str | None:
    if kind is Kind.DOCUMENT or not (is_session(root) or kind is Kind.SESSION):
        return None
    if not is_session(root) and any(is_session(child) for child in root.iterdir()):
        return None  # a folder of sessions, each with its own name
    name = root.resolve().name
    return name if name.startswith(_SESSION) else _SESSION + name


def _files(root: Path) -> Iterator[Path]:
    """Yield every file below a folder, without hidden files and folders."""
    for path in root.iterdir():
        if path.name.startswith(_HIDDEN):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.is_file():
            yield path
