"""What the header of a CDA document says: what it is, whose, and who wrote, keeps and signed it."""

from __future__ import annotations

import re

from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.formats.cda.values import rendered
from lambdas.readers.formats.xml.tree import Element
from lambdas.readers.hl7_values import kind_of, rank_of, ranked

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_UNNAMED = "A patient in this document carries no identifier."
_VISIT = ("componentOf", "encompassingEncounter")
_RELATIONS = {"RPLC": "replaces", "APND": "is an addition to", "XFRM": "is a transformation of"}
_WORD = re.compile(r"[^\W\d_]+")
_LONGEST_NAME = 200  # characters of an authority's
_KINDS_BY_WORD = ("MR", "SS", "AN", "VN")
_Fields = tuple[tuple[str, str], ...]

_DOCUMENT: _Fields = (
    ("title", "title"),
    ("type", "code"),
    ("when", "effectiveTime"),
    ("confidentiality", "confidentialityCode"),
)
_PATIENT: _Fields = (
    ("name", "patient/name"),
    ("birth date", "patient/birthTime"),
    ("sex", "patient/administrativeGenderCode"),
    ("identifier", "id"),
    ("address", "addr"),
    ("contact", "telecom"),
    ("language", "patient/languageCommunication/languageCode"),
    ("marital status", "patient/maritalStatusCode"),
    ("race", "patient/raceCode"),
    ("ethnic group", "patient/ethnicGroupCode"),
    ("guardian", "patient/guardian/guardianPerson/name"),
    ("care provider", "providerOrganization/name"),
)
# Type of record, where it stands in the header, and what it holds.
_RECORDS: tuple[tuple[str, str, _Fields], ...] = (
    (
        "Author",
        "author",
        (
            ("name", "assignedAuthor/assignedPerson/name"),
            ("device", "assignedAuthor/assignedAuthoringDevice/softwareName"),
            ("organization", "assignedAuthor/representedOrganization/name"),
            ("when", "time"),
            ("contact", "assignedAuthor/telecom"),
        ),
    ),
    (
        "Custodian",
        "custodian/assignedCustodian/representedCustodianOrganization",
        (("organization", "name"), ("contact", "telecom"), ("address", "addr")),
    ),
    (
        "Signed",
        "legalAuthenticator",
        (("name", "assignedEntity/assignedPerson/name"), ("when", "time")),
    ),
    (
        "Authenticated",
        "authenticator",
        (("name", "assignedEntity/assignedPerson/name"), ("when", "time")),
    ),
    (
        "Entered",
        "dataEnterer",
        (("name", "assignedEntity/assignedPerson/name"), ("when", "time")),
    ),
    (
        "Informant",
        "informant",
        (
            ("name", "assignedEntity/assignedPerson/name"),
            ("related person", "relatedEntity/relatedPerson/name"),
            ("relation", "relatedEntity/code"),
            ("organization", "assignedEntity/representedOrganization/name"),
        ),
    ),
    (
        "Recipient",
        "informationRecipient/intendedRecipient",
        (("name", "informationRecipient/name"), ("organization", "receivedOrganization/name")),
    ),
    (
        "Participant",
        "participant",
        (
            ("name", "associatedEntity/associatedPerson/name"),
            ("relation", "associatedEntity/code"),
            ("organization", "associatedEntity/scopingOrganization/name"),
            ("when", "time"),
            ("address", "associatedEntity/addr"),
            ("contact", "associatedEntity/telecom"),
        ),
    ),
    ("Order", "inFulfillmentOf/order", (("id", "id"), ("what", "code"))),
    ("Consent", "authorization/consent", (("what", "code"), ("status", "statusCode"))),
    (
        "Service",
        "documentationOf/serviceEvent",
        (
            ("what", "code"),
            ("when", "effectiveTime"),
            ("performer", "performer/assignedEntity/assignedPerson/name"),
            ("organization", "performer/assignedEntity/representedOrganization/name"),
        ),
    ),
    (
        "Encounter",
        "componentOf/encompassingEncounter",
        (
            ("type", "code"),
            ("when", "effectiveTime"),
            ("responsible", "responsibleParty/assignedEntity/assignedPerson/name"),
            ("place", "location/healthCareFacility/location/name"),
        ),
    ),
)


def describe_header(document: Element, draft: Draft) -> None:
    draft.fact("title", rendered(document, "title"))
    draft.fact("created", rendered(document, "effectiveTime"))
    draft.fact("id", rendered(document, "id"))
    draft.fact("version", rendered(document, "versionNumber"))
    language = document.one("languageCode")
    draft.language = (language.get("code")[:40] or None) if language else None
    describe_patients(document, draft)
    _describe_record("Document", "ClinicalDocument", document, _DOCUMENT, draft)
    for type_, path, fields in _RECORDS:
        for element in document.all(*path.split("/")):
            _describe_record(type_, path, element, fields, draft)
    for related in document.all("relatedDocument"):
        named = [
            (_RELATIONS.get(related.get("typeCode"), "relates to"), rendered(related, "parentDocument", "id"))
        ]
        draft.entity("Related document", "relatedDocument", named)


def _describe_record(type_: str, where: str, element: Element, fields: _Fields, draft: Draft) -> None:
    rendered_fields = ((label, rendered(element, *path.split("/"))) for label, path in fields)
    if pairs := [(label, text) for label, text in rendered_fields if text]:
        draft.entity(type_, where, pairs)


def describe_patients(document: Element, draft: Draft, place: str = "", *, is_wrapped: bool = False) -> None:
    """Whose the document is. One that is wrapped in another may not be all of that."""
    targets = list(document.all("recordTarget"))
    visits = {_number(one) for one in document.all(*_VISIT, "id")}
    so_called = sum(element.local_name == "recordTarget" for element in document.elements)
    if not targets or so_called > len(targets):
        draft.doubt("no-record-target", "The document does not say, as CDA does, whose it is.")
    for number, target in enumerate(targets, 1):
        roles = list(target.all("patientRole"))
        if not roles:
            draft.doubt("unnamed-patient", _UNNAMED)
        for index, role in enumerate(roles, 1):
            scope = f"{place}recordTarget[{number}]/patientRole" + (f"[{index}]" if len(roles) > 1 else "")
            _describe_record("Patient", scope, role, _PATIENT, draft)
            ids = enumerate(role.all("id"), 1)
            found = (_candidate(one, f"{scope}/id[{at}]", scope, visits) for at, one in ids)
            named = ranked(filter(None, found))
            for candidate in named:
                draft.candidate(candidate, is_doubtful=is_wrapped)
            if not named:
                draft.doubt("unnamed-patient", _UNNAMED)


def _candidate(
    identifier: Element, where: str, scope: str, visits: set[tuple[str, str]]
) -> PatientCandidate | None:
    """Whom it names, if anybody. A root alone does only if it is a UUID: an OID alone is the system. CDA has no kinds
    of identifiers: what is one is that the visit has the same, or that its authority is called so.
    """
    root, extension = number = _number(identifier)
    if identifier.get("nullFlavor") or not (extension or _UUID.fullmatch(root)):
        return None
    kind = "VN" if number in visits else _kind_by_authority(identifier.get("assigningAuthorityName"))
    return PatientCandidate(extension or root, where, root or None, rank_of(kind, system=root), scope, kind)


def _number(identifier: Element) -> tuple[str, str]:
    return identifier.get("root").strip(), identifier.get("extension").strip()


def _kind_by_authority(name: str) -> str | None:
    """What the name of an authority says of its numbers: `Saint Elmo MRN`, `Account Number`."""
    words = _WORD.findall(name[:_LONGEST_NAME])
    said = (kind for word in words if (kind := kind_of(word)) in _KINDS_BY_WORD)
    return next(said, None)
