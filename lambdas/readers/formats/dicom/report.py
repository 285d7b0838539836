"""The text of a DICOM structured report: containers as headings, what is found in them as lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lambdas.readers.draft import Draft
from lambdas.readers.formats.dicom.values import person, rendered
from lambdas.readers.hl7_values import joined

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_MOST_LEVELS = 50
_SHOWN_ELSEWHERE = ("IMAGE", "WAVEFORM", "COMPOSITE")  # in files of their own, to which the item refers
_VALUES = {"TEXT": "TextValue", "DATE": "Date", "TIME": "Time", "DATETIME": "DateTime", "UIDREF": "UID"}


def describe_report(data: Dataset, draft: Draft) -> None:
    if rendered(data, "ValueType") == "CONTAINER":
        _describe(data, 1, draft)


def _describe(item: Dataset, level: int, draft: Draft) -> None:
    if level > _MOST_LEVELS:
        draft.cut("levels", "A report is nested deeper than is read.", _MOST_LEVELS)
        return
    name = _concept(item, "ConceptNameCodeSequence")
    if rendered(item, "ValueType") == "CONTAINER":
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
        _describe(below, level + 1, draft)


def _value(item: Dataset) -> str:
    type_ = rendered(item, "ValueType")
    if type_ == "NUM":
        measured = joined(map(_measured, _items(item, "MeasuredValueSequence")), ", ")
        qualifier = _concept(item, "NumericValueQualifierCodeSequence")
        return f"{measured} ({qualifier})" if measured and qualifier else measured or qualifier
    if type_ == "CODE":
        return _concept(item, "ConceptCodeSequence")
    if type_ == "PNAME":
        return person(item, "PersonName")
    if type_ in _SHOWN_ELSEWHERE:
        return f"({type_.lower()})"
    return rendered(item, _VALUES[type_]) if type_ in _VALUES else ""


def _measured(item: Dataset) -> str:
    unit = joined(rendered(code, "CodeValue") for code in _items(item, "MeasurementUnitsCodeSequence"))
    return joined((rendered(item, "NumericValue"), "" if unit == "1" else unit))


def _concept(item: Dataset, sequence: str) -> str:
    return joined(
        rendered(code, "CodeMeaning") or rendered(code, "CodeValue") for code in _items(item, sequence)
    )


def _items(item: Dataset, sequence: str) -> list[Any]:
    try:
        return list(item.get(sequence) or ())
    except Exception:
        return []
