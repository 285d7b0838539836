"""Which landing key a file gets. Pure: paths in, keys out.

A file keeps its name, a tree the paths below it; a session's folder (`session_…`, or one that holds a session.json)
also its own name. In front stands what says the kind and the patient, in the terms of the default rules:
`documents/{patient}/`, `sessions/{patient}/`, or a prefix of the person's own.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from email.header import Header
from pathlib import Path

from carefile.core.model import Kind

_SESSION = "session_"
_HIDDEN = "."


@dataclass(frozen=True, slots=True)
class Upload:
    path: Path
    key: str


def planned(root: Path, patient: str | None, kind: Kind | None, prefix: str | None) -> Iterator[Upload]:
    """The uploads that a path given by the person stands for, in the order of their keys' paths."""
    front = _front(root, patient, kind) if prefix is None else f"{prefix.strip('/')}/".lstrip("/")
    if root.is_file():
        yield Upload(root, front + root.name)
        return
    name = _session_name(root, kind)
    for path in sorted(_files(root)):
        yield Upload(path, front + (f"{name}/" if name else "") + path.relative_to(root).as_posix())


def patient_metadata(patient: str | None) -> dict[str, str]:
    """The user metadata that names a patient; S3 takes ASCII, so other scripts are written in the form of RFC 2047."""
    if patient is None:
        return {}
    if patient.isascii():
        return {"patient-id": patient}
    return {"patient-id": Header(unicodedata.normalize("NFC", patient), "utf-8", maxlinelen=10_000).encode()}


def is_session(root: Path) -> bool:
    return root.is_dir() and (root.name.startswith(_SESSION) or (root / "session.json").is_file())


def _front(root: Path, patient: str | None, kind: Kind | None) -> str:
    # What a slash in an id would do to a key, the metadata does better.
    folder = f"{patient}/" if patient and "/" not in patient else ""
    if kind is Kind.SESSION or (kind is None and is_session(root)):
        return f"sessions/{folder}"
    return f"documents/{folder}" if patient or kind else ""


def _session_name(root: Path, kind: Kind | None) -> str | None:
    if kind is Kind.DOCUMENT or not (is_session(root) or kind is Kind.SESSION):
        return None
    if not is_session(root) and any(is_session(child) for child in root.iterdir()):
        return None  # a folder of sessions, each with a name of its own
    name = root.resolve().name
    return name if name.startswith(_SESSION) else _SESSION + name


def _files(root: Path) -> Iterator[Path]:
    """Every file below, but for hidden ones and what hidden folders hold."""
    for path in root.iterdir():
        if path.name.startswith(_HIDDEN):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.is_file():
            yield path
