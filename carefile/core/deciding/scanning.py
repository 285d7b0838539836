"""What a malware scanner (GuardDuty Malware Protection for S3) says of a version, and its tag on the landing object.

What counts is the verdict that its event brought, for AWS alone publishes that. The tag closes the object to readers;
who copies an object may bring one along, so it proves nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from carefile.core.errors import CarefileError, NotScanned, ThreatFound, Unscannable
from carefile.core.filing.tagging import MAX_TAGS, STATUS_TAG, VERDICT_TAG, Tags

_COMPLETED = "COMPLETED"


class Verdict(StrEnum):
    CLEAN = "NO_THREATS_FOUND"
    THREAT = "THREATS_FOUND"
    UNSUPPORTED = "UNSUPPORTED"
    DENIED = "ACCESS_DENIED"
    FAILED = "FAILED"


_UNSCANNABLE = {
    Verdict.UNSUPPORTED: "scan-unsupported: malware protection cannot look into this object: it is too large, or "
    "behind a password; upload what it can look into",
    Verdict.DENIED: "scan-denied: malware protection may not read this object; give its role the permission back, and "
    "have it scanned again",
    Verdict.FAILED: "scan-failed: malware protection could not scan this object; have it scanned again",
}


@dataclass(frozen=True, slots=True)
class Scan:
    """A verdict, the ETag of what was scanned, and when it was published (ISO 8601)."""

    verdict: Verdict
    etag: str
    at: str


def scan_in(event: Mapping[str, Any]) -> Scan:
    """The scan that an event reports. Anything but the verdict of a finished scan counts as a failed scan."""
    detail = event["detail"]
    said = detail.get("scanResultDetails", {}).get("scanResultStatus")
    verdict = Verdict(said) if said in list(Verdict) else Verdict.FAILED
    if detail["scanStatus"] != _COMPLETED and verdict in (Verdict.CLEAN, Verdict.THREAT):
        verdict = Verdict.FAILED
    return Scan(verdict, detail["s3ObjectDetails"].get("eTag", "").strip('"'), event["time"])


def refusal(verdict: Verdict | None) -> CarefileError:
    """Why a version of this verdict is not filed; None is that none has come."""
    if verdict is None:
        return NotScanned(
            "no-verdict: malware protection has not reported on this version; it is filed as soon as a verdict comes"
        )
    if verdict is Verdict.THREAT:
        return ThreatFound(
            "threat-found: malware protection found a threat in this version; it stays in the landing bucket, closed "
            "to readers, and is not filed"
        )
    return Unscannable(_UNSCANNABLE[verdict])


def with_verdict(present: Tags, verdict: Verdict | None) -> dict[str, str]:
    """All tags of a landing version, including the known verdict.

    The scanner writes its tag itself, but whoever replaces the tags at that moment may take it off again. So it is put
    back where it is missing, and a threat's wherever it is not: for a threat's tag, one of the uploader's gives way.
    """
    tags = dict(present)
    if verdict is None or (verdict is not Verdict.THREAT and VERDICT_TAG in tags):
        return tags
    tags[VERDICT_TAG] = verdict.value
    if len(tags) > MAX_TAGS:
        if verdict is not Verdict.THREAT:
            return dict(present)
        del tags[max(tags.keys() - {VERDICT_TAG, STATUS_TAG})]
    return tags
