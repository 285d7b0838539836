"""Documents about these patients, with the noise of real ones: typing errors, other people, wrong folders.

A document knows what is true of it: whose it is, what its source says wrongly, and whether anything in it says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from random import Random

from benchmarks.matching.people import Person

_MONTHS = (
    "enero", "febrero", "marzo", "abril", "mayo", "junio", "julio", "agosto", "septiembre", "octubre", "noviembre",
    "diciembre",
)  # fmt: skip
_PROSE = (
    "Blood pressure 130/80, pulse 72.",
    "Haemoglobin 13.4 g/dl, sodium 140 mmol/l.",
    "Se recomienda control en 3 meses.",
    "The patient reports no pain and takes ibuprofen 400 mg when needed.",
    "No abnormalities were seen on the images of 12/03/2024.",
    "Sin alergias conocidas. Exploración normal.",
)


_RELATIVES = ("Mother", "Father", "Next of kin", "Emergency contact", "Madre", "Hermana", "Guarantor")
_HEADING = "Patient:"


class Form(StrEnum):
    """How a document says whose it is."""

    TEXT = "text"
    TABLE = "table"
    FIELDS = "fields"  # of a clinical format


@dataclass(frozen=True, slots=True)
class Facts:
    """What a document says beside its labels; empty where it does not."""

    number: str = ""
    name: str = ""
    born: str = ""


@dataclass(frozen=True, slots=True)
class Made:
    """A document. `clear` are the facts that are the patient's own, exact and labelled."""

    number: int
    of: Person
    key: str
    metadata: tuple[tuple[str, str], ...]
    form: Form
    facts: Facts
    birth_date: date | None  # as fields have it
    lines: tuple[str, ...]
    wrong_at_source: Person | str | None
    mistyped: Person | str | None  # whom its number names
    clear: frozenset[str]
    mentioned: frozenset[str] = frozenset()  # ids of the other people in it

    def contradicts(self, other: Person | str) -> bool:
        """Whether the document says clearly that it is not of whom its source names: all three facts of the patient, or
        two where none is the other one's; in fields, name and birth date where neither is."""
        if not isinstance(other, Person):
            return False
        mine, theirs = ({*it.name.replace("-", " ").split()} for it in (self.of, other))
        shares = other.born == self.of.born or mine <= theirs or theirs <= mine
        if self.form is Form.FIELDS:
            return self.clear >= {"name", "born"} and not shares
        says_all = self.clear >= {"number", "name", "born"}
        return says_all or (len(self.clear) >= 2 and not shares and other.id not in self.mentioned)


class Writer:
    """Draws documents; the same seed draws the same."""

    def __init__(self, people: Sequence[Person], seed: int) -> None:
        self._people = people
        self._at = {person.id: at for at, person in enumerate(people)}
        self._draw = Random(seed)  # noqa: S311 - a corpus, not a secret

    def document(self, number: int) -> Made:
        draw, person = self._draw, self._draw.choice(self._people)
        form = draw.choices([Form.TEXT, Form.TABLE, Form.FIELDS], [6, 2, 2])[0]
        key, metadata, wrong = self._source(number, person)
        facts, born, clear, mistyped = self._facts(person, form)
        others = [self._someone(person) for _ in range(draw.choice((0, 0, 1, 1, 2)))]
        lines = self._lines(person, facts, form, others) if form is not Form.FIELDS else ()
        if not (facts.number or facts.name) and wrong is None:
            # The only heading is somebody else's, of a sheet before this one.
            wrong = next(
                (it for it in others if any(f"{_HEADING} {it.name} " in line for line in lines)), None
            )
        mentioned = frozenset(it.id for it in others)
        return Made(
            number,
            person,
            key,
            metadata,
            form,
            facts,
            born,
            lines,
            wrong,
            mistyped,
            frozenset(clear),
            mentioned,
        )

    def _source(
        self, number: int, person: Person
    ) -> tuple[str, tuple[tuple[str, str], ...], Person | str | None]:
        """Where it is uploaded, what the metadata say, and who is wrongly named by these."""
        draw, chance = self._draw, self._draw.random()
        loose = f"{draw.choice(('inbox', 'scans', 'radiology/2024', 'letters'))}/document {number}.x"
        if chance < 0.60:
            return loose, (), None
        said: Person | str = person
        if chance > 0.95:
            said = self._someone(person)
        elif chance > 0.91:
            said = self._mistyped(person.id)
        named = said if isinstance(said, str) else said.id
        wrong: Person | str | None = None if said == person else said
        if isinstance(wrong, str):
            wrong = self._listed(wrong)
        if draw.random() < 0.5:
            return loose, (("patient-id", named),), wrong
        return f"documents/{named}/document {number}.x", (), wrong

    def _facts(self, person: Person, form: Form) -> tuple[Facts, date | None, set[str], Person | str | None]:
        draw = self._draw
        clear: set[str] = set()
        number = name = born = ""
        wrong: Person | str | None = None
        chance = draw.random()
        if chance < 0.55:
            number = (
                person.further if person.further and chance < 0.1 and form is not Form.FIELDS else person.id
            )
            clear.add("number")
        elif chance < 0.65:
            number = self._mistyped(person.id)
            wrong = self._listed(number)
        elif form is Form.FIELDS:
            number = person.id
            clear.add("number")
        chance = draw.random()
        if chance < 0.55:
            name = self._name(person)
            clear.add("name")
        elif chance < 0.65:
            name = self._misspelt(self._name(person))
        elif chance < 0.75:
            name = f"{person.given[0]}. {' '.join(person.family)}"
        elif chance < 0.80 and person.former:
            name = f"{person.given} {person.former}"
        known: date | None = None
        chance = draw.random()
        if chance < 0.65:
            known = person.born
            clear.add("born")
        elif chance < 0.75:
            known = self._misdated(person.born)
        if known:
            born = self._date(known)
        return Facts(number, name, born), known, clear, wrong

    def _lines(self, person: Person, facts: Facts, form: Form, others: Sequence[Person]) -> tuple[str, ...]:
        draw = self._draw
        spanish = draw.random() < 0.4
        labels = (
            draw.choice(("Nº de historia", "NHC", "Historia clínica n.º", "ID del paciente"))
            if spanish
            else draw.choice(("MRN", "Medical record no.", "Patient ID", "MRN #", "Hospital number")),
            draw.choice(("Paciente", "Nombre y apellidos", "Nombre del paciente"))
            if spanish
            else draw.choice(("Patient", "Patient name", "Name", "Re")),
            draw.choice(("F. nac.", "Fecha de nacimiento"))
            if spanish
            else draw.choice(("DOB", "Date of birth", "D.O.B.", "Born")),
        )
        said = [
            f"{label}: {value}"
            for label, value in zip(labels, (facts.number, facts.name, facts.born), strict=True)
            if value
        ]
        draw.shuffle(said)
        if form is Form.TABLE:
            header = said
        else:
            header = (
                [" ".join(said)]
                if draw.random() < 0.3
                else ["   ".join(said)]
                if draw.random() < 0.3
                else said
            )
        body = [*draw.sample(_PROSE, 2)]
        if not facts.name and draw.random() < 0.5:
            body.insert(0, f"I saw {self._name(person)} today.")
        lines = ["Hospital de San Telmo", self._date(date(2024, 10, 1)), ""]
        noise = [self._noise(other) for other in others]
        before = [line for line in noise if draw.random() < 0.4]
        after = [line for line in noise if line not in before]
        for part in (*before, *header, "", *body, "", *after):
            lines.append(part)
            if part in before:
                lines.append("")
        return tuple(lines)

    def _noise(self, other: Person) -> str:
        """A line about somebody else."""
        draw = self._draw
        facts = f"{other.name}, MRN {other.id}, born {self._date(other.born)}"
        relative = draw.choice(_RELATIVES)
        return draw.choice(
            (
                f"{relative}: {facts}",
                f"{relative}: {other.name}",
                f"{relative}: {other.name}, DOB {self._date(other.born)}",
                f"Referring physician: Dr {other.name}",
                f"Médico: {other.name}",
                f"cc: {other.name}, {facts}",
                f"Previous patient: {facts}",
                f"09:30 {other.name} MRN {other.id} DOB {self._date(other.born)}",
                f"{_HEADING} {other.name} MRN: {other.id} DOB: {self._date(other.born)}",
                f"Laboratory number: {draw.randint(100_000, 999_999)}",
                f"The sister of {other.name} was seen on {self._date(other.born)}.",
            )
        )

    def _listed(self, number: str) -> Person | str:
        return self._people[self._at[number]] if number in self._at else number

    def _someone(self, person: Person) -> Person:
        """Somebody else: the neighbour in the list, half of the time, who may be a twin, a namesake or a child."""
        at = self._at[person.id]
        while True:
            other = (
                at + self._draw.choice((-1, 1))
                if self._draw.random() < 0.5
                else self._draw.randrange(len(self._at))
            )
            if other != at and 0 <= other < len(self._at):
                return self._people[other]

    def _name(self, person: Person) -> str:
        draw, chance = self._draw, self._draw.random()
        family = person.family
        if len(family) == 2 and chance < 0.25:
            family = family[:1]
        whole = f"{person.given} {draw.choice((' ', ' ', '-')).join(family)}"
        if chance > 0.8:
            whole = f"{' '.join(family).upper()}, {person.given}"
        return whole.translate(_BARE) if chance > 0.95 else whole

    def _mistyped(self, number: str) -> str:
        draw = self._draw
        at = draw.randrange(len(number) - 1)
        if draw.random() < 0.5 and number[at] != number[at + 1]:
            return number[:at] + number[at + 1] + number[at] + number[at + 2 :]
        return number[:at] + draw.choice([it for it in "0123456789" if it != number[at]]) + number[at + 1 :]

    def _misspelt(self, name: str) -> str:
        draw = self._draw
        at = draw.randrange(1, len(name) - 1)
        return (
            name[:at] + name[at + 1 :]
            if draw.random() < 0.5
            else name[:at] + draw.choice("aeiou") + name[at + 1 :]
        )

    def _misdated(self, born: date) -> date:
        return born + timedelta(days=self._draw.choice((-365, -30, -10, -1, 1, 9, 30, 3650)))

    def _date(self, day: date) -> str:
        return self._draw.choice(
            (
                day.isoformat(),
                f"{day:%d/%m/%Y}",
                f"{day:%m/%d/%Y}",
                f"{day:%d.%m.%y}",
                f"{day.day} {day:%B} {day.year}",
                f"{day:%B} {day.day}, {day.year}",
                f"{day.day} de {_MONTHS[day.month - 1]} de {day.year}",
            )
        )


_BARE = str.maketrans("áéíóúñÁÉÍÓÚÑ", "aeiounAEIOUN")
