"""Types for the details of Carefile's events. Generated from the schemas by carefile/events/generate.py."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class ObjectCatalogedPatientKnown(TypedDict):
    status: Literal["known"]
    id: str


class ObjectCatalogedPatientUnknown(TypedDict):
    status: Literal["unknown"]
    reason: Literal["no-evidence", "conflict"]


class ObjectCatalogedPatientContext(TypedDict):
    session_prefix: str
    consistent_with_documents: Literal[True]


class ObjectCatalogedSessionInfo(TypedDict):
    session_id: NotRequired[str]
    structure_pattern: str


class ObjectCatalogedLocationObject(TypedDict):
    """One object of the layout."""

    key: str
    role: Literal["original", "extracted", "result", "manifest", "session"]
    version_id: NotRequired[str]
    etag: str
    size: int
    content_type: str


class ObjectCatalogedLocation(TypedDict):
    bucket: str
    prefix: str
    objects: list[ObjectCatalogedLocationObject]


class ObjectCatalogedSource(TypedDict):
    """The version of the landing object."""

    bucket: str
    key: str
    version_id: NotRequired[str]
    etag: str
    size: int
    content_type: str
    last_modified: str


class ObjectCatalogedEvidence(TypedDict):
    """One reason, used or not. A decision (a hint, or the assignment of a session) decides;
    otherwise sources that contradict each other make the patient unknown."""

    about: Literal["kind", "patient"]
    source: Literal["assignment", "hint", "metadata", "key", "content"]
    value: str
    where: str
    used: bool


class ObjectCataloged(TypedDict):
    """This version of its source is filed at this location. Source carefile.catalog, delivered at
    least once."""

    schema_version: Literal["1.0"]
    event_id: str
    source_id: str
    revision: int
    layout_version: Literal["1"]
    disposition: Literal["cataloged", "duplicate"]
    kind: Literal["document", "session"]
    data_type: Literal["document", "medical_notes"]
    patient: ObjectCatalogedPatientKnown | ObjectCatalogedPatientUnknown
    patient_context: ObjectCatalogedPatientContext
    session_info: ObjectCatalogedSessionInfo
    location: ObjectCatalogedLocation
    source: ObjectCatalogedSource
    rule: str
    evidence: list[ObjectCatalogedEvidence]
    execution: str
    cataloged_at: str


class ObjectRetiredSource(TypedDict):
    """The version of the landing object."""

    bucket: str
    key: str
    version_id: NotRequired[str]
    etag: str
    size: int
    content_type: str
    last_modified: str


class ObjectRetiredLocation(TypedDict):
    bucket: str
    prefix: str


class ObjectRetiredSuccessor(TypedDict):
    bucket: str
    prefix: str


class ObjectRetired(TypedDict):
    """A place that a source was filed at before shows it no more: its newest version is filed
    elsewhere."""

    schema_version: Literal["1.0"]
    event_id: str
    source_id: str
    source: ObjectRetiredSource
    location: ObjectRetiredLocation
    successor: ObjectRetiredSuccessor
    revision: int
    execution: str
    retired_at: str


class ObjectWithdrawnSource(TypedDict):
    bucket: str
    key: str
    version_id: NotRequired[str]


class ObjectWithdrawn(TypedDict):
    """An upload was deleted from the landing bucket before it was filed."""

    schema_version: Literal["1.0"]
    event_id: str
    source_id: str
    source: ObjectWithdrawnSource
    execution: str
    withdrawn_at: str


class ObjectFailedSource(TypedDict):
    bucket: str
    key: str
    version_id: NotRequired[str]


class ObjectFailed(TypedDict):
    """An execution failed. Mend the cause and redrive it; the upload stands where it was."""

    schema_version: Literal["1.0"]
    event_id: str
    source_id: NotRequired[str]
    source: NotRequired[ObjectFailedSource]
    error: str
    cause: str
    execution: str
    failed_at: str


class ObjectSubmittedHints(TypedDict):
    """A decision by a person or an upstream system. It outranks all other evidence, and holds for
    this version."""

    kind: NotRequired[Literal["document", "session"]]
    patient_id: NotRequired[str]
    document_name: NotRequired[str]
    session_id: NotRequired[str]


class ObjectSubmitted(TypedDict):
    """Also the detail of Object Submitted."""

    bucket: str
    key: str
    version_id: NotRequired[str]
    hints: NotRequired[ObjectSubmittedHints]


PatientIdentified = TypedDict(
    "PatientIdentified",
    {
        "patient_id": "str",
        "from": "NotRequired[str | list[str]]",
        "session_id": "NotRequired[str]",
        "prefix": "NotRequired[str]",
        "key": "NotRequired[str]",
        "bucket": "NotRequired[str]",
    },
)
