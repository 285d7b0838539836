"""The shapes of the machine's input, and the request they all become.

Keys are taken as they stand: in EventBridge events they are raw, so `a+b 50%25.pdf` is that very name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from carefile.core.deciding.scanning import Scan, scan_in
from carefile.core.model import UNNAMED, Decision, DecisionType, Hints, Source


class Shape(StrEnum):
    """What the input is held against: a definition in `schemas/pipeline_input.v2.json`, or, for a verdict of malware
    protection, `schemas/scan_result.v1.json`."""

    OBJECT_CREATED = "s3_object_created"
    OBJECT_SUBMITTED = "object_submitted"
    REQUEST = "request"
    SCAN_RESULT = "scan_result"


_CLOCKS = timedelta(minutes=1)  # S3's, EventBridge's, and that of a sender who puts a time into an event
_BY_DETAIL_TYPE = {
    "Object Created": Shape.OBJECT_CREATED,
    "Object Submitted": Shape.OBJECT_SUBMITTED,
    "GuardDuty Malware Protection Object Scan Result": Shape.SCAN_RESULT,
}


@dataclass(frozen=True, slots=True)
class IntakeRequest:
    """A landing key to be brought in; `version_id` is the upload that asked, where the input names one; `decided_by`
    and `reason` are who gave the hints, and why. `copied`: whether the object came by S3's CopyObject, or may have;
    `scan`: what malware protection says of it."""

    source: Source
    version_id: str | None = None
    hints: Hints | None = None
    decided_by: str | None = None
    reason: str | None = None
    copied: bool = False
    scan: Scan | None = None

    def hints_at(self, at: str) -> Hints:
        """The hints, with who gave them at a moment where they name a patient."""
        hints = self.hints or Hints()
        if hints.patient_id is None:
            return hints
        return replace(
            hints, decision=Decision(DecisionType.HINT, self.decided_by or UNNAMED, at, self.reason)
        )


def shape_of(data: object) -> Shape:
    """The shape an input claims to have. One that claims none is checked against what a person types."""
    named = data.get("detail-type") if isinstance(data, Mapping) else None
    return _BY_DETAIL_TYPE.get(named, Shape.REQUEST) if isinstance(named, str) else Shape.REQUEST


def parse(data: Mapping[str, Any]) -> IntakeRequest:
    """The request in an input that its schema accepts."""
    if shape_of(data) is Shape.OBJECT_CREATED:
        detail = data["detail"]
        named = detail["object"]
        version_id = _version(named.get("version-id"))
        source = Source(detail["bucket"]["name"], named["key"])
        return IntakeRequest(source, version_id, copied=detail.get("reason") == "CopyObject")
    if shape_of(data) is Shape.SCAN_RESULT:
        scanned = data["detail"]["s3ObjectDetails"]
        source = Source(scanned["bucketName"], scanned["objectKey"])
        # The event does not say how the object came.
        return IntakeRequest(source, _version(scanned.get("versionId")), copied=True, scan=scan_in(data))
    detail = data["detail"] if shape_of(data) is Shape.OBJECT_SUBMITTED else data
    given = detail.get("hints") or {}
    return IntakeRequest(
        Source(detail["bucket"], detail["key"]),
        _version(detail.get("version_id")),
        Hints.from_json(given) if given else None,
        given.get("decided_by"),
        given.get("reason"),
    )


def decided_at(data: Mapping[str, Any], started: object) -> datetime | None:
    """When the request was made: the time of its event, which stays the same when the event comes again; of what was
    typed, the time its execution `started`. None where neither is a time.

    A sender's clock that is ahead does not put its decision before those that come later.
    """
    texts = (data.get("time") if "detail-type" in data else None, started)
    return min(filter(None, map(_moment, texts)), default=None)


def precedes(at: str, uploaded: str) -> bool:
    """Whether what was decided at a moment says nothing about an upload, as that came later: an event may come again
    long after, from an archive for instance. Clocks may differ by a minute."""
    decided, came = _moment(at), _moment(uploaded)
    return decided is not None and came is not None and decided + _CLOCKS < came


def decision_id(data: Mapping[str, Any], at: str) -> str:
    """Which of several decisions a request brings: the id of its event, which stays the same when the event comes
    again; of what was typed, when that was."""
    given = data.get("id") if "detail-type" in data else None
    return given if isinstance(given, str) else at


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _version(version_id: str | None) -> str | None:
    """S3 says `null` of what was written while the bucket had no versioning."""
    return None if version_id == "null" else version_id
