"""A made-up clinic's patients, with all that makes patients hard to distinguish. No person is real.

Twins; fathers and sons of one name; namesakes, some of one birth date; birth dates that many share; family names that
changed; two family names; accents; ids of which two digits swapped make another patient's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random

from carefile.core.patients.entries import Identifier, PatientEntry, PersonName, Statement

_GIVEN = (
    "Ana", "María", "Eva", "Lucía", "Carmen", "Elena", "Sofía", "Inés", "Noa", "Julia", "Juan", "José", "Luis",
    "Carlos", "Miguel", "Ángel", "Pedro", "Javier", "Raúl", "Óscar", "Mary", "Emma", "Olivia", "Grace", "Chloe",
    "Ruth", "Alice", "Helen", "Kate", "Zoë", "John", "James", "Peter", "Paul", "David", "Thomas", "George", "Henry",
    "Seán", "Björn", "Fatima", "Aisha", "Omar", "Yusuf", "Chidi", "Ngozi", "Amara", "Wei", "Mei", "Hiro", "Yuki",
    "Priya", "Arjun", "Ivan", "Olga", "Łukasz", "Zofia", "Jürgen", "Anaïs", "René",
)  # fmt: skip
_FAMILY = (
    "García", "Martínez", "López", "Sánchez", "Pérez", "Gómez", "Ruiz", "Hernández", "Díaz", "Moreno", "Muñoz",
    "Álvarez", "Romero", "Gil", "Soto", "Núñez", "Ibáñez", "Smith", "Jones", "Taylor", "Brown", "Williams",
    "Wilson", "Johnson", "Davies", "Wright", "O'Neill", "Clarke", "Green", "Hall", "Wood", "Baker", "Carter",
    "Reid", "Müller", "Schröder", "Weiß", "Kowalski", "Nowak", "Novák", "Dvořák", "Rossi", "Bianchi", "Silva",
    "Santos", "Costa", "Okafor", "Adeyemi", "Mensah", "Nguyen", "Tran", "Wang", "Zhang", "Kim", "Tanaka", "Sato",
    "Singh", "Patel", "Khan", "Ivanova", "Petrov", "Haddad", "Yılmaz", "Demir", "Jensen", "Sørensen", "Åberg",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Person:
    """A patient as the clinic lists them. `former` is the family name that older documents have."""

    id: str
    given: str
    family: tuple[str, ...]
    born: date
    further: str = ""
    former: str = ""

    @property
    def name(self) -> str:
        return " ".join((self.given, *self.family))

    @property
    def entry(self) -> PatientEntry:
        identifiers = frozenset({Identifier.of("1.2.3", self.further)} if self.further else ())
        name = PersonName(family=" ".join(self.family), given=(self.given,))
        return PatientEntry(self.id).stating(
            "ehr", Statement((name,), self.born.isoformat(), identifiers=identifiers)
        )


def people(count: int, seed: int) -> list[Person]:
    """So many patients; of every hundred, half have something in common with another one."""
    draw = Random(seed)  # noqa: S311 - a corpus, not a secret
    found: dict[str, Person] = {}
    for person in _drawn(draw):
        found.setdefault(person.id, person)
        if len(found) == count:
            break
    return list(found.values())


def _drawn(draw: Random) -> Iterator[Person]:
    numbers = draw.sample(range(100_000, 999_999), 200_000)
    next_id: Callable[[], str] = map(str, numbers).__next__
    shared = [_born(draw) for _ in range(10)]
    while True:
        one = _person(draw, next_id())
        yield one
        chance = draw.random()
        if chance < 0.08:  # a twin, with the next number
            yield replace(one, id=str(int(one.id) + 1), given=_other(draw, one.given), further="")
        elif chance < 0.16:  # a son or daughter of the same name
            yield replace(
                one, id=next_id(), born=one.born + timedelta(days=draw.randint(7000, 14000)), further=""
            )
        elif chance < 0.22:  # a namesake
            yield replace(one, id=next_id(), born=_born(draw), further="")
        elif chance < 0.24:  # of one birth date
            yield replace(one, id=next_id(), further="")
        elif chance < 0.30:  # a number with two digits swapped
            swapped = one.id[:2] + one.id[3] + one.id[2] + one.id[4:]
            yield _person(draw, swapped)
        elif chance < 0.36:
            yield replace(_person(draw, next_id()), born=draw.choice(shared))
        elif chance < 0.42:
            yield replace(_person(draw, next_id()), former=draw.choice(_FAMILY))


def _person(draw: Random, number: str) -> Person:
    family = tuple(draw.sample(_FAMILY, 2 if draw.random() < 0.4 else 1))
    given = draw.choice(_GIVEN)
    if draw.random() < 0.2:
        given += f" {_other(draw, given)}"
    further = f"N-{draw.randint(10_000, 99_999)}" if draw.random() < 0.3 else ""
    return Person(number, given, family, _born(draw), further)


def _born(draw: Random) -> date:
    return date(1930, 1, 1) + timedelta(days=draw.randrange(34_000))


def _other(draw: Random, given: str) -> str:
    return draw.choice([it for it in _GIVEN if it not in given])
