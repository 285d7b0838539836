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


class ObjectCatalogedV2PatientKnown(TypedDict):
    status: Literal["known"]
    id: str


class ObjectCatalogedV2PatientUnknown(TypedDict):
    status: Literal["unknown"]
    reason: Literal["no-evidence", "conflict", "unlisted"]


class ObjectCatalogedV2PatientContext(TypedDict):
    session_prefix: str
    consistent_with_documents: Literal[True]


class ObjectCatalogedV2SessionInfo(TypedDict):
    session_id: NotRequired[str]
    structure_pattern: str


class ObjectCatalogedV2LocationObject(TypedDict):
    """One object of the layout."""

    key: str
    role: Literal["original", "extracted", "result", "manifest", "session"]
    version_id: NotRequired[str]
    etag: str
    size: int
    content_type: str


class ObjectCatalogedV2Location(TypedDict):
    bucket: str
    prefix: str
    objects: list[ObjectCatalogedV2LocationObject]


class ObjectCatalogedV2Source(TypedDict):
    """The version of the landing object."""

    bucket: str
    key: str
    version_id: NotRequired[str]
    etag: str
    size: int
    content_type: str
    last_modified: str
    content_digest: NotRequired[str]


class ObjectCatalogedV2Evidence(TypedDict):
    """One reason, used or not. A decision (a hint, or an assignment) decides; otherwise sources
    that contradict each other make the patient unknown."""

    about: Literal["kind", "patient"]
    source: Literal["assignment", "hint", "metadata", "key", "content", "text", "picture", "directory"]
    value: str
    where: str
    used: bool
    listed: NotRequired[bool]


class ObjectCatalogedV2Suggestion(TypedDict):
    """A patient of the directory whose it may be. It decides nothing."""

    patient_id: str
    supported_by: list[str]


class ObjectCatalogedV2Decision(TypedDict):
    """The decision that holds here: who decided what, when and why."""

    type: Literal["assign", "nobody", "take-back", "unfile", "hint", "merge", "unmerge"]
    decided_by: str
    decided_at: str
    reason: NotRequired[str]


class ObjectCatalogedV2Reading(TypedDict):
    """How far the pages of a scan have been read. Absent where there is nothing to recognise."""

    status: Literal["pending", "done", "failed", "off"]
    engine: NotRequired[str]
    confidence: NotRequired[int]
    reason: NotRequired[str]


class ObjectCatalogedV2(TypedDict):
    """This version of its source is filed at this location. Source carefile.catalog, delivered at
    least once."""

    schema_version: Literal["2.0"]
    event_id: str
    source_id: str
    revision: int
    layout_version: Literal["1"]
    disposition: Literal["cataloged", "duplicate"]
    kind: Literal["document", "session"]
    data_type: Literal["document", "medical_notes"]
    patient: ObjectCatalogedV2PatientKnown | ObjectCatalogedV2PatientUnknown
    patient_context: ObjectCatalogedV2PatientContext
    session_info: ObjectCatalogedV2SessionInfo
    location: ObjectCatalogedV2Location
    source: ObjectCatalogedV2Source
    rule: str
    evidence: list[ObjectCatalogedV2Evidence]
    suggestions: NotRequired[list[ObjectCatalogedV2Suggestion]]
    decision: NotRequired[ObjectCatalogedV2Decision]
    warnings: NotRequired[list[str]]
    reading: NotRequired[ObjectCatalogedV2Reading]
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


class ObjectRetiredV2Source(TypedDict):
    """The version of the landing object, as far as it is known: the upload may be gone."""

    bucket: str
    key: str
    version_id: NotRequired[str]
    etag: NotRequired[str]
    size: NotRequired[int]
    content_type: NotRequired[str]
    last_modified: NotRequired[str]
    content_digest: NotRequired[str]


class ObjectRetiredV2Location(TypedDict):
    bucket: str
    prefix: str


class ObjectRetiredV2Successor(TypedDict):
    """Where it is filed now. Absent where it is filed nowhere."""

    bucket: str
    prefix: str


class ObjectRetiredV2Decision(TypedDict):
    """The decision that holds here: who decided what, when and why."""

    type: Literal["assign", "nobody", "take-back", "unfile", "hint", "merge", "unmerge"]
    decided_by: str
    decided_at: str
    reason: NotRequired[str]


class ObjectRetiredV2(TypedDict):
    """A place that a source was filed at before shows it no more: it is filed elsewhere, or a
    person took it out of the layout."""

    schema_version: Literal["2.0"]
    event_id: str
    source_id: str
    source: ObjectRetiredV2Source
    location: ObjectRetiredV2Location
    successor: NotRequired[ObjectRetiredV2Successor]
    disposition: NotRequired[Literal["unfiled"]]
    decision: NotRequired[ObjectRetiredV2Decision]
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


class ObjectSubmittedV2Hints(TypedDict):
    """A decision by a person or an upstream system. It outranks all other evidence, and holds for
    this version."""

    kind: NotRequired[Literal["document", "session"]]
    patient_id: NotRequired[str]
    document_name: NotRequired[str]
    session_id: NotRequired[str]
    decided_by: NotRequired[str]
    reason: NotRequired[str]


class ObjectSubmittedV2(TypedDict):
    """Also the detail of Object Submitted."""

    bucket: str
    key: str
    version_id: NotRequired[str]
    hints: NotRequired[ObjectSubmittedV2Hints]


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


PatientIdentifiedV2 = TypedDict(
    "PatientIdentifiedV2",
    {
        "decision": 'NotRequired[Literal["assign", "nobody", "take-back"]]',
        "patient_id": "NotRequired[str]",
        "decided_by": "NotRequired[str]",
        "decided_at": "NotRequired[str]",
        "reason": "NotRequired[str]",
        "from": "NotRequired[str | list[str]]",
        "session_id": "NotRequired[str]",
        "prefix": "NotRequired[str]",
        "key": "NotRequired[str]",
        "bucket": "NotRequired[str]",
    },
)


class PatientRegisteredName(TypedDict):
    """As text, in parts, or both."""

    text: NotRequired[str]
    family: NotRequired[str]
    given: NotRequired[list[str]]


class PatientRegisteredIdentifier(TypedDict):
    """A further identifier of the patient."""

    system: str
    value: str


class PatientRegistered(TypedDict):
    """The detail of the intake event by which an EHR adds a patient to the patient directory, or
    changes one. What it states replaces what this source stated of the patient before."""

    patient_id: str
    names: NotRequired[list[PatientRegisteredName]]
    birth_date: NotRequired[str]
    sex: NotRequired[Literal["female", "male", "other", "unknown"]]
    identifiers: NotRequired[list[PatientRegisteredIdentifier]]
    status: NotRequired[Literal["active", "inactive"]]
    source: NotRequired[str]
    stated_at: NotRequired[str]


PatientsMerged = TypedDict(
    "PatientsMerged",
    {
        "decision": 'NotRequired[Literal["merge", "unmerge"]]',
        "from": "str",
        "into": "str",
        "decided_by": "NotRequired[str]",
        "decided_at": "NotRequired[str]",
        "reason": "NotRequired[str]",
    },
)
