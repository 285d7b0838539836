"""A patient of the directory: what each source states of them, and what the clinic decided.

Invariants: what a source states replaces what the same source stated before, never what another one did, and nothing
older replaces what is newer, also where the newer statement only repeated what was known; a patient merged into another
has no id of their own any more; stating the same again at the same moment changes nothing, the revision included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from carefile.core.deciding.identity import identity, plain_system
from carefile.core.model import Decision
from carefile.core.patients.moments import moment


class PatientState(StrEnum):
    ACTIVE = "active"
    INACTIVE = "inactive"
    MERGED = "merged"


class Sex(StrEnum):
    FEMALE = "female"
    MALE = "male"
    OTHER = "other"
    UNKNOWN = "unknown"


class Change(StrEnum):
    """What stating something did to the directory."""

    NEW = "new"
    CHANGED = "changed"
    SAME = "unchanged"
    FORGOTTEN = "forgotten"


@dataclass(frozen=True, slots=True, order=True)
class Identifier:
    """A further identifier of a patient. An OID is one whether or not it is written as a URN."""

    system: str
    value: str

    @classmethod
    def of(cls, system: str, value: str) -> Identifier:
        return cls(plain_system(system), identity(value))


@dataclass(frozen=True, slots=True)
class PersonName:
    """A name, as text or in parts."""

    text: str = ""
    family: str = ""
    given: tuple[str, ...] = ()

    @property
    def in_full(self) -> str:
        return self.text or " ".join(filter(None, (*self.given, self.family)))

    def to_json(self) -> dict[str, Any]:
        pairs = {"text": self.text, "family": self.family, "given": list(self.given)}
        return {name: value for name, value in pairs.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> PersonName:
        return cls(data.get("text", ""), data.get("family", ""), tuple(data.get("given", ())))


@dataclass(frozen=True, slots=True)
class Statement:
    """What one source states of a patient. `birth_date` is ISO 8601, as exactly as it is known; `stated_at` is empty
    where the source does not say when, and else in the form that `moment` gives it."""

    names: tuple[PersonName, ...] = ()
    birth_date: str = ""
    sex: str = ""
    identifiers: frozenset[Identifier] = frozenset()
    active: bool = True
    stated_at: str = ""

    @property
    def facts(self) -> Statement:
        """The same without the moment."""
        return replace(self, stated_at="")

    def to_json(self) -> dict[str, Any]:
        pairs: dict[str, Any] = {
            "names": [name.to_json() for name in self.names],
            "birth_date": self.birth_date,
            "sex": self.sex,
            "identifiers": [{"system": one.system, "value": one.value} for one in sorted(self.identifiers)],
            "status": "" if self.active else PatientState.INACTIVE.value,
            "stated_at": self.stated_at,
        }
        return {name: value for name, value in pairs.items() if value}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Statement:
        """The statement in a detail of `Patient Registered`, or in an item of the table."""
        return cls(
            tuple(PersonName.from_json(name) for name in data.get("names", ())),
            data.get("birth_date", ""),
            data.get("sex", ""),
            frozenset(Identifier.of(one["system"], one["value"]) for one in data.get("identifiers", ())),
            data.get("status") != PatientState.INACTIVE.value,
            moment(data.get("stated_at", "")),
        )


@dataclass(frozen=True, slots=True)
class PatientEntry:
    """A patient who is listed. `statements` are by source; `merged_into` is whose records are these now, by `decision`,
    which is there too where a merge was taken back."""

    id: str
    statements: Mapping[str, Statement] = field(default_factory=dict)
    merged_into: str | None = None
    revision: int = 0
    decision: Decision | None = None

    @property
    def state(self) -> PatientState:
        if self.merged_into is not None:
            return PatientState.MERGED
        latest = max(self.statements.values(), key=lambda one: one.stated_at, default=Statement())
        return PatientState.ACTIVE if latest.active else PatientState.INACTIVE

    @property
    def names(self) -> tuple[PersonName, ...]:
        return tuple(dict.fromkeys(name for one in self._all for name in one.names))

    @property
    def birth_dates(self) -> frozenset[str]:
        """One, unless sources contradict each other."""
        return frozenset(one.birth_date for one in self._all if one.birth_date)

    @property
    def sex(self) -> str:
        return next((one.sex for one in self._all if one.sex), "")

    @property
    def identifiers(self) -> frozenset[Identifier]:
        return frozenset(identifier for one in self._all for identifier in one.identifiers)

    @property
    def _all(self) -> Iterable[Statement]:
        return (self.statements[source] for source in sorted(self.statements))

    def says_the_same(self, other: PatientEntry) -> bool:
        """Whether two entries differ in moments and revisions at most."""
        facts = [{source: one.facts for source, one in it.statements.items()} for it in (self, other)]
        return facts[0] == facts[1] and self.merged_into == other.merged_into

    def merged(self, into: str | None, decision: Decision) -> PatientEntry:
        """The entry as a decision leaves it: merged into another patient, or, for None, on its own again."""
        return replace(self, merged_into=into, decision=decision, revision=self.revision + 1)

    def stating(self, source: str, statement: Statement) -> PatientEntry:
        """The entry with what a source states now; the same entry where that says nothing new.

        What is only repeated later is recorded with its moment, or else a statement from in between would replace it.
        """
        known = self.statements.get(source)
        if known is not None:
            is_older = bool(statement.stated_at) and statement.stated_at < known.stated_at
            is_repeated = statement.facts == known.facts and statement.stated_at in ("", known.stated_at)
            if is_older or is_repeated:
                return self
        return replace(self, statements={**self.statements, source: statement}, revision=self.revision + 1)


def change_between(before: PatientEntry | None, after: PatientEntry) -> Change:
    """What became of an entry."""
    if before is None:
        return Change.NEW
    return Change.SAME if before.says_the_same(after) else Change.CHANGED
