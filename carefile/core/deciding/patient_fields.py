"""What columns, members and fields of a form that hold a patient's id are called, as people and programs write it.

The names are data of the rule file. `MRN #`, `mrn_no` and `MRN number` are one name, `PatientID` and `patient id` too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

LONGEST_NAME = 40
# What every rule file has that names no others, the first before the next where a record has several.
STANDARD = ("patient_id", "medical_record_number", "mrn", "patient_identifier", "patientId")

_NUMBER_SIGN = re.compile(r"[#№]|n[º°]", re.IGNORECASE)
_NO_LETTERS = re.compile(r"[\W_]+")
_NUMBER = re.compile(r"(?<=.)(?:number|num|nbr|no|nr)$")


@dataclass(frozen=True, slots=True)
class PatientFields:
    """The names in order of preference. An exact match comes before one that only reads alike."""

    names: tuple[str, ...] = STANDARD
    _exact: Mapping[str, int] = field(init=False, repr=False, compare=False)
    _alike: Mapping[str, int] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ranked = list(enumerate(self.names))
        object.__setattr__(self, "_exact", {name: rank for rank, name in reversed(ranked)})
        object.__setattr__(self, "_alike", {_plain(name): rank for rank, name in reversed(ranked)})

    @classmethod
    def of(cls, names: Sequence[str]) -> PatientFields:
        return cls(tuple(names))

    def rank(self, name: str) -> int | None:
        """The place of a name in the order, None if it is no name of a patient's id."""
        if not name or len(name) > LONGEST_NAME:
            return None
        rank = self._exact.get(name)
        return self._alike.get(_plain(name)) if rank is None else rank

    def may_stand_in(self, text: str) -> bool:
        """Whether a text could contain such a name at all: cheaper than checking every word."""
        letters = _plain(text)
        return any(_NUMBER.sub("", name) in letters for name in self._alike)


def _plain(name: str) -> str:
    letters = _NO_LETTERS.sub("", _NUMBER_SIGN.sub("no", name.casefold()))
    return _NUMBER.sub("number", letters)


STANDARD_FIELDS = PatientFields()
