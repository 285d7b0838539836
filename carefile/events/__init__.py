"""Carefile's events for Python consumers: their details as types, and how to tell which one has come.

It needs nothing beyond the standard library, so a consumer can take this folder as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, cast

from carefile.events.details import (
    ObjectCataloged,
    ObjectFailed,
    ObjectRetired,
    ObjectSubmitted,
    ObjectWithdrawn,
    PatientIdentified,
)

__all__ = [
    "Announcement",
    "ObjectCataloged",
    "ObjectFailed",
    "ObjectRetired",
    "ObjectSubmitted",
    "ObjectWithdrawn",
    "PatientIdentified",
    "UnknownEventError",
    "announcement",
]

SOURCE = "carefile.catalog"
Announcement: TypeAlias = (
    tuple[Literal["Object Cataloged"], ObjectCataloged]
    | tuple[Literal["Object Retired"], ObjectRetired]
    | tuple[Literal["Object Withdrawn"], ObjectWithdrawn]
    | tuple[Literal["Object Failed"], ObjectFailed]
)
_TYPES = ("Object Cataloged", "Object Retired", "Object Withdrawn", "Object Failed")


class UnknownEventError(ValueError):
    """The event is none that Carefile announces in a version that this package knows."""


def announcement(event: Mapping[str, Any]) -> Announcement:
    """The event's type and its detail. Members that are not in the types may be there: newer versions add some."""
    kind, detail = event.get("detail-type"), event.get("detail")
    if event.get("source") != SOURCE or kind not in _TYPES or not isinstance(detail, Mapping):
        raise UnknownEventError(f"no event of {SOURCE} that this package knows")
    if str(detail.get("schema_version", "")).partition(".")[0] != "1":
        raise UnknownEventError("the event is of another major version than 1")
    return cast(Announcement, (kind, detail))
