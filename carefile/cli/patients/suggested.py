"""Whom the records of unknown documents suggest: what of a forgotten patient is left in them, and how it goes.

A document that says little of the patient is most likely somebody else's. So it is taken in again once the patient is
not listed any more, and its record suggests the patient no more; older versions of the record, which still do, are
deleted when the next one stands. Where a document says more, a person has to decide whose it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from carefile.cli.aws.versions import Version, Versions
from carefile.core.deciding.corroboration import says_much
from carefile.core.filing.layout import manifest_key, result_key
from carefile.core.model import EvidenceSource

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Named:
    """How the records of an unknown document name a patient. `where`: the evidence that a person has to look at; `now`:
    whether what stands suggests the patient, and `before` the revisions that did."""

    where: str | None = None
    now: bool = False
    before: frozenset[int] = frozenset()


def named_in(manifests: Sequence[Json], patient: str) -> Named:
    """What these manifests of a document, the newest first, say of a patient."""
    suggesting: list[int] = []
    for number, manifest in enumerate(manifests):
        classified = manifest.get("classification", {})
        supported = [it for it in classified.get("suggestions", ()) if it["patient_id"] == patient]
        evidence = [it for it in classified.get("evidence", ()) if _names(it, patient)]
        # What a picture says is not read anew by an intake.
        is_weak = bool(supported) and not says_much(supported[0]["supported_by"])
        passes = {EvidenceSource.TEXT} if is_weak else set()
        if number and _version(manifest) == _version(manifests[0]):
            # A later record of the same bytes says otherwise, by a person's decision maybe.
            passes = {EvidenceSource.TEXT, EvidenceSource.PICTURE}
        if others := [it for it in evidence if it["source"] not in passes]:
            return Named(str(others[0]["source"]))
        if evidence or supported:
            suggesting.append(number)
    before = frozenset(int(manifests[number].get("revision", 0)) for number in suggesting if number)
    return Named(None, 0 in suggesting, before)


def _version(manifest: Json) -> tuple[Any, ...]:
    source = manifest.get("source", {})
    return source.get("version_id"), source.get("etag"), source.get("last_modified")


def _names(evidence: Json, patient: str) -> bool:
    return bool(evidence["about"] == "patient" and evidence["value"] == patient)


def older_records(versions: Versions, folder: str, revisions: frozenset[int]) -> Iterator[Version]:
    """The older versions of a document's record and page that were filed at these revisions."""
    for key in (manifest_key(folder), result_key(folder)):
        for version in versions.at(key) if revisions else ():
            stamp = None if version.is_marker or version.is_latest else versions.stamp(version)
            if stamp and stamp.revision in revisions:
                yield version
