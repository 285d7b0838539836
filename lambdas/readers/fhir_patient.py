"""Whose a FHIR document is: the identifiers of its Patient resources, and of references that name one by identifier.

A resource's own id (`Patient/123`) is a server's and names nobody elsewhere, so it is no evidence. It does tell
apart: a document that speaks of a patient whom it does not identify cannot decide alone whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from lambdas.core.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.fhir_values import each, first, identifier_type, word
from lambdas.readers.hl7_values import rank_of
from lambdas.readers.json_values import Object, Value

_SUBJECTS = ("subject", "patient", "beneficiary")
_RESOURCE_ID = re.compile(r"(?:^|/)(Patient/[A-Za-z0-9.-]{1,64})(?:/_history/.*)?$")


def tell_candidates(found: list[tuple[str, Object]], draft: Draft) -> None:
    """All the patients that the document names. `found` are its objects, with the place of each."""
    identified: set[str] = set()
    other_things: set[str] = set()
    spoken_of: set[str] = set()
    patients = 0
    for place, item in found:
        if word(item, "resourceType") == "Patient":
            patients += 1
            identified.add(f"Patient/{word(item, 'id')}")
            if not _tell_identifiers(item, place, draft):
                _not_all(draft, "unnamed-patient", "A patient in this document carries no identifier.")
        if url := word(item, "fullUrl"):
            is_patient = word(first(item, "resource"), "resourceType") == "Patient"
            (identified if is_patient else other_things).add(_referred(url) or url)
        for below, reference in _references(item):
            if name := word(reference, "reference"):
                spoken_of |= {key for key in [_referred(name)] if key}
            elif word(reference, "type") in (None, "Patient"):
                _tell_identifiers(reference, place + below, draft)
    others = spoken_of - identified - other_things
    if others and patients + len(others) > 1:
        _not_all(draft, "several-patients", "The document speaks of a patient whom it does not identify.")


def _tell_identifiers(owner: Object, scope: str, draft: Draft) -> bool:
    """Whether there were any."""
    named = False
    place = f"{scope}/identifier"  # one that lies within no other's, so that no patient speaks for another
    for below, identifier in each(owner, "identifier"):
        value = word(identifier, "value")
        if value is None:
            continue
        named = True
        type_ = identifier_type(identifier)
        system = word(identifier, "system")
        rank = rank_of(type_, word(identifier, "use"), system)
        where = f"{scope}{below}/value"
        draft.candidate(PatientCandidate(value.strip(), where, system, rank, place, type_))
    return named


def _references(item: Object) -> Iterator[tuple[str, Object]]:
    for name in _SUBJECTS:
        for below, reference in each(item, name):
            if isinstance(reference, Object) and word(reference, "resourceType") is None:
                yield below, reference


def _referred(reference: Value) -> str | None:
    """The form in which two references to one patient are equal; None for what is no patient, or stands inside."""
    if not isinstance(reference, str):
        return None
    if match := _RESOURCE_ID.search(reference):
        return match[1]
    return reference if reference.startswith("urn:") else None


def _not_all(draft: Draft, code: str, message: str) -> None:
    draft.candidates_complete = False
    draft.warn(code, message)
