"""Catalog entries out of what stands in S3: manifests, stamps, marks, sizes and times. For making the catalog again.

What comes out is what the catalog event made, but for two attributes. `cataloged_at` becomes the time at which the last
artifact was written, which is a moment before its announcement. `execution` becomes the name of the execution that
wrote the artifacts, without its ARN; where that one died before it announced them, the event named the next one. Of
what was adopted, which no execution wrote, it stays empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from carefile.core.deciding.agent_sessions import keys_of
from carefile.core.filing.layout import MANIFEST
from carefile.core.filing.names import decode_earlier_sub_path, decode_sub_path
from carefile.core.messages.events import cataloged_event_id
from carefile.core.model import Classification, Kind, Observation, Source, Stamp, UnknownReason
from carefile.core.records.catalog import Entry, indexed_decision, indexed_digest, makes_nobodys, suggested_in


@dataclass(frozen=True, slots=True)
class Standing:
    """An object in the layout: a document's manifest, or an object of a session."""

    bucket: str
    key: str
    size: int
    written: str
    stamp: Stamp


def entry_of_document(standing: Standing, manifest: Mapping[str, Any]) -> Entry | None:
    """The entry of the document that a manifest describes; None if it describes none."""
    if manifest.get("state") != "filed":
        return None
    upload, classification = manifest["source"], manifest["classification"]
    source = Source(upload["bucket"], upload["key"])
    return Entry(
        source_id=source.source_id,
        event_id=cataloged_event_id(source, standing.stamp.version),
        revision=manifest["revision"],
        patient=classification["patient"].get("id"),
        reason=classification["patient"].get("reason"),
        kind=Kind.DOCUMENT.value,
        session_id=None,
        landing_bucket=source.bucket,
        landing_key=source.key,
        landing_version=upload.get("version_id"),
        modified=upload["last_modified"],
        size=upload["size"],
        bucket=standing.bucket,
        prefix=standing.key.removesuffix(MANIFEST),
        key=manifest["artifacts"][0]["key"],
        execution=standing.stamp.execution,
        cataloged_at=standing.written,
        content_digest=indexed_digest(Kind.DOCUMENT, upload.get("content_digest")),
        decision=(decision := indexed_decision(Kind.DOCUMENT, classification.get("decision"))),
        is_nobodys=makes_nobodys(decision),
        suggested=suggested_in(classification),
    )


def entry_of_session_object(standing: Standing, folder: str, manifest: Mapping[str, Any]) -> Entry | None:
    """The entry of a session's object, with the help of its folder's manifest.

    None where the stamp's source is none that the manifest's owner could have there: then the manifest is not the one
    under which the object was filed, or somebody has copied the object.
    """
    stamp = standing.stamp
    source = next(
        (one for one in sources_of(standing, folder, manifest) if one.source_id == stamp.source_id), None
    )
    if source is None or stamp.modified is None:
        return None
    patient = manifest["patient"].get("id")
    reason = manifest["patient"].get("reason", UnknownReason.NO_EVIDENCE.value)
    return Entry(
        source_id=source.source_id,
        event_id=cataloged_event_id(source, stamp.version),
        revision=stamp.revision,
        patient=patient,
        reason=None if patient is not None else stamp.reason or reason,
        kind=Kind.SESSION.value,
        session_id=folder.rstrip("/").rpartition("/")[2],
        landing_bucket=source.bucket,
        landing_key=source.key,
        # Without versioning the version is the ETag and the time, joined by a sign that no version id has.
        landing_version=None if "@" in stamp.version else stamp.version,
        modified=stamp.modified,
        size=standing.size,
        bucket=standing.bucket,
        prefix=folder,
        key=standing.key,
        execution=stamp.execution,
        cataloged_at=standing.written,
        decision=stamp.decision,
        is_nobodys=makes_nobodys(stamp.decision),
    )


def entry_of_adopted(
    observed: Observation, prefix: str, found: Classification, revision: int, written: str
) -> Entry:
    """The entry of an object that was adopted in place, and so is its own source."""
    source, reason = observed.source, found.patient.reason
    return Entry(
        source_id=source.source_id,
        event_id=cataloged_event_id(source, observed.version),
        revision=revision,
        patient=found.patient.id,
        reason=reason.value if reason else None,
        kind=found.kind.value,
        session_id=found.session.session_id if found.session else None,
        landing_bucket=source.bucket,
        landing_key=source.key,
        landing_version=observed.version_id,
        modified=observed.last_modified,
        size=observed.size,
        bucket=source.bucket,
        prefix=prefix,
        key=source.key,
        execution="",
        cataloged_at=written,
    )


def sources_of(standing: Standing, folder: str, manifest: Mapping[str, Any]) -> Iterator[Source]:
    """The landing objects that may be filed as this one; the digest in the stamp says which one is."""
    owner = manifest.get("owner", {})
    bucket, tree = owner.get("bucket"), owner.get("tree")
    if manifest.get("state") != "session" or not bucket or not tree:
        return
    if standing.stamp.key:
        yield Source(bucket, standing.stamp.key)
    shown = standing.key.removeprefix(folder)
    for sub_path in dict.fromkeys((decode_sub_path(shown), decode_earlier_sub_path(shown))):
        yield from (Source(bucket, key) for key in (tree + sub_path, *keys_of(tree, sub_path)))
    yield Source(bucket, tree)


def equal_but_for_the_execution(one: Entry, other: Entry) -> bool:
    """Whether two entries say the same about a source, regardless of who announced it and when."""
    return replace(one, execution="", cataloged_at="") == replace(other, execution="", cataloged_at="")
