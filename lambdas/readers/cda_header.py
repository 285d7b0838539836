"""What the header of a CDA document says: what it is, whose, and who wrote, keeps and signed it."""

from __future__ import annotations

import re

from lambdas.core.extraction import PatientCandidate
from lambdas.readers.cda_values import told
from lambdas.readers.draft import Draft
from lambdas.readers.hl7_values import rank_of
from lambdas.readers.xml_tree import Element

_UUID = re.compile(r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
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
    _tell_patients(document, draft)
    _tell_record("Document", "ClinicalDocument", document, _DOCUMENT, draft)
    for type_, path, fields in _RECORDS:
        for element in document.all(*path.split("/")):
            _tell_record(type_, path, element, fields, draft)


def _tell_record(type_: str, where: str, element: Element, fields: _Fields, draft: Draft) -> None:
    told_fields = ((label, told(element, *path.split("/"))) for label, path in fields)
    if pairs := [(label, text) for label, text in told_fields if text]:
        draft.entity(type_, where, pairs)


def _tell_patients(document: Element, draft: Draft) -> None:
    for number, target in enumerate(document.all("recordTarget"), 1):
        roles = list(target.all("patientRole"))
        for index, role in enumerate(roles, 1):
            scope = f"recordTarget[{number}]/patientRole" + (f"[{index}]" if len(roles) > 1 else "")
            _tell_record("Patient", scope, role, _PATIENT, draft)
            named = False
            for at, identifier in enumerate(role.all("id"), 1):
                named |= _tell_identifier(identifier, f"{scope}/id[{at}]", scope, draft)
            if not named:
                draft.candidates_complete = False
                draft.warn("unnamed-patient", "A patient in this document carries no identifier.")


def _tell_identifier(identifier: Element, where: str, scope: str, draft: Draft) -> bool:
    """Whether it names somebody. A root alone does only if it is a UUID: an OID alone is the system."""
    root, extension = identifier.get("root").strip(), identifier.get("extension").strip()
    if identifier.get("nullFlavor") or not (extension or _UUID.fullmatch(root)):
        return False
    draft.candidate(
        PatientCandidate(extension or root, where, root or None, rank_of(None, system=root), scope)
    )
    return True
