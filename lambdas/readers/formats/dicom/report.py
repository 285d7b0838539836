"""The text of a DICOM structured report: containers as headings, what is found in them as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambdas.readers.draft import Draft
from lambdas.readers.formats.dicom.values import person, told
from lambdas.readers.hl7_values import joined

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MOST_LEVELS = 50
_VALUES = {"TEXT": "TextValue", "DATE": "Date", "TIME": "Time", "DATETIME": "DateTime", "UIDREF": "UID"}


def tell_report(data: Dataset, draft: Draft) -> None:
    if told(data, "ValueType") == "CONTAINER":
        _tell(data, 1, draft)


def _tell(item: Dataset, level: int, draft: Draft) -> None:
    if level > _MOST_LEVELS:
        draft.cut("levels", "A report is nested deeper than is read.", _MOST_LEVELS)
        return
    name = _concept(item, "ConceptNameCodeSequence")
    if told(item, "ValueType") == "CONTAINER":
        draft.heading(name or "Section", level)
        section, line = name or None, ""
    else:
        section = None
        line = joined((name, _value(item)), ": ")
    if line:
        draft.text(line, section=section)
    for below in _items(item, "ContentSequence"):
        if draft.is_full:
            draft.text("-")  # one character too many: the draft says what it leaves out
            return
        _tell(below, level + 1, draft)


def _value(item: Dataset) -> str:
    type_ = told(item, "ValueType")
    if type_ == "NUM":
        for measured in _items(item, "MeasuredValueSequence"):
            unit = joined(
                told(code, "CodeValue") for code in _items(measured, "MeasurementUnitsCodeSequence")
            )
            return joined((told(measured, "NumericValue"), "" if unit == "1" else unit))
    if type_ == "CODE":
        return _concept(item, "ConceptCodeSequence")
    if type_ == "PNAME":
        return person(item, "PersonName")
    return told(item, _VALUES[type_]) if type_ in _VALUES else ""


def _concept(item: Dataset, sequence: str) -> str:
    return joined(told(code, "CodeMeaning") or told(code, "CodeValue") for code in _items(item, sequence))


def _items(item: Dataset, sequence: str) -> list[Any]:
    try:
        return list(item.get(sequence) or ())
    except Exception:
        return []
