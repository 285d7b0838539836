"""A table with a header: which column is what, by its name or by the operator's word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from carefile.core.deciding.damaged_numbers import damaged_number
from carefile.core.deciding.identity import identity
from carefile.core.patients.dates import birth_date
from carefile.core.patients.entries import Identifier, PersonName, Sex, Statement
from carefile.core.patients.feeds.records import FeedRecord, Registered, Unusable, UnusableFeed
from carefile.core.patients.names import folded

_BY_HEADER = {
    "id": "id patientid mrn medicalrecordnumber nohistoria nohistoriaclinica "
    "recordnumber patientnumber historiaclinica nhistoria nrohistoria nhc",
    "name": "name fullname patientname nombrecompleto paciente",
    "family": "family familyname lastname surname apellido apellidos",
    "given": "given givenname givennames firstname nombre nombres",
    "birth_date": "birthdate dateofbirth dob born fechanacimiento fechadenacimiento nacimiento",
    "sex": "sex gender sexo genero",
    "status": "status active estado activo",
}
_FIELDS = {word: field for field, words in _BY_HEADER.items() for word in words.split()}
_SEXES = {
    "f": Sex.FEMALE, "female": Sex.FEMALE, "femenino": Sex.FEMALE, "mujer": Sex.FEMALE, "m": Sex.MALE,
    "male": Sex.MALE, "masculino": Sex.MALE, "hombre": Sex.MALE, "o": Sex.OTHER, "other": Sex.OTHER,
    "otro": Sex.OTHER, "a": Sex.OTHER, "u": Sex.UNKNOWN, "unknown": Sex.UNKNOWN,
}  # fmt: skip
_INACTIVE = frozenset(("inactive", "false", "no", "0", "n", "inactivo", "deceased", "archived"))
_IDENTIFIER = "identifier:"


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands. `identifiers` are by system."""

    fields: Mapping[str, int]
    identifiers: Mapping[str, int] = field(default_factory=dict)
    width: int = 0
    day_first: bool | None = None

    @classmethod
    def of(
        cls, header: Sequence[str], chosen: Mapping[str, str] | None = None, *, day_first: bool | None = None
    ) -> Columns:
        """The columns by their headers; `chosen` says of a field (`id`, `birth_date`, `identifier:SYSTEM`, …) which."""
        places = {_plain(text): at for at, text in reversed(list(enumerate(header)))}
        fields = {_FIELDS[name]: at for name, at in reversed(places.items()) if name in _FIELDS}
        identifiers = {
            text.strip()[len(_IDENTIFIER) :]: at
            for at, text in enumerate(header)
            if text.strip().lower().startswith(_IDENTIFIER)
        }
        for name, column in (chosen or {}).items():
            if _plain(column) not in places:
                raise UnusableFeed(f"there is no column {column!r}; the header has {', '.join(header)}")
            if name.startswith(_IDENTIFIER) and len(name) > len(_IDENTIFIER):
                identifiers[name[len(_IDENTIFIER) :]] = places[_plain(column)]
            elif name in _BY_HEADER:
                fields[name] = places[_plain(column)]
            else:
                allowed = ", ".join((*_BY_HEADER, "identifier:SYSTEM"))
                raise UnusableFeed(f"{name!r} is no field of a patient; allowed: {allowed}")
        if "id" not in fields:
            raise UnusableFeed(
                "no column of the header is the patient's id; name it with --columns id=COLUMN"
            )
        return cls(fields, identifiers, len(header), day_first)

    def row(self, cells: Sequence[str], where: int) -> FeedRecord:
        """What one row states."""
        if len(cells) != self.width:
            return Unusable(f"it has {len(cells)} cells where the header has {self.width}", where)

        def cell(name: str) -> str:
            return cells[self.fields[name]].strip() if name in self.fields else ""

        patient_id = identity(cell("id"))
        if not patient_id:
            return Unusable("it has no patient id", where)
        if damaged_number(patient_id):
            return Unusable("its patient id was damaged by a spreadsheet (1.2E+11, 4711.0, a date)", where)
        born = birth_date(cell("birth_date"), day_first=self.day_first) if cell("birth_date") else ""
        if born is None:
            return Unusable(
                "its birth date is no date, or may be two: use --day-first or --month-first", where
            )
        name = PersonName(cell("name"), cell("family"), tuple(cell("given").split()))
        return Registered(
            patient_id,
            Statement(
                (name,) if name.in_full else (),
                born,
                _SEXES.get(cell("sex").casefold(), ""),
                frozenset(
                    Identifier.of(system, cells[at])
                    for system, at in self.identifiers.items()
                    if cells[at].strip()
                ),
                folded(cell("status")) not in _INACTIVE,
            ),
            where,
        )


def _plain(header: str) -> str:
    return "".join(character for character in folded(header) if character.isalnum())
