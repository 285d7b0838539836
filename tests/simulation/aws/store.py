"""What the simulated S3 holds: buckets, keys and their versions. May be looked at freely, and changed by whoever plays
the world outside."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime


@dataclass(slots=True)
class Version:
    """One version of a key; a delete marker has no body. `seen_by` is for whoever looks on."""

    key: str
    id: str
    body: bytes | None
    modified: datetime
    etag: str = ""
    content_type: str = "binary/octet-stream"
    metadata: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    checksums: dict[str, str] = field(default_factory=dict)


class Bucket:
    """All versions of all keys, the oldest first."""

    def __init__(self, name: str, *, versioned: bool, letter: str) -> None:
        self.name = name
        self.versioned = versioned
        self.keys: dict[str, list[Version]] = {}
        self._letter = letter
        self._count = 0

    def add(self, version: Version) -> Version:
        """Put a version on top; without versioning it takes the place of what was there."""
        history = self.keys.setdefault(version.key, [])
        if self.versioned:
            self._count += 1
            version.id = f"{self._letter}{self._count}"
        else:
            version.id = "null"
            history.clear()
        history.append(version)
        return version

    def delete(self, key: str, at: datetime) -> str | None:
        if not self.versioned:
            self.keys.pop(key, None)
            return None
        return self.add(Version(key, "", None, at)).id

    def current(self, key: str) -> Version | None:
        """The version on top, which may be a delete marker."""
        history = self.keys.get(key)
        return history[-1] if history else None

    def live(self, key: str) -> Version | None:
        found = self.current(key)
        return found if found is not None and found.body is not None else None

    def find(self, key: str, version_id: str | None) -> Version | None:
        if version_id is None:
            return self.current(key)
        for version in self.keys.get(key, ()):
            if version.id == version_id:
                return version
        return None

    def live_keys(self, prefix: str = "") -> list[str]:
        return sorted(
            (key for key in self.keys if key.startswith(prefix) and self.live(key)),
            key=lambda key: key.encode(),
        )


def etag_of(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'


_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def epoch() -> datetime:
    return _EPOCH
