"""The events that Carefile publishes on the catalog bus, and the manifest of a document's folder.

Invariant: an `event_id` is a function of the fact alone (source, version, layout version; for a retired place also
that place), so every announcement of one fact carries the same id and consumers can drop repetitions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from carefile.core.filing.layout import Layout, Owner
from carefile.core.model import (
    LAYOUT_VERSION,
    Classification,
    Decision,
    DecisionType,
    Disposition,
    Kind,
    Observation,
    Patient,
    Reading,
    Source,
    StoredObject,
    UnknownReason,
    digest,
)

EVENT_SOURCE = "carefile.catalog"
_MANIFEST_VERSION = "3.0"
Json = dict[str, object]


class EventType(StrEnum):
    """The detail-type of an event."""

    CATALOGED = "Object Cataloged"
    RETIRED = "Object Retired"
    WITHDRAWN = "Object Withdrawn"
    FAILED = "Object Failed"

    @property
    def schema(self) -> str:
        return self.value.lower().replace(" ", "_")

    @property
    def schema_version(self) -> str:
        return "2.0" if self in (EventType.CATALOGED, EventType.RETIRED) else "1.0"


@dataclass(frozen=True, slots=True)
class Event:
    """An event to publish: its type, and the detail that the schema of that name describes."""

    type: EventType
    detail: Json

    def to_json(self) -> Json:
        return {"detail_type": self.type.value, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a source's version is filed: the folder, its objects, and the revision they were written under."""

    bucket: str
    folder: str
    objects: tuple[StoredObject, ...]
    revision: int

    @property
    def content_digest(self) -> str | None:
        """Of the upload's bytes, which the first object holds."""
        return self.objects[0].content_digest if self.objects else None

    def location(self) -> Json:
        return {
            "bucket": self.bucket,
            "prefix": self.folder,
            "objects": [item.to_json() for item in self.objects],
        }


@dataclass(frozen=True, slots=True)
class Filed:
    """A version of a source as it stands in the layout: what is known of its upload, and its classification, as the
    manifest has them."""

    source: Source
    version: str
    upload: Mapping[str, object]
    classification: Mapping[str, object]
    patient: Patient
    place: Place
    reading: Mapping[str, object]


def filed_in(manifest: Mapping[str, Any], itself: StoredObject, bucket: str, version: str) -> Filed:
    """What the manifest of a filed document says. `itself` is the manifest as an object."""
    upload, classification = manifest["source"], manifest["classification"]
    patient = classification["patient"]
    reason = UnknownReason(patient["reason"]) if "reason" in patient else None
    folder = itself.key.rpartition("/")[0] + "/"
    objects = (*(StoredObject.from_json(item) for item in manifest["artifacts"]), itself)
    return Filed(
        Source(upload["bucket"], upload["key"]),
        version,
        upload,
        classification,
        Patient(patient.get("id"), reason),
        Place(bucket, folder, objects, manifest["revision"]),
        {"reading": manifest["reading"]} if "reading" in manifest else {},
    )


def object_cataloged(
    layout: Layout,
    observed: Observation,
    classification: Classification,
    place: Place,
    disposition: Disposition,
    execution: str,
    at: str,
    reading: Reading | None = None,
) -> Event:
    """The fact that this version of its source is filed at this place."""
    found = Filed(
        observed.source,
        observed.version,
        observed.to_json(),
        classification.to_json(),
        classification.patient,
        place,
        _reading(reading),
    )
    return _cataloged(layout, found, disposition, execution, at)


def object_still_cataloged(layout: Layout, filed: Filed, execution: str, at: str) -> Event:
    """The fact that a version is still filed where its manifest says."""
    return _cataloged(layout, filed, Disposition.DUPLICATE, execution, at)


def _cataloged(layout: Layout, filed: Filed, disposition: Disposition, execution: str, at: str) -> Event:
    info: Json = {"structure_pattern": layout.structure_pattern}
    if "session" in filed.classification:
        info = {"session_id": filed.place.folder.rstrip("/").rpartition("/")[2]} | info
    names = ("session", "document_name")  # which the place says
    return Event(
        EventType.CATALOGED,
        {
            "schema_version": EventType.CATALOGED.schema_version,
            "event_id": cataloged_event_id(filed.source, filed.version),
            "source_id": filed.source.source_id,
            "revision": filed.place.revision,
            "layout_version": LAYOUT_VERSION,
            "disposition": disposition.value,
            "patient_context": {
                "session_prefix": layout.session_prefix(filed.patient),
                "consistent_with_documents": True,
            },
            "session_info": info,
            "location": filed.place.location(),
            "source": dict(filed.upload),
            **{name: value for name, value in filed.classification.items() if name not in names},
            **filed.reading,
            "execution": execution,
            "cataloged_at": at,
        },
    )


def object_retired(
    observed: Observation, bucket: str, destination: str, successor: Place, execution: str, at: str
) -> Event:
    """The fact that a place the source was filed at before shows it no more, since this version is filed elsewhere.

    `destination` is a document's folder or the key of a session's object.
    """
    source = observed.source
    return Event(
        EventType.RETIRED,
        {
            "schema_version": EventType.RETIRED.schema_version,
            "event_id": _event_id(EventType.RETIRED, source, destination, observed.version),
            "source_id": source.source_id,
            "source": observed.to_json(),
            "location": {"bucket": bucket, "prefix": destination},
            "successor": {"bucket": successor.bucket, "prefix": successor.folder},
            "revision": successor.revision,
            "execution": execution,
            "retired_at": at,
        },
    )


def object_unfiled(
    source: Source,
    version: str,
    known: Mapping[str, object],
    bucket: str,
    destination: str,
    revision: int,
    decision: Decision,
    execution: str,
    at: str,
) -> Event:
    """The fact that a person took this version of a source out of the layout.

    `known` is what is still known of the version beside its bucket and key, since its upload may be gone.
    """
    return Event(
        EventType.RETIRED,
        {
            "schema_version": EventType.RETIRED.schema_version,
            "event_id": _event_id(EventType.RETIRED, source, destination, version, Disposition.UNFILED.value),
            "source_id": source.source_id,
            "source": {**known, "bucket": source.bucket, "key": source.key},
            "location": {"bucket": bucket, "prefix": destination},
            "disposition": Disposition.UNFILED.value,
            "decision": decision.to_json(),
            "revision": revision,
            "execution": execution,
            "retired_at": at,
        },
    )


def object_withdrawn(source: Source, version_id: str | None, execution: str, at: str) -> Event:
    """The fact that an upload was deleted from the landing bucket before it was filed."""
    named = {"version_id": version_id} if version_id else {}
    return Event(
        EventType.WITHDRAWN,
        {
            "schema_version": EventType.WITHDRAWN.schema_version,
            "event_id": _event_id(EventType.WITHDRAWN, source, version_id or ""),
            "source_id": source.source_id,
            "source": {"bucket": source.bucket, "key": source.key} | named,
            "execution": execution,
            "withdrawn_at": at,
        },
    )


def object_failed(
    source: Source | None, version_id: str | None, error: str, cause: str, execution: str, at: str
) -> Event:
    """The fact that an execution failed. `source` is None where its input named none."""
    named: Json = {}
    if source:
        named = {
            "source_id": source.source_id,
            "source": {"bucket": source.bucket, "key": source.key}
            | ({"version_id": version_id} if version_id else {}),
        }
    return Event(
        EventType.FAILED,
        {
            "schema_version": EventType.FAILED.schema_version,
            "event_id": digest("event", EventType.FAILED.value, execution, at),
            "error": error,
            "cause": cause,
            "execution": execution,
            "failed_at": at,
        }
        | named,
    )


def claim(owner: Owner) -> Json:
    """The manifest that takes possession of a document's folder, and all that stays of it when it is retired."""
    return bare_claim(owner.owner_id)


def bare_claim(owner_id: str) -> Json:
    return {
        "schema_version": _MANIFEST_VERSION,
        "layout_version": LAYOUT_VERSION,
        "state": "claimed",
        "owner": {"id": owner_id},
    }


def session_manifest(owner: Owner, classification: Classification) -> Json:
    """The manifest of a session's folder: it stands for the whole session and never changes, so it names the decision
    by which the folder was claimed, whatever is decided later. A hint is about one object alone."""
    decision = classification.decision
    by_a_person = decision if decision and decision.type is not DecisionType.HINT else None
    return claim(owner) | {
        "state": "session",
        "owner": {"id": owner.owner_id, "bucket": owner.bucket, "tree": owner.path},
        "kind": classification.kind.value,
        "data_type": classification.kind.data_type,
        "patient": classification.patient.to_json(),
        "session_id": classification.session.session_id if classification.session else "",
        **({"decision": by_a_person.to_json()} if by_a_person else {}),
    }


def adopted_manifest(owner: Owner, kind: Kind, patient: Patient, session_id: str | None) -> Json:
    """The manifest of a folder that others wrote: it owns itself, so nothing else is ever filed there."""
    return claim(owner) | {
        "state": "session" if session_id else "adopted",
        "owner": {"id": owner.owner_id, "bucket": owner.bucket, "tree": owner.path},
        "adopted": True,
        "kind": kind.value,
        "data_type": kind.data_type,
        "patient": patient.to_json(),
        **({"session_id": session_id} if session_id else {}),
    }


def document_manifest(
    owner: Owner,
    observed: Observation,
    classification: Classification,
    revision: int,
    artifacts: Sequence[StoredObject],
    execution: str,
    reading: Reading | None = None,
) -> Json:
    """The manifest of a filed document: the folder's owner, where its bytes came from, and its other objects."""
    return claim(owner) | {
        "state": "filed",
        "owner": {"id": owner.owner_id, "bucket": owner.bucket, "key": owner.path},
        "revision": revision,
        "source": observed.to_json(),
        "classification": classification.to_json(),
        **_reading(reading),
        "artifacts": [item.to_json() for item in artifacts],
        "execution": execution,
    }


def iso_8601(moment: datetime) -> str:
    """A moment in UTC as the events write it, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def owner_in(manifest: Mapping[str, object]) -> str | None:
    """The id of the owner that a manifest names; None where it names none, as a file of somebody else's would."""
    owner = manifest.get("owner")
    found = owner.get("id") if isinstance(owner, Mapping) else None
    return found if isinstance(found, str) else None


def _reading(reading: Reading | None) -> Json:
    return {"reading": reading.to_json()} if reading else {}


def cataloged_event_id(source: Source, version: str) -> str:
    return _event_id(EventType.CATALOGED, source, version)


def _event_id(kind: EventType, source: Source, *fact: str) -> str:
    return digest("event", kind.value, source.bucket, source.key, *fact, LAYOUT_VERSION)
