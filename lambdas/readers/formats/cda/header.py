"""What the header of a CDA document says: what it is, whose, and who wrote, keeps and signed it."""

from __future__ import annotations

import re

from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.formats.cda.values import told
from lambdas.readers.formats.xml.tree import Element
from lambdas.readers.hl7_values import rank_of

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_UNNAMED = "A patient in this document carries no identifier."
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


def tell_header(document: Element, draft: Draft) -> None:
    draft.fact("title", told(document, "title"))
    draft.fact("created", told(document, "effectiveTime"))
    draft.fact("id", told(document, "id"))
    draft.fact("version", told(document, "versionNumber"))
    language = document.one("languageCode")
    draft.language = (language.get("code")[:40] or None) if language else None
    tell_patients(document, draft)
    _tell_record("Document", "ClinicalDocument", document, _DOCUMENT, draft)
    for type_, path, fields in _RECORDS:
        for element in document.all(*path.split("/")):
            _tell_record(type_, path, element, fields, draft)


def _tell_record(type_: str, where: str, element: Element, fields: _Fields, draft: Draft) -> None:
    told_fields = ((label, told(element, *path.split("/"))) for label, path in fields)
    if pairs := [(label, text) for label, text in told_fields if text]:
        draft.entity(type_, where, pairs)


def tell_patients(document: Element, draft: Draft, place: str = "", *, is_wrapped: bool = False) -> None:
    """Whose the document is. One that is wrapped in another may not be all of that."""
    targets = list(document.all("recordTarget"))
    so_called = sum(element.local_name == "recordTarget" for element in document.elements)
    if not targets or so_called > len(targets):
        draft.doubt("no-record-target", "The document does not say, as CDA does, whose it is.")
    for number, target in enumerate(targets, 1):
        roles = list(target.all("patientRole"))
        if not roles:
            draft.doubt("unnamed-patient", _UNNAMED)
        for index, role in enumerate(roles, 1):
            scope = f"{place}recordTarget[{number}]/patientRole" + (f"[{index}]" if len(roles) > 1 else "")
            _tell_record("Patient", scope, role, _PATIENT, draft)
            named = False
            for at, identifier in enumerate(role.all("id"), 1):
                candidate = _candidate(identifier, f"{scope}/id[{at}]", scope)
                if candidate is not None:
                    named = True
                    draft.candidate(candidate, is_doubtful=is_wrapped)
            if not named:
                draft.doubt("unnamed-patient", _UNNAMED)


def _candidate(identifier: Element, where: str, scope: str) -> PatientCandidate | None:
    """Whom it names, if anybody. A root alone does only if it is a UUID: an OID alone is the system."""
    root, extension = identifier.get("root").strip(), identifier.get("extension").strip()
    if identifier.get("nullFlavor") or not (extension or _UUID.fullmatch(root)):
        return None
    return PatientCandidate(extension or root, where, root or None, rank_of(None, system=root), scope)
