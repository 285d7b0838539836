"""Which reader made a record, at which version: so that a record can be read again once its reader has become better.

A version is raised by hand in the change that makes a reader's output another one; `tests/readers/test_versions.py`
fails where that was forgotten. What was recorded before there were versions is older than any.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

NOBODY = "none"  # of a document that no reader takes; raised when a reader is added
RECOGNITION = "scans"  # what pages that are pictures go through, before and after the engine

VERSIONS: Mapping[str, int] = MappingProxyType(
    {
        "cda": 1,
        "csv": 1,
        "dicom": 1,
        "docx": 1,
        "eml": 1,
        "fhir": 1,
        "hl7v2": 1,
        "html": 1,
        "jpeg": 1,
        "json": 1,
        "ole": 1,
        "pdf": 1,
        "png": 1,
        "rtf": 1,
        "text": 1,
        "tiff": 1,
        "xlsx": 1,
        "xml": 1,
        "zip": 1,
        NOBODY: 1,
        RECOGNITION: 2,
    }
)


class Readers(dict[str, int]):
    """The readers that made a record, with their versions: one, and for pages that are pictures another. As text, which
    fits into an object's metadata: `pdf/3 scans/1`."""

    @classmethod
    def of(cls, *names: str) -> Readers:
        """These readers as they are now."""
        return cls({name: VERSIONS[name] for name in names})

    @classmethod
    def parse(cls, text: str | None) -> Readers:
        """What `str` wrote; nothing of what was recorded before there were versions."""
        pairs = (part.partition("/") for part in (text or "").split())
        return cls({name: int(version) for name, _, version in pairs if version.isdecimal()})

    def __str__(self) -> str:
        return " ".join(f"{name}/{version}" for name, version in self.items())

    def is_older_than(self, others: Mapping[str, int]) -> bool:
        """Whether one of the others was not there, or in an earlier version."""
        return any(self.get(name, 0) < version for name, version in others.items())
