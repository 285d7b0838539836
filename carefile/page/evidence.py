"""Why a document has no patient, and what a person decided, in words for people: who said what, when and why."""

from __future__ import annotations

from collections.abc import Iterable

from carefile.core.deciding.damaged_numbers import damaged_number
from carefile.core.model import Decision, DecisionType, Evidence, EvidenceSource, Patient, UnknownReason
from carefile.page.render import moment

_SAYS = {
    EvidenceSource.ASSIGNMENT: "the decision about the session says",
    EvidenceSource.HINT: "the hint says",
    EvidenceSource.METADATA: "the metadata say",
    EvidenceSource.KEY: "the folder says",
    EvidenceSource.CONTENT: "the document says",
    EvidenceSource.DIRECTORY: "the patient directory says",
}
_MOST = 20  # statements of one page
_OPENINGS = {
    UnknownReason.CONFLICT: "The patient is unknown, because not everything names the same one.",
    UnknownReason.NO_EVIDENCE: "The patient is unknown, because nothing names one beyond doubt.",
    UnknownReason.UNLISTED: "The patient is unknown, because the patient directory does not hold the id that is named.",
}


_DECIDED = {
    DecisionType.ASSIGN: "assigned it to this patient",
    DecisionType.HINT: "named this patient",
    DecisionType.NOBODY: "decided that it is no patient's",
    DecisionType.TAKE_BACK: "took an earlier decision back",
}


def who_decided(decision: Decision | None) -> str:
    """The decision that holds, as a sentence; nothing where nobody decided."""
    if decision is None or decision.type not in _DECIDED:
        return ""
    why = f": {decision.reason}" if decision.reason else ""
    return f"{decision.decided_by} {_DECIDED[decision.type]}, {moment(decision.decided_at)}{why}"


def why_unknown(patient: Patient, evidence: Iterable[Evidence]) -> tuple[str, ...]:
    """The reason, then what each source says of the patient, each once; nothing where the patient is known."""
    if patient.id is not None:
        return ()
    statements: dict[str, None] = {}
    for item in evidence:
        if item.about == "patient":
            statements.setdefault(_statement(item))
    opening = (
        _OPENINGS.get(patient.reason, "The patient is unknown.")
        if patient.reason
        else "The patient is unknown."
    )
    if not statements:
        return (f"{opening} Neither folder, metadata nor document name anybody.",)
    return (opening, *list(statements)[:_MOST])


def _statement(item: Evidence) -> str:
    if not item.value:
        return _sentence(
            f"{'of the document' if item.source is EvidenceSource.CONTENT else 'also'}: {item.where}"
        )
    if item.source in (EvidenceSource.TEXT, EvidenceSource.PICTURE):
        what = "text" if item.source is EvidenceSource.TEXT else "picture"
        if item.listed:
            return _sentence(f"the {what} suggests “{item.value}” ({item.where})")
        return _sentence(
            f"the {what} says “{item.value}”, which the patient directory does not list ({item.where})"
        )
    says = _SAYS[item.source]
    place = f" ({item.where})" if item.source is EvidenceSource.CONTENT else ""
    doubt = ", which a program has damaged" if damaged_number(item.value) else ""
    return _sentence(f"{says} “{item.value}”{doubt}{place}")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
