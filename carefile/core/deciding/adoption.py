"""What an object is, and whose, that others wrote into the layout: from its place and its metadata alone.

Invariants: it stays where it is, so its patient is known only where the place itself says so: a session's prefix is a
patient's, and nothing contradicts it; a document's folder begins as its metadata's patient's folders do. From a
document's folder alone no patient is read: `a_b_c` is patient `a` as well as patient `a_b`. Never guess. Where the
patient directory is in use, the place must also be that of a listed patient who was merged into nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from carefile.core.deciding.identity import identity
from carefile.core.deciding.metadata import PATIENT_METADATA, metadata_text
from carefile.core.deciding.rules import RuleTable
from carefile.core.filing.layout import Standing
from carefile.core.filing.names import split_extension
from carefile.core.model import (
    Classification,
    Evidence,
    EvidenceSource,
    Kind,
    Patient,
    SessionPart,
    UnknownReason,
)
from carefile.core.patients.directory import Listing, Wanted

_WHERE = "layout"
_NOBODY = Patient(reason=UnknownReason.NO_EVIDENCE)
_CONFLICT = Patient(reason=UnknownReason.CONFLICT)


def folder_patient(standing: Standing, rules: RuleTable) -> Patient:
    """The patient whose folder this is, by its name alone."""
    named = standing.patient_id
    return _NOBODY if named is None or rules.is_placeholder(named) else Patient(named)


def classify_standing(
    standing: Standing, metadata: Iterable[tuple[str, str]], rules: RuleTable
) -> Classification:
    """Classify an object where it stands."""
    kind = Kind.SESSION if standing.session_id else Kind.DOCUMENT
    named_by = [(name, metadata_text(value)) for name, value in metadata if name.lower() in PATIENT_METADATA]
    named = {identity(value) for _, value in named_by if not rules.is_placeholder(value)}
    patient = _patient(standing, named, rules)
    stem, extension = split_extension(standing.sub_path.rpartition("/")[2])
    session = (
        SessionPart(standing.session_id, standing.folder, standing.sub_path) if standing.session_id else None
    )
    found = Classification(kind, patient, f"adopted-{kind.value}", stem, extension, session)
    known = patient.id is not None
    return replace(
        found,
        evidence=(
            Evidence("kind", EvidenceSource.KEY, kind.value, _WHERE, used=True),
            Evidence("patient", EvidenceSource.KEY, standing.name, _WHERE, used=known),
            *(
                Evidence("patient", EvidenceSource.METADATA, value, name, used=known and not session)
                for name, value in named_by
            ),
        ),
    )


def to_look_up(standing: Standing, metadata: Iterable[tuple[str, str]], rules: RuleTable) -> Wanted:
    """What to look up in the patient directory before an object is adopted."""
    found = classify_standing(standing, metadata, rules).patient.id
    named = {folder_patient(standing, rules).id, found}
    return Wanted(frozenset(one for one in named if one is not None))


def is_of_unlisted(wanted: Wanted, listing: Listing) -> bool:
    """Whether the place names a patient who is not listed, or has another id now."""
    return any(listing.clinic_id(one) != one for one in wanted.ids)


def _patient(standing: Standing, named: set[str], rules: RuleTable) -> Patient:
    if len(named) > 1:
        return _CONFLICT
    if standing.session_id:
        owner = folder_patient(standing, rules)
        contradicted = owner.id is not None and bool(named - {owner.id})
        return _CONFLICT if contradicted else owner
    if not named:
        return _NOBODY
    patient = Patient(named.pop())
    if standing.is_of(patient):
        return patient
    return _NOBODY if standing.of_nobody else _CONFLICT
