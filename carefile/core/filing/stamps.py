"""The stamp of an artifact as S3 keeps it: user metadata, in ASCII, written in the same request as the object.

What the catalog needs and the artifact's place does not say is in the stamp too, so the catalog can be made again from
S3 alone. A document's manifest says that already; a session's object has its stamp only.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from carefile.core.model import LAYOUT_VERSION, Decision, DecisionType, Reading, Stamp

PREFIX = "carefile-"
ROLE = f"{PREFIX}role"
_LAYOUT = f"{PREFIX}layout"
_SOURCE, _VERSION, _REVISION = f"{PREFIX}source", f"{PREFIX}version", f"{PREFIX}revision"
_EXECUTION, _MODIFIED = f"{PREFIX}execution", f"{PREFIX}modified"
_REASON, _KEY = f"{PREFIX}reason", f"{PREFIX}key"
_READING, _READERS, _DECISION = f"{PREFIX}reading", f"{PREFIX}readers", f"{PREFIX}decision"
_KEEPS_PLACE = f"{PREFIX}keeps-place"
# S3 allows 2 KB of metadata, in which a name may take six bytes a character.
_MOST_CHARACTERS = 40


def metadata_of(stamp: Stamp, role: str) -> dict[str, str]:
    texts = {
        _SOURCE: stamp.source_id,
        _VERSION: stamp.version,
        _REVISION: str(stamp.revision),
        _EXECUTION: stamp.execution,
        _MODIFIED: stamp.modified,
        _REASON: stamp.reason,
        _KEY: base64.b64encode(stamp.key.encode("utf-8", "surrogatepass")).decode() if stamp.key else None,
        _READING: json.dumps(stamp.reading.to_json()) if stamp.reading else None,
        _READERS: stamp.readers,
        _DECISION: json.dumps(stamp.decision.to_json()) if stamp.decision else None,
        _KEEPS_PLACE: "yes" if stamp.keeps_place else None,
        ROLE: role,
        _LAYOUT: LAYOUT_VERSION,
    }
    return {name: value for name, value in texts.items() if value}


def stamp_in(metadata: Mapping[str, str]) -> Stamp | None:
    """The stamp, or None on what no intake wrote, such as a bare claim."""
    revision, key = metadata.get(_REVISION, ""), metadata.get(_KEY)
    if not revision.isdecimal():
        return None
    return Stamp(
        metadata.get(_SOURCE, ""),
        metadata.get(_VERSION, ""),
        int(revision),
        metadata.get(_EXECUTION, ""),
        metadata.get(_MODIFIED),
        metadata.get(_REASON),
        base64.b64decode(key).decode("utf-8", "surrogatepass") if key else None,
        Reading.from_json(json.loads(metadata[_READING])) if _READING in metadata else None,
        metadata.get(_READERS),
        Decision.from_json(json.loads(metadata[_DECISION])) if _DECISION in metadata else None,
        _KEEPS_PLACE in metadata,
    )


def noted(decision: Decision | None) -> Decision | None:
    """The decision as a stamp holds it: without its reason, and with no more of a name than there is room for."""
    if decision is None:
        return None
    return Decision(decision.type, decision.decided_by[:_MOST_CHARACTERS], decision.decided_at)


def persons(decision: Decision | None) -> Decision | None:
    """The decision as a stamp holds it, if it was a person's: only that is filed again to show it, not a hint."""
    return None if decision is None or decision.type is DecisionType.HINT else noted(decision)
