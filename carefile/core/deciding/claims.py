"""Claims: which source names which patient, and how the record shows it. What is weighed is `classification.py`'s.

Every claim is shown, whether it is weighed or not: what a person decides by must not hide what was disregarded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from carefile.core.deciding.damaged_numbers import damaged_number
from carefile.core.deciding.identity import Identities, identity
from carefile.core.deciding.metadata import PATIENT_METADATA, metadata_text
from carefile.core.deciding.rules import Match, RuleTable
from carefile.core.model import Evidence, EvidenceSource, Hints, Patient, Trust
from carefile.core.patients.directory import Listing

if TYPE_CHECKING:
    from carefile.core.documents.extraction import Extraction

_MOST_CANDIDATES = 20  # of one source in the record, which counts the others; all are weighed
_MOST_CHARACTERS = 200  # of one value in the record
_NOT_SURE = "not all of it was looked at, or some of it may be somebody else's"


@dataclass(frozen=True, slots=True)
class Claim:
    """A source names a patient. What is not `valid` (placeholders, folder words, what a rule ignores) is shown but not
    weighed. `id` is the clinic's id for the value, where that is another."""

    source: EvidenceSource
    value: str
    where: str
    valid: bool
    id: str = ""

    @property
    def patient(self) -> str:
        return self.id or identity(self.value)


def content_claims(match: Match, content: Extraction | None, found: Identities) -> Iterator[Claim]:
    believed = match.rule.content is not Trust.IGNORE
    for candidate in content.patient_candidates if content else ():
        patient = found.meanings.get(candidate)
        where = f"{candidate.where} of {candidate.system}" if candidate.system else candidate.where
        if patient is not None and patient != identity(candidate.value):
            where = f"{where}, here {patient}"
        valid = believed and patient is not None
        yield Claim(EvidenceSource.CONTENT, candidate.value, where, valid, patient or "")


def patient_claims(
    match: Match,
    metadata: Iterable[tuple[str, str]],
    hints: Hints,
    rules: RuleTable,
    directory: Listing | None,
) -> Iterator[Claim]:
    def claim(source: EvidenceSource, value: str, where: str, valid: bool = True) -> Claim:
        is_damaged = source is not EvidenceSource.HINT and damaged_number(value)
        known = directory and directory.clinic_id(value)
        names = valid and not is_damaged and (known is not None or not rules.is_placeholder(value))
        return Claim(source, value, where, names, known or "")

    if hints.patient_id is not None:
        yield claim(EvidenceSource.HINT, hints.patient_id, "patient_id")
    for name, value in metadata:
        if name.lower() in PATIENT_METADATA:
            believed = match.rule.metadata is not Trust.IGNORE
            yield claim(EvidenceSource.METADATA, metadata_text(value), name, valid=believed)
    if match.patient is not None:
        listed = match.may_name_patient and directory is not None and directory.clinic_id(match.patient)
        yield claim(
            EvidenceSource.KEY, match.patient, match.rule.name, valid=match.names_patient or bool(listed)
        )


def patient_evidence(
    claims: Sequence[Claim],
    patient: Patient,
    deciding: frozenset[EvidenceSource],
    content: Extraction | None,
    directory: Listing | None,
) -> Iterator[Evidence]:
    for source in EvidenceSource:
        found = [claim for claim in claims if claim.source is source]
        shown = _shown(found)
        for claim in shown:
            used = claim.valid and source in deciding and claim.patient == patient.id
            value, where = claim.value[:_MOST_CHARACTERS], claim.where[:_MOST_CHARACTERS]
            listed = None if directory is None else directory.clinic_id(claim.patient) is not None
            yield Evidence("patient", source, value, where, used, listed)
        if len(shown) < len(found):
            further = {claim.patient for claim in found if claim.valid} - {claim.patient for claim in shown}
            where = f"{len(found) - len(shown)} more, of {len(further)} other patients"
            yield Evidence("patient", source, "", where, used=False)
    if content is not None and not content.candidates_complete:
        yield Evidence("patient", EvidenceSource.CONTENT, "", _NOT_SURE, used=False)


def _shown(claims: Sequence[Claim]) -> Sequence[Claim]:
    """Choose the evidence that the record has room for: each patient named once before any is named twice."""
    firsts = set({c.patient: at for at, c in reversed(list(enumerate(claims))) if c.valid}.values())
    order = sorted(range(len(claims)), key=lambda at: (at not in firsts, at))
    return [claims[at] for at in sorted(order[:_MOST_CANDIDATES])]
