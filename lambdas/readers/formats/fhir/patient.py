"""Whose a FHIR document is: the identifiers of its Patient resources, and of references that name one by identifier.

A resource's own id (`Patient/123`) is a server's and names nobody elsewhere, so it is no evidence. It does say
apart: a document that speaks of a patient whom it does not identify cannot decide alone whose it is. Nor can one whose
subject may as well be a device, a group or a place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from carefile.core.documents.extraction import PatientCandidate
from lambdas.readers.draft import Draft
from lambdas.readers.formats.fhir.references import (
    Entries,
    Known,
    same_everywhere,
    searched_identifier,
    types_of,
    without_version,
)
from lambdas.readers.formats.fhir.values import each, identifier_type, word
from lambdas.readers.formats.json.objects import Found
from lambdas.readers.hl7_values import rank_of, ranked

_PATIENTS = frozenset(("patient", "beneficiary"))  # these hold references to patients only
_PERHAPS = frozenset(("subject", "for", "actor", "individual", "entity", "member", "focus", "target"))
PERHAPS_PATIENTS = _PATIENTS | _PERHAPS
_SAID = frozenset(("patient", "beneficiary", "subject"))  # of these a name alone is a reference
_NAMING = frozenset(("resourceType", "fullUrl", "reference", "identifier", "display"))


@dataclass(slots=True)
class _Resources:
    """What the document holds: patients and other things, the patients' identifiers, and who is spoken of."""

    patients: Known = field(default_factory=Known)
    others: set[str] = field(default_factory=set)
    identifiers: dict[tuple[str | None, str], PatientCandidate] = field(default_factory=dict)
    references: list[tuple[Found, str]] = field(default_factory=list)


def describe_resources(found: Iterable[Found], draft: Draft) -> None:
    """All the patients that resources among these objects are, or name."""
    resources = _resources(found, draft)
    spoken_of: set[str] = set()
    identified: set[str] = set()
    for entry, url in resources.references:
        is_certain = _leads_to_patient(entry, resources)
        if is_certain is None:
            continue
        named = list(_identifiers_of_reference(entry, resources))
        for candidate in named:
            is_known = (candidate.system, candidate.value) in resources.identifiers
            draft.candidate(candidate, is_doubtful=not is_known and (entry.is_anothers or not is_certain))
        reference = word(entry.item, "reference") or ""
        if reference.startswith("#") or (reference and resources.patients.holds(reference, url)):
            continue
        key = same_everywhere(reference, url) if reference else entry.place
        (identified if named else spoken_of).add(key)
    unidentified = spoken_of - identified
    if len(unidentified) > 1 or (unidentified and draft.names_somebody):
        draft.doubt("several-patients", "The document speaks of a patient whom it does not identify.")


def _resources(found: Iterable[Found], draft: Draft) -> _Resources:
    """Report the patients among what was found."""
    resources = _Resources()
    entries = Entries()
    for entry in found:
        place, _, item, _ = entry
        if _NAMING.isdisjoint(name for name, _ in item.members):
            continue
        types = {type_ for _, type_ in each(item, "resourceType") if isinstance(type_, str)}
        if url := word(item, "fullUrl"):
            entries.enter(place, url)
        elif "Patient" in types:
            resources.patients.add("Patient", word(item, "id"), entries.url_of_resource(place))
            _describe_patient(entry, resources, draft)
        elif types:
            resources.others.add(entries.url_of_resource(place))
        else:
            resources.references.append((entry, entries.url_of(place)))
    return resources


def _describe_patient(entry: Found, resources: _Resources, draft: Draft) -> None:
    named = ranked(_identifiers(entry))
    for candidate in named:
        resources.identifiers.setdefault((candidate.system, candidate.value), candidate)
        draft.candidate(candidate, is_doubtful=entry.is_anothers)
    if not named:
        draft.doubt("unnamed-patient", "A patient in this document carries no identifier.")


def _identifiers(entry: Found) -> Iterator[PatientCandidate]:
    # Within no other's, so that neither a patient nor a plain field speaks for another.
    scope = f"FHIR {entry.place}/identifier"
    for below, identifier in each(entry.item, "identifier"):
        value = word(identifier, "value")
        if value is not None:
            type_, system = identifier_type(identifier), word(identifier, "system")
            rank = rank_of(type_, word(identifier, "use"), system)
            where = f"{entry.place}{below}/value"
            yield PatientCandidate(value.strip(), where, system, rank, scope, type_)


def _identifiers_of_reference(entry: Found, resources: _Resources) -> Iterator[PatientCandidate]:
    """What the reference is named by. An identifier that a patient of the document has is that patient's."""
    searched = searched_identifier(entry.item)
    if searched:
        system, value = searched
        place = f"{entry.place}/reference"
        yield PatientCandidate(value.strip(), place, system, rank_of(None, system=system), f"FHIR {place}")
    for candidate in _identifiers(entry):
        known = resources.identifiers.get((candidate.system, candidate.value))
        yield replace(known, where=candidate.where) if known else candidate


def _leads_to_patient(entry: Found, resources: _Resources) -> bool | None:
    """Whether it certainly does; None if it does not, or nothing says that it might."""
    types = types_of(entry.item)
    reference = without_version(word(entry.item, "reference") or "")
    if "Patient" in types or reference in resources.patients.urls:
        return True
    if types or (reference and reference in resources.others) or not _is_reference(entry):
        return None
    if entry.name in _PATIENTS:
        return True
    # A visit's participants are its staff.
    return False if entry.name in _PERHAPS and not _is_staff(entry) else None


def _is_staff(entry: Found) -> bool:
    return entry.name == "individual" and "/participant" in entry.place


def _is_reference(entry: Found) -> bool:
    names = {name for name, value in entry.item.members if name != "identifier" or not isinstance(value, str)}
    return not names.isdisjoint(("reference", "identifier")) or entry.name in _SAID
