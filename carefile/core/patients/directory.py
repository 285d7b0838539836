"""What the directory says of the ids that a round has to do with: asked for, answered, and compared at its end.

Invariants: an id that is not among the answers is not listed; an id that was merged is the id it was merged into, and
a chain of merges that has no end leads to nobody; two answers are equal exactly when nothing was decided in between.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field

from carefile.core.deciding.identity import identity
from carefile.core.patients.dates import birth_date, same_date
from carefile.core.patients.entries import Identifier, PatientEntry, PatientState
from carefile.core.patients.names import same_name

MAX_MERGES = 100  # one after another, of one id


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be looked up: ids of the clinic, and identifiers that may be a patient's. Of a text: numbers that may
    be either, and the patients of these dates of birth, or of these names, each a set of words."""

    ids: frozenset[str] = frozenset()
    identifiers: frozenset[Identifier] = frozenset()
    numbers: frozenset[str] = frozenset()
    birth_dates: frozenset[str] = frozenset()
    names: frozenset[frozenset[str]] = frozenset()

    def __bool__(self) -> bool:
        return any((self.ids, self.identifiers, self.numbers, self.birth_dates, self.names))

    def __or__(self, other: Wanted) -> Wanted:
        return Wanted(
            self.ids | other.ids,
            self.identifiers | other.identifiers,
            self.numbers | other.numbers,
            self.birth_dates | other.birth_dates,
            self.names | other.names,
        )

    def beside(self, known: Known) -> Wanted:
        """What is still to be looked up. A number that is no listed id may be another identifier's."""
        wanted, listing = known
        return Wanted(
            self.ids - wanted.ids,
            self.identifiers - wanted.identifiers,
            self.numbers - listing.entries.keys(),
            self.birth_dates - wanted.birth_dates,
            self.names - wanted.names,
        )


@dataclass(frozen=True, slots=True)
class Person:
    """Whom the structured fields of a document describe."""

    name: str
    birth_date: str


@dataclass(frozen=True, slots=True)
class Listing:
    """What is listed of what was asked for. `owners` are the patients who have an identifier, as their own entries
    confirm; `crowded` the dates and words that more patients have than could be looked at."""

    entries: Mapping[str, PatientEntry] = field(default_factory=dict)
    owners: Mapping[Identifier, frozenset[str]] = field(default_factory=dict)
    crowded: frozenset[str] = frozenset()

    def __or__(self, other: Listing) -> Listing:
        return Listing(
            {**self.entries, **other.entries}, {**self.owners, **other.owners}, self.crowded | other.crowded
        )

    def clinic_id(self, value: str) -> str | None:
        """The id under which the patient of this id is filed; None where it is not listed."""
        found = identity(value)
        for _ in range(MAX_MERGES):
            entry = self.entries.get(found)
            if entry is None:
                return None
            if entry.merged_into is None:
                return found
            found = entry.merged_into
        return None

    def resolve(self, value: str, identifier: Identifier | None) -> frozenset[str]:
        """The listed patients that a value leads to: as an id of the clinic, and as an identifier, where it is one."""
        owners = self.owners.get(identifier, frozenset()) if identifier else frozenset()
        return frozenset(filter(None, map(self.clinic_id, {*owners, value})))

    def is_inactive(self, patient: str) -> bool:
        entry = self.entries.get(patient)
        return entry is not None and entry.state is PatientState.INACTIVE

    def contradicts(self, patient: str, persons: Iterable[Person]) -> bool:
        """Whether the document describes a person of another name and another birth date than the patient's, and than
        those of whom is looked at and was merged into the patient."""
        theirs = [entry for one, entry in self.entries.items() if self.clinic_id(one) == patient]
        names = [name.in_full for entry in theirs for name in entry.names]
        dates = frozenset(date for entry in theirs for date in entry.birth_dates)
        return bool(names and dates) and any(_is_another(names, dates, person) for person in persons)


def _is_another(names: Sequence[str], birth_dates: Set[str], person: Person) -> bool:
    born = birth_date(person.birth_date[:10])
    if not person.name or born is None:
        return False
    other_name = not any(same_name(name, person.name) for name in names)
    return other_name and not any(same_date(known, born) for known in birth_dates)


Known = tuple[Wanted, Listing]  # what was asked before, and the answer
