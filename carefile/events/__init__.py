"""Carefile's events for Python consumers: their details as types, and which type an event has.

It needs nothing beyond the standard library, so a consumer can take this folder as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from carefile.events.details import (
    ObjectCataloged,
    ObjectCatalogedV2,
    ObjectFailed,
    ObjectRetired,
    ObjectRetiredV2,
    ObjectSubmitted,
    ObjectSubmittedV2,
    ObjectWithdrawn,
    PatientIdentified,
    PatientIdentifiedV2,
    PatientRegistered,
    PatientsMerged,
)

__all__ = [
    "Announcement",
    "ObjectCataloged",
    "ObjectCatalogedV2",
    "ObjectFailed",
    "ObjectRetired",
    "ObjectRetiredV2",
    "ObjectSubmitted",
    "ObjectSubmittedV2",
    "ObjectWithdrawn",
    "PatientIdentified",
    "PatientIdentifiedV2",
    "PatientRegistered",
    "PatientsMerged",
    "UnknownEventError",
    "announcement",
]

SOURCE = "carefile.catalog"
Announcement: TypeAlias = (
    tuple[Literal["Object Cataloged"], ObjectCataloged | ObjectCatalogedV2]
    | tuple[Literal["Object Retired"], ObjectRetired | ObjectRetiredV2]
    | tuple[Literal["Object Withdrawn"], ObjectWithdrawn]
    | tuple[Literal["Object Failed"], ObjectFailed]
)
# The major versions of each type.
_TYPES = {
    "Object Cataloged": ("1", "2"),
    "Object Retired": ("1", "2"),
    "Object Withdrawn": ("1",),
    "Object Failed": ("1",),
}


class UnknownEventError(ValueError):
    """The event is none that Carefile announces in a version that this package knows."""


def announcement(event: Mapping[str, Any]) -> Announcement:
    """Return the event's type and its detail, of either major version: `schema_version` says which. Members that are
    not in the types may be there: newer versions add some."""
    kind, detail = event.get("detail-type"), event.get("detail")
    if event.get("source") != SOURCE or kind not in _TYPES or not isinstance(detail, Mapping):
        raise UnknownEventError(f"no event of {SOURCE} that this package knows")
    if str(detail.get("schema_version", "")).partition(".")[0] not in _TYPES[kind]:
        raise UnknownEventError("the event is of a major version that this package does not know")
    return cast(Announcement, (kind, detail))
