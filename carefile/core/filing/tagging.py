"""The tags of the layout's objects and of the landing object, and how they coexist with the tags of others.

Limits: S3 takes ten tags an object, keys of 128 and values of 256 characters. Tags must hold nothing confidential
(AWS, "Categorizing your storage using tags"), so the patient appears as a keyed pseudonym only. Each tag costs again
every month, on every version: what the others say already is no tag. Earlier releases wrote two more, which stay where
they are and mean nothing.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import urlencode

from carefile.core.model import Disposition, Kind, Patient, digest

MAX_TAGS = 10
MANIFEST_KIND = "manifest"
STATUS_TAG = "pipeline-status"
ADOPTED_TAG = "adopted"
VERDICT_TAG = "GuardDutyMalwareScanStatus"  # written by GuardDuty Malware Protection for S3
_OF_LANDING = frozenset({STATUS_TAG, VERDICT_TAG})
LAYOUT_TAGS = frozenset({"kind", "patient-status", "patient-ref"})
_OF_EARLIER_RELEASES = frozenset({"data-type", "layout-version"})
_OF_LAYOUT = LAYOUT_TAGS | _OF_EARLIER_RELEASES | {ADOPTED_TAG}
Tags = Mapping[str, str]


class PipelineStatus(StrEnum):
    """The landing version's disposition, as its tag shows it."""

    FAILED = "failed"
    IGNORED = "ignored"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    UNFILED = "unfiled"
    CATALOGED = "cataloged"


_RANK = {status.value: rank for rank, status in enumerate(PipelineStatus, start=1)}


def pseudonym(patient: Patient, key: bytes) -> str:
    """The patient as a tag may name them: HMAC-SHA256 of the id under a secret key, cut to 64 bits in hex."""
    if patient.id is None:
        return "unknown"
    return hmac.new(key, patient.id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def layout_tags(kind: Kind, patient: Patient, key: bytes) -> dict[str, str]:
    """The three tags that every object of the layout carries."""
    return {
        "kind": kind.value,
        "patient-status": patient.status.value,
        "patient-ref": pseudonym(patient, key),
    }


def manifest_tags(tags: Tags) -> dict[str, str]:
    """The tags of a manifest in the place of its folder's: it has a kind of its own, so that no lifecycle rule about
    documents or sessions ever takes away the claim on a folder."""
    return {**tags, "kind": MANIFEST_KIND}


def claim_tags() -> dict[str, str]:
    """The tag of a document's claim: the manifest that replaces it, and stays, says whose the document is."""
    return {"kind": MANIFEST_KIND}


def adoption_mark(version: str, revision: int) -> str:
    """That this version was adopted, at this revision: what a stamp says of what an intake wrote. On a copy that took
    the tags along it says nothing."""
    return f"{revision}:{digest('version', version)[:16]}"


def adopted_revision(tags: Tags, version: str) -> int | None:
    """The revision at which this version was adopted, by its mark; None without one, or with that of another."""
    revision, _, _ = tags.get(ADOPTED_TAG, "").partition(":")
    if not revision.isdecimal() or tags[ADOPTED_TAG] != adoption_mark(version, int(revision)):
        return None
    return int(revision)


def without_layout_tags(tags: Tags) -> dict[str, str]:
    """The tags without those that a copy out of the layout brought along: they may be another patient's. An uploader's
    own tag, though it is named like one of them, stays."""
    copied = tags.keys() >= LAYOUT_TAGS
    return {key: value for key, value in tags.items() if not (copied and key in _OF_LAYOUT)}


def with_uploaders_tags(ours: Tags, theirs: Tags) -> dict[str, str]:
    """Ours, and of the uploader's as many as fit, in the order of their keys. What is said of the landing object, its
    status and a malware scanner's verdict, stays there."""
    kept = without_layout_tags(theirs)
    extra = sorted((key, value) for key, value in kept.items() if key not in {*ours, *_OF_LANDING})
    return dict(ours) | dict(extra[: MAX_TAGS - len(ours)])


def encoded(tags: Tags) -> str:
    """Encode tags for the header `x-amz-tagging`."""
    return urlencode(dict(tags))


def status_of(disposition: Disposition) -> PipelineStatus:
    """The status that the landing version is tagged with; a duplicate found its version cataloged."""
    if disposition is Disposition.DUPLICATE:
        return PipelineStatus.CATALOGED
    return PipelineStatus(disposition.value)


def with_status(present: Tags, status: PipelineStatus) -> dict[str, str]:
    """All tags of a landing version that shows this status. One that has ten tags of others keeps them: there is no
    room for ours."""
    merged = {**present, STATUS_TAG: status.value}
    return merged if len(merged) <= MAX_TAGS else dict(present)


def without_good_end(present: Tags) -> dict[str, str]:
    """The tags without the word that an intake ended well; that it failed may stand."""
    failed = present.get(STATUS_TAG) == PipelineStatus.FAILED
    return {key: value for key, value in present.items() if failed or key != STATUS_TAG}


def outranks(present: Tags, status: PipelineStatus) -> bool:
    """Whether the tags claim a better outcome than this status."""
    return _RANK.get(present.get(STATUS_TAG, ""), 0) > _RANK[status.value]


def up_to(status: PipelineStatus) -> tuple[PipelineStatus, ...]:
    """The good ends that this one may take the place of: a status only ever rises."""
    return tuple(it for it in PipelineStatus if it != PipelineStatus.FAILED and _RANK[it] <= _RANK[status])
