"""The upload that an execution is about, as the machine's states pass it on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from carefile.core.model import Source


class Reread(StrEnum):
    """What a document that is filed already is taken in for again: its reader has become better. Where another patient
    than the one it is filed under would come of that, leave it for a person, or let it move. Of what comes late, as
    the reading of its pages does: as whoever filed it said."""

    LEAVE = "leave"
    MOVE = "move"
    AS_FILED = "as filed"


@dataclass(frozen=True, slots=True)
class NamedUpload:
    """A version of a source. `version` is None of what was gone before it was ever seen, `version_id` in a bucket
    without versioning."""

    source: Source
    version: str | None
    version_id: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> NamedUpload:
        version_id = data.get("version_id")
        source = Source(data["bucket"], data["key"])
        return cls(source, version_id or data.get("version"), version_id)

    def to_json(self) -> dict[str, Any]:
        named = {"version": self.version, "version_id": self.version_id}
        known = {name: value for name, value in named.items() if value}
        return {"bucket": self.source.bucket, "key": self.source.key} | known
