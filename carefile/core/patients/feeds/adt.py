"""An HL7 v2 ADT message: who is registered or changed (A01, A04, A05, A08, A28, A31), and who was merged (A40)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from carefile.core.deciding.identity import identity, of_a_visit_type, plain_system
from carefile.core.patients.dates import birth_date
from carefile.core.patients.entries import Identifier, PersonName, Sex, Statement
from carefile.core.patients.feeds.records import FeedRecord, Merged, Registered, Unconcerned, Unusable
from carefile.core.patients.moments import moment

_REGISTERS = frozenset(("A01", "A04", "A05", "A08", "A28", "A31"))
_MERGES = "A40"
_SEXES = {"F": Sex.FEMALE, "M": Sex.MALE, "O": Sex.OTHER, "A": Sex.OTHER, "U": Sex.UNKNOWN}
_NULL = '""'


@dataclass(frozen=True, slots=True)
class _Separators:
    field: str
    component: str
    repetition: str
    escape: str
    subcomponent: str

    def text(self, raw: str) -> str:
        if raw == _NULL:
            return ""
        meant = {
            "F": self.field,
            "S": self.component,
            "R": self.repetition,
            "T": self.subcomponent,
            "E": self.escape,
        }
        escape = re.escape(self.escape)
        return re.sub(f"{escape}([FSRTE]){escape}", lambda match: meant[match[1]], raw).strip()


@dataclass(frozen=True, slots=True)
class _Number:
    value: str
    systems: tuple[str, ...]
    type: str


def message(segments: Sequence[str], id_system: str | None, where: int) -> Iterator[FeedRecord]:
    """What a message says, of each patient in it. The patient's id is the PID-3 of `id_system`; without one, the
    medical record number, or the only one."""
    header = segments[0]
    if not header.startswith("MSH") or len(header) < 9:
        yield Unusable("it begins with no MSH segment", where)
        return
    apart = _Separators(header[3], *header[4:8])
    fields = header.split(apart.field)
    type_, event, *_ = [*(fields[8] if len(fields) > 8 else "").split(apart.component), "", ""]
    if type_ != "ADT" or event not in {*_REGISTERS, _MERGES}:
        yield Unconcerned(where)
        return
    stated_at = moment(fields[6]) if len(fields) > 6 else ""
    current: _Number | None = None
    is_any = False
    for segment in segments[1:]:
        parts = segment.split(apart.field)
        if parts[0] == "PID":
            is_any = True
            numbers = list(_numbers(parts, 3, apart))
            current = _own(numbers, id_system)
            if current is None:
                how = (
                    "several numbers in PID-3 that can be"
                    if numbers
                    else "no PID-3, thus no number that can be"
                )
                yield Unusable(f"it has {how} the patient's id; see --id-system", where)
            else:
                yield _registered(parts, current, numbers, apart, stated_at, where)
        elif parts[0] == "MRG" and event == _MERGES and current is not None:
            before = _own(list(_numbers(parts, 1, apart)), id_system)
            if before is None:
                yield Unusable("its MRG segment says not which patient was merged", where)
            elif before.value != current.value:
                yield Merged(before.value, current.value, where, stated_at)
    if not is_any:
        yield Unusable("it has no PID segment", where)


def _registered(
    parts: Sequence[str],
    own: _Number,
    numbers: Sequence[_Number],
    apart: _Separators,
    stated_at: str,
    where: int,
) -> FeedRecord:
    written = apart.text(_field(parts, 7).split(apart.component)[0])
    born = birth_date(_date(written)) if written else ""
    if born is None:
        return Unusable("its birth date (PID-7) is no date", where)
    return Registered(
        own.value,
        Statement(
            tuple(_names(parts, apart)),
            born,
            _SEXES.get(apart.text(_field(parts, 8)).upper(), ""),
            frozenset(Identifier.of(system, one.value) for one in numbers for system in one.systems),
            stated_at=stated_at,
        ),
        where,
    )


def _own(numbers: Sequence[_Number], id_system: str | None) -> _Number | None:
    if id_system is not None:
        mine = [one for one in numbers if plain_system(id_system) in map(plain_system, one.systems)]
    else:
        mine = [one for one in numbers if one.type == "MR"] or list(numbers)
    return mine[0] if len({one.value for one in mine}) == 1 else None


def _numbers(parts: Sequence[str], field: int, apart: _Separators) -> Iterator[_Number]:
    """The numbers of a field of type CX; by the universal id of who gave it, and by the name they go by."""
    for repetition in _field(parts, field).split(apart.repetition):
        components = [*repetition.split(apart.component), "", "", "", "", ""]
        value = identity(apart.text(components[0].split(apart.subcomponent)[0]))
        authority = [apart.text(part) for part in components[3].split(apart.subcomponent)[:2]]
        type_ = apart.text(components[4]).upper()
        if value and not of_a_visit_type(type_):
            yield _Number(value, tuple(filter(None, authority)), type_)


def _names(parts: Sequence[str], apart: _Separators) -> Iterator[PersonName]:
    for repetition in _field(parts, 5).split(apart.repetition):
        family, given, more, *_ = [*repetition.split(apart.component), "", "", ""]
        name = PersonName(
            "",
            apart.text(family.split(apart.subcomponent)[0]),
            tuple(filter(None, (apart.text(given), apart.text(more)))),
        )
        if name.in_full:
            yield name


def _field(parts: Sequence[str], number: int) -> str:
    return parts[number] if number < len(parts) else ""


def _date(written: str) -> str:
    """A date as HL7 writes it, as exactly as it is known."""
    digits = re.match(r"\d+", written)
    text = digits[0] if digits else written
    return {4: text, 6: f"{text[:4]}-{text[4:]}"}.get(len(text), f"{text[:4]}-{text[4:6]}-{text[6:8]}")
