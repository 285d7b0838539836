"""FHIR resources as records: for each type what a person looks for, in that order; of any other type all it has."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from lambdas.readers.draft import Draft
from lambdas.readers.formats.fhir.values import each, first, told, told_of, word
from lambdas.readers.formats.json.values import Object, Value
from lambdas.readers.formats.xml.narrative import Rows, blocks_of
from lambdas.readers.formats.xml.tree import XmlRefusedError, parse_xml
from lambdas.readers.limits import MAX_TEXT

_WRAPPERS = {"Bundle", "Parameters"}
_UNTOLD = {
    *("resourceType", "id", "meta", "text", "contained", "extension", "modifierExtension", "implicitRules"),
    "language",
}
# Label, and the members it is told of: the first that is there. `x*` is a choice of types, valueString or the like.
_COLUMNS: dict[str, tuple[tuple[str, str], ...]] = {
    "Patient": (
        ("name", "name"),
        ("birth date", "birthDate"),
        ("sex", "gender"),
        ("died", "deceased*"),
        ("identifier", "identifier"),
        ("address", "address"),
        ("contact", "telecom"),
        ("language", "communication"),
        ("general practitioner", "generalPractitioner"),
        ("organization", "managingOrganization"),
    ),
    "Observation": (
        ("what", "code"),
        ("value", "value* dataAbsentReason component"),
        ("interpretation", "interpretation"),
        ("reference range", "referenceRange"),
        ("when", "effective* issued"),
        ("status", "status"),
        ("note", "note"),
    ),
    "Condition": (
        ("what", "code"),
        ("clinical status", "clinicalStatus"),
        ("verification", "verificationStatus"),
        ("onset", "onset*"),
        ("ended", "abatement*"),
        ("recorded", "recordedDate"),
        ("note", "note"),
    ),
    "AllergyIntolerance": (
        ("substance", "code"),
        ("reaction", "reaction"),
        ("criticality", "criticality"),
        ("status", "clinicalStatus"),
        ("recorded", "recordedDate"),
    ),
    "MedicationRequest": (
        ("medication", "medication*"),
        ("dosage", "dosageInstruction"),
        ("status", "status"),
        ("when", "authoredOn"),
        ("by", "requester"),
    ),
    "MedicationStatement": (
        ("medication", "medication*"),
        ("dosage", "dosage"),
        ("status", "status"),
        ("when", "effective* dateAsserted"),
    ),
    "Immunization": (
        ("vaccine", "vaccineCode"),
        ("when", "occurrence*"),
        ("status", "status"),
        ("lot", "lotNumber"),
    ),
    "Procedure": (
        ("what", "code"),
        ("when", "performed* occurrence*"),
        ("status", "status"),
        ("outcome", "outcome"),
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
        ("conclusion", "conclusion conclusionCode"),
        ("by", "performer"),
        ("attached", "presentedForm"),
    ),
    "DocumentReference": (
        ("what", "type description"),
        ("when", "date"),
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
    "Practitioner": (("name", "name"), ("identifier", "identifier"), ("contact", "telecom")),
    "Organization": (
        ("name", "name"),
        ("identifier", "identifier"),
        ("contact", "telecom"),
        ("address", "address"),
    ),
}


def tell_resource(resource: Object, place: str, draft: Draft) -> None:
    """The resource as a record, and the text that is attached to it."""
    type_ = word(resource, "resourceType")
    if type_ is None or type_ in _WRAPPERS:
        return
    columns = _COLUMNS.get(type_)
    pairs = _in_columns(resource, columns) if columns else _all_members(resource)
    draft.entity(type_, place.rstrip(": ") or "/", pairs)
    if type_ == "Composition":
        _tell_sections(resource, 1, draft)
    for _, form in each(resource, "presentedForm"):
        _tell_attachment(form, type_, draft)
    for _, content in each(resource, "content"):
        _tell_attachment(first(content, "attachment"), type_, draft)


def _in_columns(resource: Object, columns: tuple[tuple[str, str], ...]) -> Iterator[tuple[str, str]]:
    for label, names in columns:
        texts = (told(member) for name in names.split() for member in _named(resource, name))
        if text := next(filter(None, texts), None):
            yield label, text


def _named(resource: Object, name: str) -> Iterator[Value]:
    for known, member in resource.members:
        if known == name or (name.endswith("*") and known.startswith(name[:-1])):
            yield member


def _all_members(resource: Object) -> Iterator[tuple[str, str]]:
    for name, member in resource.members:
        if name not in _UNTOLD and not name.startswith("_") and (text := told(member)):
            yield _in_words(name), text


def _in_words(name: str) -> str:
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name)


def _tell_sections(owner: Value, level: int, draft: Draft) -> None:
    for _, section in each(owner, "section"):
        title = told_of(section, "title") or told_of(section, "code") or "Section"
        draft.heading(title, level)
        for block in _blocks(word(first(section, "text"), "div") or ""):
            if isinstance(block, str):
                draft.text(block, section=title)
            else:
                draft.table(block.rows, block.header, section=title)
        _tell_sections(section, level + 1, draft)


def _blocks(div: str) -> Iterator[str | Rows]:
    """XHTML as blocks; what is none, as FHIR's XML has it here, is a text already."""
    try:
        document = parse_xml(div) if div.lstrip().startswith("<") else None
    except XmlRefusedError:
        document = None
    return blocks_of(document.root) if document else iter([div])


def _tell_attachment(attachment: Value, type_: str, draft: Draft) -> None:
    """A text that stands in the resource itself is shown; of anything else only its type is told."""
    data = word(attachment, "data")
    if data is None:
        return
    if not (word(attachment, "contentType") or "").lower().startswith("text/plain"):
        draft.warn("attachment", "The document holds an attachment that is not read.")
        return
    try:
        text = base64.b64decode(data[: 4 * MAX_TEXT], validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        draft.warn("attachment", "The document holds an attachment that is not read.")
        return
    draft.text(text, section=told_of(attachment, "title") or type_)
