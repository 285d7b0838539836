"""Identify a document's patient by the identifiers inside it: which of them count, and whose they are.

A record (a Patient, a PID, a recordTarget, a row) is one person's. Each issuer gives a person one number, so a record
with numbers of several issuers gives one person several names, and a record with two numbers of one issuer
contradicts itself. Nothing here chooses between equally good names; it lists them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from carefile.core.deciding.damaged_numbers import damaged_number

if TYPE_CHECKING:
    from carefile.core.documents.extraction import PatientCandidate

ANY_SYSTEM = "*"
# HL7 table 0203: accounts (AN, ANC, AND, ANT) and visits (VN). A patient has one for each stay or bill.
VISIT_TYPES = frozenset({"AN", "ANC", "AND", "ANT", "VN"})
_REPEATED = 5  # one character that often is what is typed where nothing is known
_OWN = "clinic"  # the namespace of what the rules translate: the clinic's own ids


@dataclass(frozen=True, slots=True)
class IdentifierRule:
    """What identifiers of a system or type mean to the clinic. `patient` is its id for one; None: nobody's."""

    system: str
    type: str | None
    patient: str | None

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> IdentifierRule:
        return cls(plain_system(data["system"]), data.get("type"), data.get("patient"))

    def matches(self, candidate: PatientCandidate) -> bool:
        if self.type is not None and self.type != candidate.type:
            return False
        return self.system in (ANY_SYSTEM, plain_system(candidate.system or ""))


@dataclass(frozen=True, slots=True)
class Name:
    """An id and its issuer. Equal ids of two issuers are two names."""

    namespace: str
    id: str


@dataclass(frozen=True, slots=True)
class Identities:
    """`meanings` are the candidates that count, each with the clinic's id for it; `persons` the names of each record;
    `all_named` is False where a record stands that names nobody.
    """

    meanings: Mapping[PatientCandidate, str]
    persons: tuple[frozenset[Name], ...]
    all_named: bool

    @property
    def shared(self) -> frozenset[str]:
        """The ids that all records have in common."""
        return (
            frozenset(name.id for name in frozenset.intersection(*self.persons))
            if self.persons
            else frozenset()
        )


def identity(value: str) -> str:
    """The form in which two writings of one id are equal. Case and inner spaces count: they may be two people."""
    return unicodedata.normalize("NFC", value.strip())


def is_placeholder(value: str, words: Set[str]) -> bool:
    """True for what stands where an id should be and names nobody: one of the words (casefolded), blanks, only zeros or
    dashes (`00000-0000000`), or one character five times or more (`999-99-9999`)."""
    plain = identity(value).casefold()
    if plain in words or " ".join(plain.split()) in words:
        return True
    bare = [c for c in unicodedata.normalize("NFKC", plain) if unicodedata.category(c)[0] not in "PZC"]
    different = {unicodedata.digit(c, c) for c in bare}
    return different <= {0} or (len(different) == 1 and len(bare) >= _REPEATED)


def of_a_visit(candidate: PatientCandidate) -> bool:
    """True for the number of a visit or an account, which the format itself calls so: it never decides whose."""
    return of_a_visit_type(candidate.type or "")


def of_a_visit_type(type_: str) -> bool:
    return type_.strip().upper() in VISIT_TYPES


def identities(
    candidates: Iterable[PatientCandidate],
    rules: tuple[IdentifierRule, ...],
    names_nobody: Callable[[str], bool],
    listed: Callable[[PatientCandidate], Set[str]] = lambda _: frozenset(),
) -> Identities:
    """What the candidates say. A rule's place in the table is its preference, and before those without a rule; before
    all of them are those of patients who are `listed`, which speak side by side."""
    weighed: dict[PatientCandidate, tuple[tuple[int, int], Name]] = {}
    nobody: list[PatientCandidate] = []
    for candidate in candidates:
        place, rule = next(
            ((at, rule) for at, rule in enumerate(rules) if rule.matches(candidate)), (len(rules), None)
        )
        says_nothing = names_nobody(candidate.value) or damaged_number(candidate.value)
        if says_nothing or of_a_visit(candidate) or (rule and rule.patient is None):
            nobody.append(candidate)
            continue
        value = identity(candidate.value)
        if patients := listed(candidate):
            # Where it leads to several, whoever classifies sees that too, and chooses none.
            weighed[candidate] = (-1, 0), Name(_OWN, min(patients))
            continue
        if rule and rule.patient is not None:
            name = Name(_OWN, identity(rule.patient.replace("{id}", value)))
        else:
            name = Name(f"system {plain_system(candidate.system or '')}", value)
        weighed[candidate] = (place, candidate.rank), name
    counting = _counting(weighed)
    return Identities(
        {candidate: name.id for candidate, name in counting.items()},
        tuple(_persons(counting)),
        all(any(_around(a, b) or _around(b, a) for b in weighed) for a in nobody),
    )


def _counting(
    weighed: Mapping[PatientCandidate, tuple[tuple[int, int], Name]],
) -> Mapping[PatientCandidate, Name]:
    """Those that no better one of their record, or of a record around it, speaks for. One around speaks for what lies
    within only where that agrees: with itself, and with the further names that stand beside the better one."""
    silent: set[PatientCandidate] = set()
    for scope in sorted({candidate.scope for candidate in weighed}, key=len, reverse=True):
        here = [candidate for candidate in weighed if candidate.scope == scope]
        within = [candidate for candidate in weighed if candidate.scope.startswith(f"{scope}/")]
        beside: dict[tuple[tuple[int, int], str], set[Name]] = {}
        for order, name in map(weighed.__getitem__, here):
            beside.setdefault((order, name.namespace), set()).add(name)
        speaking = {candidate: weighed[candidate][1] for candidate in within if candidate not in silent}
        agree = not speaking or bool(frozenset.intersection(*_persons(speaking)))
        for order, name in map(weighed.__getitem__, within):
            agree = agree and name in beside.get((order, name.namespace), {name})
        best = min(weighed[candidate][0] for candidate in here)
        silent |= {c for c in (*here, *(within if agree else ())) if best < weighed[c][0]}
    return {candidate: name for candidate, (_, name) in weighed.items() if candidate not in silent}


def _persons(counting: Mapping[PatientCandidate, Name]) -> Iterable[frozenset[Name]]:
    records: dict[str, set[Name]] = {}
    for candidate, name in counting.items():
        records.setdefault(candidate.scope, set()).add(name)
    for names in records.values():
        if len({name.namespace for name in names}) == len(names):
            yield frozenset(names)
        else:
            yield from (frozenset({name}) for name in names)


def _around(other: PatientCandidate, candidate: PatientCandidate) -> bool:
    """Whether the other one is in the same record, or in one around it."""
    return candidate.scope == other.scope or candidate.scope.startswith(other.scope + "/")


def plain_system(system: str) -> str:
    """A system in one form: an OID is one whether or not it is written as a URN."""
    return system.strip().removeprefix("urn:oid:")
