"""FHIR's resources as data: what a person looks for in each, and which elements change the meaning of the others.

DSTU2, STU3, R4 and R5 in one: an element keeps its meaning where it changed its name.
"""

from __future__ import annotations

# Label, and the members it may come from: the first that has a value. `x*` is a choice of types, valueString or the
# like. What no label takes is shown after them, by its own name.
COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "Patient": (
        ("name", "name"),
        ("birth date", "birthDate"),
        ("sex", "gender"),
        ("died", "deceased*"),
        ("identifier", "identifier"),
        ("address", "address"),
        ("contact", "telecom"),
        ("contact person", "contact"),
        ("language", "communication"),
        ("general practitioner", "generalPractitioner careProvider"),
        ("organization", "managingOrganization"),
    ),
    "Observation": (
        ("what", "code"),
        ("value", "value* component"),
        ("interpretation", "interpretation"),
        ("reference range", "referenceRange"),
        ("when", "effective* applies* issued"),
        ("status", "status"),
        ("note", "note comment comments"),
    ),
    "Condition": (
        ("what", "code"),
        ("clinical status", "clinicalStatus"),
        ("verification", "verificationStatus"),
        ("severity", "severity"),
        ("onset", "onset*"),
        ("ended", "abatement*"),
        ("recorded", "recordedDate assertedDate dateRecorded dateAsserted"),
        ("note", "note notes"),
    ),
    "AllergyIntolerance": (
        ("substance", "code substance"),
        ("reaction", "reaction"),
        ("criticality", "criticality"),
        ("clinical status", "clinicalStatus"),
        ("status", "status"),
        ("verification", "verificationStatus"),
        ("recorded", "recordedDate assertedDate"),
        ("note", "note"),
    ),
    "MedicationRequest": (
        ("medication", "medication*"),
        ("do not perform", "doNotPerform"),
        ("dosage", "dosageInstruction"),
        ("status", "status"),
        ("when", "authoredOn dateWritten"),
        ("by", "requester prescriber"),
        ("note", "note"),
    ),
    "MedicationStatement": (
        ("medication", "medication*"),
        ("taken", "taken"),
        ("not taken", "wasNotTaken"),
        ("dosage", "dosage"),
        ("status", "status"),
        ("when", "effective* dateAsserted"),
        ("note", "note"),
    ),
    "MedicationAdministration": (
        ("medication", "medication*"),
        ("not given", "notGiven wasNotGiven"),
        ("dosage", "dosage"),
        ("status", "status"),
        ("when", "effective* occurence* occurrence*"),
        ("note", "note"),
    ),
    "Medication": (("what", "code"), ("status", "status"), ("form", "form doseForm"), ("ingredient", "ingredient")),
    "Immunization": (
        ("vaccine", "vaccineCode"),
        ("not given", "notGiven wasNotGiven"),
        ("when", "occurrence* date"),
        ("status", "status"),
        ("why", "statusReason"),
        ("lot", "lotNumber"),
        ("note", "note"),
    ),
    "Procedure": (
        ("what", "code"),
        ("not done", "notDone notPerformed"),
        ("when", "performed* occurrence*"),
        ("status", "status"),
        ("site", "bodySite"),
        ("outcome", "outcome"),
        ("note", "note notes"),
    ),
    "ServiceRequest": (
        ("what", "code"),
        ("do not perform", "doNotPerform"),
        ("intent", "intent"),
        ("status", "status"),
        ("when", "occurrence* authoredOn"),
        ("by", "requester"),
        ("note", "note"),
    ),
    "Encounter": (
        ("type", "type class"),
        ("when", "period actualPeriod"),
        ("status", "status"),
        ("reason", "reasonCode reason"),
        ("provider", "serviceProvider"),
    ),
    "DiagnosticReport": (
        ("what", "code"),
        ("when", "effective* issued"),
        ("status", "status"),
        ("conclusion", "conclusion"),
        ("diagnosis", "conclusionCode codedDiagnosis"),
        ("by", "performer"),
        ("attached", "presentedForm"),
    ),
    "DocumentReference": (
        ("what", "type"),
        ("description", "description"),
        ("when", "date indexed created"),
        ("status", "status"),
        ("by", "author"),
        ("attached", "content"),
    ),
    "Composition": (
        ("title", "title"),
        ("type", "type"),
        ("when", "date"),
        ("status", "status"),
        ("by", "author"),
        ("custodian", "custodian"),
    ),
    "FamilyMemberHistory": (
        ("relation", "relationship"),
        ("name", "name"),
        ("status", "status"),
        ("not done", "notDone"),
        ("condition", "condition"),
        ("died", "deceased*"),
        ("note", "note"),
    ),
    "Practitioner": (("name", "name"), ("identifier", "identifier"), ("contact", "telecom")),
    "Organization": (
        ("name", "name"),
        ("identifier", "identifier"),
        ("contact", "telecom"),
        ("address", "address"),
        ("contact person", "contact"),
    ),
}  # fmt: skip
COLUMNS["MedicationOrder"] = COLUMNS["MedicationRequest"]  # its name in DSTU2

# Elements that FHIR calls modifiers: whoever does not know them may take the rest for its opposite. Of any resource,
# and of some, those of earlier and later releases included. Elements within others are described in their place.
_OF_ANY = frozenset(("modifierExtension", "implicitRules", "status", "entryStatus", "verificationStatus"))
CHANGING: dict[str, tuple[str, ...]] = {
    "ActivityDefinition": ("doNotPerform",),
    "AdverseEvent": ("actuality", "category"),
    "AllergyIntolerance": ("clinicalStatus",),
    "AppointmentResponse": ("participantStatus",),
    "Basic": ("code",),
    "BodyStructure": ("active",),
    "CarePlan": ("intent",),
    "Communication": ("notDone",),
    "CommunicationRequest": ("doNotPerform",),
    "Condition": ("clinicalStatus",),
    "Consent": ("scope", "decision"),
    "DeviceRequest": ("intent", "doNotPerform"),
    "FamilyMemberHistory": ("notDone",),
    "Goal": ("lifecycleStatus",),
    "Group": ("active", "membership"),
    "HealthcareService": ("active", "notAvailable"),
    "Immunization": ("isSubpotent", "notGiven", "wasNotGiven"),
    "List": ("mode",),
    "MeasureReport": ("improvementNotation",),
    "MedicationAdministration": ("notGiven", "wasNotGiven"),
    "MedicationRequest": ("intent", "doNotPerform"),
    "MedicationStatement": ("taken", "wasNotTaken"),
    "NutritionOrder": ("intent",),
    "Organization": ("active",),
    "Patient": ("active", "deceased*", "link"),
    "Person": ("active",),
    "Practitioner": ("active",),
    "Procedure": ("notDone", "notPerformed"),
    "ProcedureRequest": ("intent", "doNotPerform"),
    "ReferralRequest": ("intent",),
    "RelatedPerson": ("active",),
    "RequestGroup": ("intent",),
    "RequestOrchestration": ("intent",),
    "Schedule": ("active",),
    "ServiceRequest": ("intent", "doNotPerform"),
    "SubscriptionStatus": ("type",),
    "Task": ("intent", "doNotPerform"),
}


def modifiers(type_: str) -> tuple[str, ...]:
    """The modifier elements of a type of resource; one with `*` is a choice of types."""
    return (*sorted(_OF_ANY), *CHANGING.get(type_, ()))


def is_called(name: str, pattern: str) -> bool:
    return name == pattern or (pattern.endswith("*") and name.startswith(pattern[:-1]))
