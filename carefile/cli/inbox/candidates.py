"""Whose a document may be: patients that it, its key or its metadata point to, each with what speaks for and against.

It only orders what a person then looks at. What was found here decides nothing and is stored nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from carefile.cli.aws.connection import Connection
from carefile.cli.aws.directory import Patients
from carefile.cli.aws.entries import Entries, Entry, SessionSummary
from carefile.cli.inbox.queue import Row
from carefile.core.deciding.identity import identity
from carefile.core.model import EvidenceSource, UnknownReason
from carefile.core.patients.dates import birth_date, dates_in
from carefile.core.patients.entries import PatientEntry, PatientState
from carefile.core.patients.names import name_words

_SHOWN = 8
_MOST_DATES = 12  # of a document, each is looked up once
_FILED = 4  # of what is filed under a patient


@dataclass(frozen=True, slots=True)
class Point:
    """One thing that speaks for or against a patient: the name of its sentence, the values in it, and its weight."""

    name: str
    weight: int
    values: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A patient. `entry` is the directory's, None where it lists nobody of this id; `filed` is what else is theirs."""

    id: str
    entry: PatientEntry | None
    points: tuple[Point, ...] = ()
    filed: tuple[Entry | SessionSummary, ...] = ()
    more_filed: bool = False
    near: tuple[PatientEntry, ...] = field(default=())

    @property
    def name(self) -> str:
        return self.entry.names[0].in_full if self.entry and self.entry.names else ""

    @property
    def born(self) -> tuple[str, ...]:
        return tuple(sorted(self.entry.birth_dates)) if self.entry else ()

    @property
    def pros(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.weight > 0)

    @property
    def cons(self) -> tuple[Point, ...]:
        return tuple(point for point in self.points if point.weight < 0)

    @property
    def weight(self) -> int:
        return sum(point.weight for point in self.points)


class Candidates:
    def __init__(self, connection: Connection) -> None:
        self._entries = Entries(connection)
        self._patients = Patients(connection) if connection.has_directory else None
        self.are_listed_only = connection.has_directory and connection.patients_are_listed

    def of(self, row: Row, text: str) -> list[Candidate]:
        """Return the candidates of a document, the best first."""
        named: dict[str, list[Point]] = {}
        for one in row.filed.about_patient:
            patient = self._meant(one.value)
            weight = 2 if one.source in (EvidenceSource.TEXT, EvidenceSource.PICTURE) else 3
            point = Point(f"for.{one.source.value}", weight, (("value", one.value),))
            named.setdefault(patient, []).append(point)
        for suggestion in row.filed.suggestions:
            named.setdefault(suggestion.patient_id, []).append(Point("for.suggested", 3))
        for patient in row.same_bytes:
            named.setdefault(patient, []).append(Point("for.same_bytes", 2))
        entries = self._listed(named)
        if (
            row.reason == UnknownReason.NO_EVIDENCE
        ):  # then a folder is a folder, unless it is called like a patient
            mere = {one.value for one in row.filed.about_patient if one.source is EvidenceSource.KEY}
            named = {id_: points for id_, points in named.items() if id_ in entries or id_ not in mere}
        born = dates_in(text)
        words = frozenset(name_words(text))
        for entry in self._born_on(born):
            if _is_named(entry, words):
                entries.setdefault(entry.id, entry)
                named.setdefault(entry.id, [])
        found = [
            self._candidate(id_, entries.get(id_), points, born, words, named)
            for id_, points in named.items()
            if id_
        ]
        return sorted(found, key=lambda one: (-one.weight, one.id))[:_SHOWN]

    def chosen(self, patient_id: str, row: Row, text: str) -> Candidate:
        """Return a patient whom a person chose or typed, with what else is filed there and, if the directory does not
        list the id, whose id is near."""
        known = next((one for one in self.of(row, text) if one.id == patient_id), None)
        entry = self._listed([patient_id]).get(patient_id)
        found = known or self._candidate(
            patient_id, entry, [], dates_in(text), frozenset(name_words(text)), {patient_id: []}
        )
        near = tuple(self._patients.near(patient_id)) if self._patients and entry is None else ()
        listed, more = self._entries.page_of_patient(patient_id, after=None, most=_FILED, newest_first=True)
        return Candidate(found.id, entry, found.points, tuple(one for _, one in listed), more, near)

    def search(self, text: str) -> list[PatientEntry]:
        """Return the listed patients of this name, date of birth or number. Of what looks like a number none of a
        similar name: a slip of the hand must not find somebody else."""
        if self._patients is None or not text.strip():
            return []
        found = self._patients.search(text.strip())
        if any(character.isdigit() for character in text) and not dates_in(text) and not birth_date(text):
            number = identity(text)
            return [
                one for one in found if number == one.id or number in {each.value for each in one.identifiers}
            ]
        return found

    @property
    def has_directory(self) -> bool:
        return self._patients is not None

    def _candidate(
        self,
        patient_id: str,
        entry: PatientEntry | None,
        points: Sequence[Point],
        born: frozenset[str],
        words: frozenset[str],
        named: Iterable[str],
    ) -> Candidate:
        stated = list(dict.fromkeys(points))
        others = [other for other in named if other and other != patient_id]
        if entry is None:
            if self._patients is not None:
                stated.append(Point("against.unlisted", -2))
        else:
            if _is_named(entry, words):
                stated.append(Point("for.name", 2))
            if entry.birth_dates & born:
                stated.append(Point("for.born", 2))
            elif born and entry.birth_dates and points:
                stated.append(Point("against.born", -1))
            if entry.state is PatientState.INACTIVE:
                stated.append(Point("against.inactive", -1))
            if entry.merged_into is not None:
                stated.append(Point("against.merged", -3, (("into", entry.merged_into),)))
        if others and points:
            stated.append(Point("against.others", -1))
        return Candidate(patient_id, entry, tuple(stated))

    def _meant(self, value: str) -> str:
        """Return the clinic's id for a value, where the directory knows it as a further identifier."""
        if self._patients is None or self._listed([value]):
            return identity(value)
        found = self._patients.search(value) if self._patients.any_is_listed([value]) else []
        return found[0].id if len(found) == 1 else identity(value)

    def _listed(self, ids: Iterable[str]) -> dict[str, PatientEntry]:
        wanted = [one for one in ids if one]
        return self._patients.get_many(wanted)[0] if self._patients and wanted else {}

    def _born_on(self, dates: frozenset[str]) -> list[PatientEntry]:
        if self._patients is None:
            return []
        return [entry for date in sorted(dates)[:_MOST_DATES] for entry in self._patients.search(date)]


def _is_named(entry: PatientEntry, words: frozenset[str]) -> bool:
    """Whether all of one of the patient's names stands in a text, or two words of it that are no mere initials."""
    for name in entry.names:
        own = {word for word in name_words(name.in_full) if len(word) > 1}
        if len(own) >= 2 and (own <= words or len(own & words) >= 2):
            return True
    return False
