"""What a landing object is and whose: from its key, its metadata, hints and what stands in its content.

Invariants: what a person decided to be nobody's is nobody's; else a session's assignment decides, or a hint; where
these two name different patients, or without them any two sources do, or two records of the content, the patient is
unknown (`conflict`), never a choice between them; only a patient from whom the assignment took the session is
overruled; a placeholder is no evidence, nor a damaged number outside of a hint; content that was only partly looked at,
or that holds a record of nobody, may contradict but never decides alone; a source that the rule does not trust to
decide makes an object unknown at most, and never somebody's; all evidence is kept, used or not. With a directory,
nobody is known whom it does not list, whatever names them; an identifier means the patient whose it is there, a merged
one the patient they were merged into; and what describes somebody else than the patient named is a conflict, unless a
person decided.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from carefile.core.deciding.agent_sessions import snapshot_tree
from carefile.core.deciding.claims import Claim, content_claims, patient_claims, patient_evidence
from carefile.core.deciding.corroboration import Held, TextEvidence, hold
from carefile.core.deciding.identity import Identities, identities, identity
from carefile.core.deciding.metadata import PATIENT_METADATA, metadata_text
from carefile.core.deciding.rules import Match, Rule, RuleTable
from carefile.core.filing.names import SESSION_PREFIX, split_extension, with_session_prefix
from carefile.core.model import (
    Assignment,
    Classification,
    Decision,
    DecisionType,
    Evidence,
    EvidenceSource,
    Hints,
    Kind,
    Patient,
    SessionPart,
    Trust,
    UnknownReason,
)
from carefile.core.patients.directory import Listing, Person, Wanted
from carefile.core.patients.entries import Identifier

if TYPE_CHECKING:
    from carefile.core.documents.extraction import Extraction, PatientCandidate

_MOST_ID_BYTES = 1024  # nobody's id is longer, and DynamoDB takes a key of 2,048
# What no uploader of another prefix can say.
_WHO_NAMES_FOR_GOOD = (EvidenceSource.ASSIGNMENT, EvidenceSource.HINT, EvidenceSource.KEY)
_WITHOUT_PATIENT = frozenset((DecisionType.NOBODY, DecisionType.TAKE_BACK))
_DECISIONS = frozenset((EvidenceSource.ASSIGNMENT, EvidenceSource.HINT))
_MOST_LOOKED_UP = 40  # of the content's identifiers; a document with more is about several patients
INACTIVE = "inactive-patient"


def classify(
    key: str,
    metadata: Iterable[tuple[str, str]],
    rules: RuleTable,
    hints: Hints | None = None,
    content: Extraction | None = None,
    assignment: Assignment | None = None,
    directory: Listing | None = None,
    text: TextEvidence | None = None,
) -> Classification:
    """Classify a landing object. `content` is what was extracted from it, if it was read; `assignment` the decision
    about the session that it is part of; `directory` what the patient directory says, where it is in use, of all that
    `to_look_up` names; `text` what the content's text mentions, where that is held against the directory."""
    hints = hints or Hints()
    match = rules.match(key)
    kind = hints.kind or match.rule.kind
    found = _identities(content, rules, directory)
    claims = [
        *patient_claims(match, metadata, hints, rules, directory),
        *content_claims(match, content, found),
    ]
    if assignment and assignment.patient_id is not None:
        decided_id = directory and directory.clinic_id(assignment.patient_id)
        claims.insert(
            0,
            Claim(
                EvidenceSource.ASSIGNMENT, assignment.patient_id, "session", valid=True, id=decided_id or ""
            ),
        )
    replaced = _replaced(assignment, directory)
    nobodys = _is_nobodys(hints, assignment)
    if nobodys:
        patient, deciding = Patient(reason=UnknownReason.NO_EVIDENCE), frozenset[EvidenceSource]()
    else:
        patient, deciding = _decide(
            claims,
            replaced=replaced,
            found=found,
            content_may_decide=content is not None and content.candidates_complete and found.all_named,
            distrusted=_distrusted(match.rule),
        )
    if directory is not None:
        patient = _listed(patient, deciding, rules, directory, content, found)
        deciding = deciding if patient.id is not None else frozenset()
    held = Held()
    if text is not None and match.rule.content is not Trust.IGNORE and not nobodys:
        patient, held = _with_text(patient, deciding, match.rule, text, content, claims, replaced)
        deciding = deciding if patient.id is not None else frozenset()
    evidence = [
        *_kind_evidence(match, hints),
        *patient_evidence(claims, patient, deciding, content, directory),
        *held.evidence,
    ]

    file_name = key.rpartition("/")[2]
    stem, extension = split_extension(file_name)
    session = _session(key, match, hints, stem, file_name) if kind is Kind.SESSION else None
    name = hints.document_name if hints.document_name and hints.document_name.strip() else stem
    plain = _may_have_plain_name(match, kind, patient, claims)
    inactive = directory is not None and patient.id is not None and directory.is_inactive(patient.id)
    return Classification(
        kind,
        patient,
        match.rule.name,
        name,
        extension,
        session,
        tuple(evidence),
        plain,
        suggestions=held.suggestions,
        decision=_decision(deciding, hints, assignment),
        warnings=(INACTIVE,) if inactive else (),
    )


def _is_nobodys(hints: Hints, assignment: Assignment | None) -> bool:
    """Whether a person decided that it is no patient's: that of a session, whatever hints its objects have."""
    if assignment and assignment.is_nobodys:
        return True
    no_patient = assignment is None or assignment.patient_id is None
    return no_patient and hints.decision is not None and hints.decision.type is DecisionType.NOBODY


def _decision(
    deciding: frozenset[EvidenceSource], hints: Hints, assignment: Assignment | None
) -> Decision | None:
    """The decision that holds: the one that named the patient, or the one by which the evidence is not asked, or is
    asked again."""
    if assignment and (EvidenceSource.ASSIGNMENT in deciding or assignment.is_nobodys):
        return assignment.decision
    reverses = hints.decision is not None and hints.decision.type in _WITHOUT_PATIENT
    if EvidenceSource.HINT in deciding or reverses:
        return hints.decision
    return assignment.decision if assignment and assignment.patient_id is None else None


def to_look_up(
    key: str,
    metadata: Iterable[tuple[str, str]],
    rules: RuleTable,
    hints: Hints | None = None,
    content: Extraction | None = None,
    assignment: Assignment | None = None,
) -> Wanted:
    """Everything to look up in the patient directory before this object is classified."""
    match = rules.match(key)
    named = [metadata_text(value) for name, value in metadata if name.lower() in PATIENT_METADATA]
    if match.patient is not None and match.may_name_patient:
        named.append(match.patient)
    if hints and hints.patient_id is not None:
        named.append(hints.patient_id)
    if assignment:
        named += (*filter(None, (assignment.patient_id,)), *assignment.replaced)
    candidates = (
        tuple(dict.fromkeys((it.value, it.system) for it in content.patient_candidates)) if content else ()
    )
    asked = candidates[:_MOST_LOOKED_UP]
    meant = (
        identity(rule.patient.replace("{id}", identity(it.value)))
        for it in (content.patient_candidates[:_MOST_LOOKED_UP] if content else ())
        for rule in rules.identifiers
        if rule.patient is not None and rule.matches(it)
    )
    ids = {identity(value) for value in (*named, *(value for value, _ in asked), *meant)}
    return Wanted(
        frozenset(one for one in ids if one and _fits(one)),
        frozenset(Identifier.of(system, value) for value, system in asked if system),
    )


def _replaced(assignment: Assignment | None, directory: Listing | None) -> frozenset[str]:
    """The patients from whom a session was taken, by the ids that they had and by those that they have now."""
    if assignment is None:
        return frozenset()
    now = filter(None, map(directory.clinic_id, assignment.replaced)) if directory else ()
    return assignment.replaced | frozenset(now)


def persons_described(content: Extraction | None) -> tuple[Person, ...]:
    """The patients whom structured fields of a document describe, by name and date of birth."""
    described = (
        (dict(entity.attributes) for entity in content.entities if entity.type == "Patient")
        if content
        else ()
    )
    return tuple(
        Person(fields["name"], fields["birth date"])
        for fields in described
        if fields.keys() >= {"name", "birth date"}
    )


def _listed(
    patient: Patient,
    deciding: frozenset[EvidenceSource],
    rules: RuleTable,
    directory: Listing,
    content: Extraction | None,
    found: Identities,
) -> Patient:
    """The patient, if the directory holds one of that id and nothing that it knows contradicts it."""
    if patient.id is None:
        return patient
    listed = directory.clinic_id(patient.id)
    if listed is None:
        return Patient(reason=UnknownReason.UNLISTED)
    if deciding & _DECISIONS:
        return Patient(listed)
    of_several = any(len(_leads_to(candidate, rules, directory)) > 1 for candidate in found.meanings)
    if of_several or directory.contradicts(listed, persons_described(content)):
        return Patient(reason=UnknownReason.CONFLICT)
    return Patient(listed)


def _with_text(
    patient: Patient,
    deciding: frozenset[EvidenceSource],
    rule: Rule,
    text: TextEvidence,
    content: Extraction | None,
    claims: Sequence[Claim],
    replaced: frozenset[str],
) -> tuple[Patient, Held]:
    """The patient once the text is held against the directory: the text contradicts all but a person's decision, and
    decides, where it may, only what nothing else names."""
    if deciding & _DECISIONS:
        return patient, Held()
    may_decide = (
        patient.reason is UnknownReason.NO_EVIDENCE
        and rule.content is Trust.DECIDES
        and content is not None
        and content.candidates_complete
    )
    held = hold(patient.id, text, may_decide=may_decide)
    if held.contradicts:
        return Patient(reason=UnknownReason.CONFLICT), held
    named = {claim.patient for claim in claims if claim.valid}
    if held.decides is None:
        return patient, held
    if (
        held.decides in replaced
        or named - {held.decides}
        or text.listing.contradicts(held.decides, persons_described(content))
    ):
        return patient, hold(patient.id, text, may_decide=False)
    return Patient(held.decides), held


def _leads_to(candidate: PatientCandidate, rules: RuleTable, directory: Listing) -> frozenset[str]:
    """The listed patients whose an identifier is: by its system, and as a number of the clinic, or as what the rule
    table makes of it."""
    value = candidate.value
    rule = next((rule for rule in rules.identifiers if rule.matches(candidate)), None)
    if rule and rule.patient is not None:
        value = rule.patient.replace("{id}", identity(value))
    return directory.resolve(
        value, Identifier.of(candidate.system, candidate.value) if candidate.system else None
    )


def _fits(patient_id: str) -> bool:
    return len(patient_id.encode("utf-8", "surrogatepass")) <= _MOST_ID_BYTES


def _distrusted(rule: Rule) -> frozenset[EvidenceSource]:
    """The sources that the rule does not trust to decide."""
    trust = {EvidenceSource.METADATA: rule.metadata, EvidenceSource.CONTENT: rule.content}
    return frozenset(source for source, how in trust.items() if how is not Trust.DECIDES)


def _may_have_plain_name(match: Match, kind: Kind, patient: Patient, claims: Sequence[Claim]) -> bool:
    """A session's plain name below a patient is for those whose key or whose decision names the patient; nobody's is
    for all but strangers. A document's is for rules that trust all that it says."""
    if kind is Kind.DOCUMENT:
        return match.rule.trusted
    if patient.id is None:
        return match.rule.metadata is not Trust.IGNORE
    return any(c.valid and c.source in _WHO_NAMES_FOR_GOOD and c.patient == patient.id for c in claims)


def _identities(content: Extraction | None, rules: RuleTable, directory: Listing | None) -> Identities:
    candidates = content.patient_candidates if content else ()
    if directory is None:
        return identities(candidates, rules.identifiers, rules.is_placeholder)

    def listed(candidate: PatientCandidate) -> frozenset[str]:
        return _leads_to(candidate, rules, directory)

    def names_nobody(value: str) -> bool:
        return rules.is_placeholder(value) and directory.clinic_id(value) is None

    return identities(candidates, rules.identifiers, names_nobody, listed)


def _decide(
    claims: Sequence[Claim],
    *,
    replaced: frozenset[str],
    found: Identities,
    content_may_decide: bool,
    distrusted: frozenset[EvidenceSource],
) -> tuple[Patient, frozenset[EvidenceSource]]:
    """Decide the patient, and return the sources that decided."""
    valid = [(claim.source, claim.patient) for claim in claims if claim.valid]
    assigned = {value for source, value in valid if source is EvidenceSource.ASSIGNMENT}
    decided = {
        source: value
        for source, value in valid
        if source is EvidenceSource.ASSIGNMENT
        or (source is EvidenceSource.HINT and (value in assigned or value not in replaced))
    }
    if decided:
        patients = set(decided.values())
        if len(patients) > 1:
            return Patient(reason=UnknownReason.CONFLICT), frozenset()
        return Patient(patients.pop()), frozenset(decided)
    weighed = _weigh(valid, found, content_may_decide)
    if not distrusted:
        return weighed
    trusted = _weigh(
        [(source, value) for source, value in valid if source not in distrusted], found, content_may_decide
    )
    if weighed[0].id is None or trusted[0] == weighed[0]:
        return weighed
    return Patient(reason=trusted[0].reason or UnknownReason.CONFLICT), frozenset()


def _weigh(
    valid: Sequence[tuple[EvidenceSource, str]], found: Identities, content_may_decide: bool
) -> tuple[Patient, frozenset[EvidenceSource]]:
    """Weigh evidence that no decision overrules; return the patient and the sources that name them."""
    outside = frozenset(value for source, value in valid if source is not EvidenceSource.CONTENT)
    sources = frozenset(source for source, _ in valid)
    named = outside
    if found.persons and EvidenceSource.CONTENT in sources:
        named = found.shared & outside if outside else found.shared
    if len(outside) > 1 or len(named) > 1 or (sources and not named):
        return Patient(reason=UnknownReason.CONFLICT), frozenset()
    if not named or (sources == {EvidenceSource.CONTENT} and not content_may_decide):
        return Patient(reason=UnknownReason.NO_EVIDENCE), frozenset()
    (patient_id,) = named
    if not _fits(patient_id):
        return Patient(reason=UnknownReason.NO_EVIDENCE), frozenset()
    return Patient(patient_id), sources


def session_tree(key: str, rules: RuleTable) -> str | None:
    """The landing prefix that holds the session of a key (or the key itself, for a session in one file); None where
    the rule table takes the key for a document's."""
    match = rules.match(key)
    return _tree(key, match)[0] if match.rule.kind is Kind.SESSION else None


def _kind_evidence(match: Match, hints: Hints) -> Iterator[Evidence]:
    if hints.kind:
        yield Evidence("kind", EvidenceSource.HINT, hints.kind.value, "kind", used=True)
    yield Evidence("kind", EvidenceSource.KEY, match.rule.kind.value, match.rule.name, used=not hints.kind)


def _session(key: str, match: Match, hints: Hints, stem: str, file_name: str) -> SessionPart:
    tree, sub_path = _tree(key, match)
    session_id = match.session or stem
    if match.of_snapshots:
        session_id = f"{SESSION_PREFIX}{session_id}"
    if hints.session_id and hints.session_id.strip():
        session_id = hints.session_id
    return SessionPart(with_session_prefix(session_id), tree, sub_path or file_name)


def _tree(key: str, match: Match) -> tuple[str, str]:
    """The session's tree and the path below it, which is empty for a session in one file."""
    if match.session is None:
        return key, ""
    if match.of_snapshots:
        return snapshot_tree(key, match.session_start, match.session_end)
    return key[: match.session_end + 1], key[match.session_end + 1 :]
